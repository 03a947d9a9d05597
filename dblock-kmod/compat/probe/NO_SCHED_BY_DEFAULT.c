// SPDX-License-Identifier: GPL-2.0-only
/* 2021-08, v5.15: no scheduler unless somebody chooses one. */
#include <linux/module.h>
#include <linux/blk-mq.h>
int probe(void);
int probe(void)
{
	return BLK_MQ_F_NO_SCHED_BY_DEFAULT;
}
MODULE_LICENSE("GPL");
