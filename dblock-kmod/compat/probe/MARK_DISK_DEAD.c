// SPDX-License-Identifier: GPL-2.0-only
/* 2022-03, v5.18: a disk that is gone fails all that comes. */
#include <linux/module.h>
#include <linux/blkdev.h>
void probe(struct gendisk *disk);
void probe(struct gendisk *disk)
{
	blk_mark_disk_dead(disk);
}
MODULE_LICENSE("GPL");
