/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zoned devices need what the block layer has since 2024-06, v6.11: it keeps
 * the writes to a zone in order by itself, whatever the scheduler.
 */
#ifndef _DBLOCK_COMPAT_ZONED_H
#define _DBLOCK_COMPAT_ZONED_H

#if defined(DBLOCK_HAVE_QUEUE_LIMITS_FEATURES) && defined(CONFIG_BLK_DEV_ZONED)
#define DBLOCK_ZONED	1
#else
#define DBLOCK_ZONED	0
#endif

/* 2025-11, v6.19: who wants the zones is a structure of the block layer's own. */
#ifdef DBLOCK_HAVE_REPORT_ZONES_ARGS
#define DBLOCK_REPORT_ARGS			struct blk_report_zones_args *args
#define DBLOCK_REPORT_ZONE(disk, zone, idx)	disk_report_zone(disk, zone, idx, args)
#else
#define DBLOCK_REPORT_ARGS			report_zones_cb cb, void *data
#define DBLOCK_REPORT_ZONE(disk, zone, idx)	((void)(disk), cb(zone, idx, data))
#endif

/* 2024-11, v6.13: what the device can and what is allowed are told apart. */
#ifndef DBLOCK_HAVE_MAX_HW_ZONE_APPEND
#define max_hw_zone_append_sectors	max_zone_append_sectors
#endif

/* 2025-05, v6.16: the queue is the request's. */
static inline int dblock_map_kern(struct request *rq, void *data, unsigned int length, gfp_t gfp)
{
#ifdef DBLOCK_HAVE_MAP_KERN_QUEUE
	return blk_rq_map_kern(rq->q, rq, data, length, gfp);
#else
	return blk_rq_map_kern(rq, data, length, gfp);
#endif
}

#endif /* _DBLOCK_COMPAT_ZONED_H */
