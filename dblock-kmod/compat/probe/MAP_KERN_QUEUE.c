// SPDX-License-Identifier: GPL-2.0-only
/* 2025-05, until v6.15: mapping memory for a request needs its queue. */
#include <linux/module.h>
#include <linux/blk-mq.h>
int probe(struct request *rq, void *data);
int probe(struct request *rq, void *data)
{
	return blk_rq_map_kern(rq->q, rq, data, 512, GFP_KERNEL);
}
MODULE_LICENSE("GPL");
