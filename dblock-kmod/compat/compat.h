/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver is written for the newest kernel. What older ones lack is made
 * here, so that the rest of the module does not know of them. What there is
 * says config.h, found out by compiling compat/probe/.
 */
#ifndef _DBLOCK_COMPAT_H
#define _DBLOCK_COMPAT_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/uio.h>
#include <linux/version.h>

#include "config.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "dblock needs a kernel of 6.1 or later"
#endif

#ifndef DBLOCK_HAVE_SHOULD_MERGE
#define BLK_MQ_F_SHOULD_MERGE	0
#endif

/* 2022-11, v6.2: names for the directions of an iov_iter; these are macros. */
#ifndef ITER_DEST
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#ifndef DBLOCK_HAVE_BLK_MODE_T
typedef fmode_t blk_mode_t;
#endif

#ifndef DBLOCK_HAVE_QUEUE_LIMITS_FEATURES

#define BLK_FEAT_WRITE_CACHE	(1U << 0)
#define BLK_FEAT_FUA		(1U << 1)
#define BLK_FEAT_ROTATIONAL	(1U << 2)
#define BLK_FEAT_STABLE_WRITES	(1U << 3)

struct dblock_compat_limits {
	unsigned int features;
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int max_hw_sectors;
	unsigned int max_segment_size;
	unsigned int max_hw_discard_sectors;
	unsigned int max_write_zeroes_sectors;
	unsigned int discard_granularity;
	unsigned int dma_alignment;
	unsigned short max_segments;
	unsigned short max_discard_segments;
};

static inline struct gendisk *dblock_compat_alloc_disk(struct blk_mq_tag_set *set,
						       const struct dblock_compat_limits *lim,
						       void *data)
{
	struct gendisk *disk = blk_mq_alloc_disk(set, data);
	struct request_queue *q;

	if (IS_ERR(disk))
		return disk;
	q = disk->queue;
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	blk_queue_io_min(q, lim->io_min);
	blk_queue_io_opt(q, lim->io_opt);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_dma_alignment(q, lim->dma_alignment);
	q->limits.discard_granularity = lim->discard_granularity;
	blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
	if (lim->max_discard_segments)
		blk_queue_max_discard_segments(q, lim->max_discard_segments);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE,
			      lim->features & BLK_FEAT_FUA);
	if (!(lim->features & BLK_FEAT_ROTATIONAL))
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	if (lim->features & BLK_FEAT_STABLE_WRITES)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
	return disk;
}

#define queue_limits dblock_compat_limits
#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk(set, lim, data) dblock_compat_alloc_disk(set, lim, data)

#endif /* DBLOCK_HAVE_QUEUE_LIMITS_FEATURES */

#endif /* _DBLOCK_COMPAT_H */
