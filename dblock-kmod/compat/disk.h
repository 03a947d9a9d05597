/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk's way into the world and out of it. */
#ifndef _DBLOCK_COMPAT_DISK_H
#define _DBLOCK_COMPAT_DISK_H

/* 2021-11, v5.17: no partitions at all. Before, they are only not looked for. */
#ifndef DBLOCK_HAVE_NO_PART
#define GENHD_FL_NO_PART	GENHD_FL_NO_PART_SCAN
#endif

/* 2021-08, v5.15: this can fail. */
#ifndef DBLOCK_HAVE_ADD_DISK_RESULT
static inline int dblock_compat_add_disk(struct device *parent, struct gendisk *disk,
					 const struct attribute_group **groups)
{
	device_add_disk(parent, disk, groups);
	return 0;
}

#define device_add_disk		dblock_compat_add_disk
#endif

/* 2020-12, v5.11: of whatever has it open, too. */
#ifndef DBLOCK_HAVE_SET_CAPACITY_AND_NOTIFY
#define set_capacity_and_notify(disk, size)	set_capacity_revalidate_and_notify(disk, size, true)
#endif

/* Adds it without a look for partitions. */
static inline int dblock_compat_add_unscanned(struct gendisk *disk)
{
	int ret;

#ifdef DBLOCK_HAVE_SUPPRESS_PART_SCAN
	set_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	ret = device_add_disk(NULL, disk, NULL);
	clear_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
#else
	/* Until 2022-06, v5.19. Nobody else looks at the flag before the disk is there. */
	int before = disk->flags & GENHD_FL_NO_PART;

	disk->flags |= GENHD_FL_NO_PART;
	ret = device_add_disk(NULL, disk, NULL);
	if (!before)
		disk->flags &= ~GENHD_FL_NO_PART;
#endif
	return ret;
}

/* 2022-03, v5.18: what there was marked the queue only. */
#ifndef DBLOCK_HAVE_MARK_DISK_DEAD
static inline void blk_mark_disk_dead(struct gendisk *disk)
{
	blk_set_queue_dying(disk->queue);
}
#endif

/* 2022-06, v6.0: put_disk() ends the queue of a disk, too. */
static inline void dblock_compat_put_disk(struct gendisk *disk, bool added)
{
#ifndef DBLOCK_HAVE_FREE_DISK
	/* A disk that was never added does not call free_disk. */
	if (!added)
		disk_to_dev(disk)->release = NULL;
#endif
#ifdef DBLOCK_HAVE_CLEANUP_QUEUE
	blk_cleanup_queue(disk->queue);
#ifndef DBLOCK_HAVE_BLK_MQ_ALLOC_DISK
	/* Adding it took the reference to its queue that put_disk() gives back. */
	if (!added)
		disk->queue = NULL;
#endif
#endif
	put_disk(disk);
}

#endif /* _DBLOCK_COMPAT_DISK_H */
