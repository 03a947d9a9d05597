// SPDX-License-Identifier: GPL-2.0-only
/* 2022-06, until v5.19: a queue is ended apart from its disk. */
#include <linux/module.h>
#include <linux/blkdev.h>
void probe(struct request_queue *q);
void probe(struct request_queue *q)
{
	blk_cleanup_queue(q);
}
MODULE_LICENSE("GPL");
