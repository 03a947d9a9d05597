// SPDX-License-Identifier: GPL-2.0-only
/* 2021-08, v5.15: adding a disk can fail. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(struct gendisk *disk);
int probe(struct gendisk *disk)
{
	int ret = device_add_disk(NULL, disk, NULL);

	return ret;
}
MODULE_LICENSE("GPL");
