/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kbuild puts this file before ops.c alone. An older kernel calls some functions
 * of the driver with other arguments: its table gets a wrapper of the function.
 */
#ifndef _DBLOCK_COMPAT_OPS_H
#define _DBLOCK_COMPAT_OPS_H

#include "../internal.h"

/* 2023-06, v6.5: open takes the gendisk, and release takes no mode. */
#ifndef DBLOCK_HAVE_BLK_MODE_T
static inline int dblock_compat_open(struct block_device *bdev, fmode_t mode)
{
	struct gendisk *disk = bdev->bd_disk;
	int ret = 0;

#ifdef GD_ADDING
	ret = wait_var_event_killable(&disk->state, !test_bit(GD_ADDING, &disk->state));
#endif
	return ret ?: dblock_disk_open(disk, mode);
}

static inline void dblock_compat_release(struct gendisk *disk, fmode_t mode)
{
	dblock_disk_release(disk);
}

#define dblock_disk_open	dblock_compat_open
#define dblock_disk_release	dblock_compat_release
#endif

/*
 * 2022-02, v5.18: the table has a free_disk. Before, disk.h calls the function,
 * and its line in the table sets another member to the value it has anyway.
 */
#ifndef DBLOCK_HAVE_FREE_DISK
#define free_disk		pr_ops
#define dblock_disk_free	NULL
#endif

/* 2022-07, until v5.19: a time-out has one more argument. */
#ifdef DBLOCK_HAVE_TIMEOUT_RESERVED
static inline enum blk_eh_timer_return dblock_compat_timeout(struct request *rq, bool reserved)
{
	return dblock_timeout(rq);
}

#define dblock_timeout		dblock_compat_timeout
#endif

/* 2025-11, v6.19: a report's arguments are a structure of the block layer's own. */
#if defined(CONFIG_BLK_DEV_ZONED) && !defined(DBLOCK_HAVE_REPORT_ZONES_ARGS)
static inline int dblock_compat_report_zones(struct gendisk *disk, sector_t sector,
					     unsigned int nr_zones, report_zones_cb cb, void *data)
{
	struct blk_report_zones_args args = { .cb = cb, .data = data };

	return dblock_report_zones(disk, sector, nr_zones, &args);
}

#define dblock_report_zones	dblock_compat_report_zones
#endif

#endif /* _DBLOCK_COMPAT_OPS_H */
