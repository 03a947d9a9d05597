// SPDX-License-Identifier: GPL-2.0-only
/* 2022-06, v5.19: a disk can be added without a look for partitions. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(void);
int probe(void)
{
	return GD_SUPPRESS_PART_SCAN;
}
MODULE_LICENSE("GPL");
