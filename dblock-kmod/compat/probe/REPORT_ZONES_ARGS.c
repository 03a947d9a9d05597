// SPDX-License-Identifier: GPL-2.0-only
/* 2025-11, v6.19: who wants the zones is a structure of the block layer's own. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(struct gendisk *disk, struct blk_zone *zone, struct blk_report_zones_args *args);
int probe(struct gendisk *disk, struct blk_zone *zone, struct blk_report_zones_args *args)
{
	return disk_report_zone(disk, zone, 0, args);
}
MODULE_LICENSE("GPL");
