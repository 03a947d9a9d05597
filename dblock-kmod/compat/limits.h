/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * 2024-06, v6.11: blk_mq_alloc_disk() takes the limits and features of the queue.
 * Before, functions set them one by one on an existing queue.
 */
#ifndef _DBLOCK_COMPAT_LIMITS_H
#define _DBLOCK_COMPAT_LIMITS_H

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

#ifdef DBLOCK_HAVE_BLK_MQ_ALLOC_DISK
static inline struct gendisk *dblock_compat_bare_disk(struct blk_mq_tag_set *set, void *data)
{
	return blk_mq_alloc_disk(set, data);
}
#else
/* 2021-06, v5.14: one call makes a disk and its queue. */
static inline struct gendisk *dblock_compat_bare_disk(struct blk_mq_tag_set *set, void *data)
{
	struct request_queue *q = blk_mq_init_queue_data(set, data);
	struct gendisk *disk;

	if (IS_ERR(q))
		return ERR_CAST(q);
	disk = alloc_disk(0);
	if (!disk) {
		blk_cleanup_queue(q);
		return ERR_PTR(-ENOMEM);
	}
	/* The kernel chooses the numbers of the disk and of all its partitions. */
	disk->flags |= GENHD_FL_EXT_DEVT;
	/* put_disk() gives back a reference to the queue, also of a disk that was never added. */
	WARN_ON_ONCE(!blk_get_queue(q));
	disk->queue = q;
	return disk;
}

/* Adding the disk takes such a reference once more. */
static inline void dblock_compat_add_with_queue(struct device *parent, struct gendisk *disk,
						const struct attribute_group **groups)
{
	device_add_disk(parent, disk, groups);
	blk_put_queue(disk->queue);
}

#define device_add_disk	dblock_compat_add_with_queue
#endif

static inline struct gendisk *dblock_compat_alloc_disk(struct blk_mq_tag_set *set,
						       const struct dblock_compat_limits *lim,
						       void *data)
{
	struct gendisk *disk = dblock_compat_bare_disk(set, data);
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
#ifdef QUEUE_FLAG_DISCARD
	/* 2022-04, until v5.18: discards need a flag, too. */
	if (lim->max_hw_discard_sectors)
		blk_queue_flag_set(QUEUE_FLAG_DISCARD, q);
#endif
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

#endif /* _DBLOCK_COMPAT_LIMITS_H */
