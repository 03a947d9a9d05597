// SPDX-License-Identifier: GPL-2.0-only
/* 2024-06, v6.11: the limits given to blk_mq_alloc_disk() (v6.9) have the features in them. */
#include <linux/module.h>
#include <linux/blk-mq.h>
struct gendisk *probe(struct blk_mq_tag_set *set);
struct gendisk *probe(struct blk_mq_tag_set *set)
{
	struct queue_limits lim = { .features = BLK_FEAT_WRITE_CACHE | BLK_FEAT_ROTATIONAL };

	return blk_mq_alloc_disk(set, &lim, NULL);
}
MODULE_LICENSE("GPL");
