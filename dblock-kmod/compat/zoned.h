/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 2024-06, v6.11: the block layer itself keeps the writes to a zone in order,
 * whatever the scheduler. The driver needs that for zoned devices, and so takes
 * an older kernel for one that is built without them. Every header that depends
 * on the option must be included before.
 */
#ifndef _DBLOCK_COMPAT_ZONED_H
#define _DBLOCK_COMPAT_ZONED_H

#ifndef DBLOCK_HAVE_QUEUE_LIMITS_FEATURES
#undef CONFIG_BLK_DEV_ZONED
#endif

/* 2025-11, v6.19: a report's arguments are a structure of the block layer's own. */
#ifndef DBLOCK_HAVE_REPORT_ZONES_ARGS
struct blk_report_zones_args {
	report_zones_cb cb;
	void *data;
};

static inline int disk_report_zone(struct gendisk *disk, struct blk_zone *zone, unsigned int idx,
				   struct blk_report_zones_args *args)
{
	return args->cb(zone, idx, args->data);
}
#endif

/* 2024-11, v6.13: the limit of the device and the limit in force are two members. */
#ifndef DBLOCK_HAVE_MAX_HW_ZONE_APPEND
#define max_hw_zone_append_sectors	max_zone_append_sectors
#endif

/* 2025-05, until v6.15: the caller names the request's queue. */
#ifdef DBLOCK_HAVE_MAP_KERN_QUEUE
static inline int dblock_compat_map_kern(struct request *rq, void *data, unsigned int length,
					 gfp_t gfp)
{
	return blk_rq_map_kern(rq->q, rq, data, length, gfp);
}

#define blk_rq_map_kern			dblock_compat_map_kern
#endif

#endif /* _DBLOCK_COMPAT_ZONED_H */
