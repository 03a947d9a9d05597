// SPDX-License-Identifier: GPL-2.0-only
/* 2024-12, until v6.13: merging is asked for; later it is always done. */
#include <linux/module.h>
#include <linux/blk-mq.h>
int probe(void);
int probe(void)
{
	return BLK_MQ_F_SHOULD_MERGE;
}
MODULE_LICENSE("GPL");
