// SPDX-License-Identifier: GPL-2.0-only
/* 2021-06, v5.14: a disk and its queue are made in one step. */
#include <linux/module.h>
#include <linux/blk-mq.h>
extern struct gendisk *probe(struct blk_mq_tag_set *set);
struct gendisk *probe(struct blk_mq_tag_set *set)
{
	return blk_mq_alloc_disk(set, NULL);
}
MODULE_LICENSE("GPL");
