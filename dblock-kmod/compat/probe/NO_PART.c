// SPDX-License-Identifier: GPL-2.0-only
/* 2021-11, v5.17: a disk may have no partitions at all. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(void);
int probe(void)
{
	return GENHD_FL_NO_PART;
}
MODULE_LICENSE("GPL");
