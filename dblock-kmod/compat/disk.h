/* SPDX-License-Identifier: GPL-2.0-only */
/* How a disk is added, and how it ends. */
#ifndef _DBLOCK_COMPAT_DISK_H
#define _DBLOCK_COMPAT_DISK_H

/* 2021-11, v5.17: the disk has no partitions. Before, the kernel only does not look for them. */
#ifndef DBLOCK_HAVE_NO_PART
#define GENHD_FL_NO_PART	GENHD_FL_NO_PART_SCAN
#endif

/* 2020-12, v5.11: tells of a new size. Before, a function with an argument more does. */
#ifndef DBLOCK_HAVE_SET_CAPACITY_AND_NOTIFY
#define set_capacity_and_notify(disk, size)	set_capacity_revalidate_and_notify(disk, size, true)
#endif

/* 2022-03, v5.18: marks the disk. Before, a function marks its queue only. */
#ifndef DBLOCK_HAVE_MARK_DISK_DEAD
static inline void blk_mark_disk_dead(struct gendisk *disk)
{
	blk_set_queue_dying(disk->queue);
}
#endif

/*
 * What an older device_add_disk() lacks is put around it, a layer for each change.
 * In a layer, device_add_disk() is the layer before it, or the kernel's function.
 */

/* 2021-08, v5.15: adding a disk can fail. */
#ifndef DBLOCK_HAVE_ADD_DISK_RESULT
static inline int dblock_compat_add_with_result(struct device *parent, struct gendisk *disk,
						const struct attribute_group **groups)
{
	device_add_disk(parent, disk, groups);
	return 0;
}

#undef device_add_disk
#define device_add_disk		dblock_compat_add_with_result
#endif

/*
 * 2022-02, v5.18: free_disk tells the driver when nobody can reach an added disk
 * any more. Before, the disk's device can tell: a release of its own is called
 * in place of its type's release, which frees the disk.
 */
#ifndef DBLOCK_HAVE_FREE_DISK
void dblock_disk_free(struct gendisk *disk);

static inline void dblock_compat_release_device(struct device *device)
{
	/* The disk may hold the last reference to the module, whose text this is. */
	__module_get(THIS_MODULE);
	dblock_disk_free(dev_to_disk(device));
	device->type->release(device);
	module_put(THIS_MODULE);
}

static inline int dblock_compat_add_with_free(struct device *parent, struct gendisk *disk,
					      const struct attribute_group **groups)
{
	int ret;

	disk_to_dev(disk)->release = dblock_compat_release_device;
	ret = device_add_disk(parent, disk, groups);
	if (ret)
		disk_to_dev(disk)->release = NULL;
	return ret;
}

#undef device_add_disk
#define device_add_disk		dblock_compat_add_with_free
#endif

/*
 * 2022-06, v5.19: a bit of the disk's state suppresses the look for partitions.
 * Before, that bit means nothing to the kernel, and a flag does the same. Nobody
 * else looks at the flag before the disk is there.
 */
#ifndef DBLOCK_HAVE_SUPPRESS_PART_SCAN
#define GD_SUPPRESS_PART_SCAN	31

static inline int dblock_compat_add_unscanned(struct device *parent, struct gendisk *disk,
					      const struct attribute_group **groups)
{
	int flag = 0, ret;

	if (test_bit(GD_SUPPRESS_PART_SCAN, &disk->state))
		flag = ~disk->flags & GENHD_FL_NO_PART;
	disk->flags |= flag;
	ret = device_add_disk(parent, disk, groups);
	disk->flags &= ~flag;
	return ret;
}

#undef device_add_disk
#define device_add_disk		dblock_compat_add_unscanned
#endif

/* Until v5.15, see GD_ADDING. The look for partitions opens the disk, too: then it has a server. */
#ifdef GD_ADDING
static inline int dblock_compat_add_unopened(struct device *parent, struct gendisk *disk,
					     const struct attribute_group **groups)
{
	int ret;

	if (test_bit(GD_SUPPRESS_PART_SCAN, &disk->state))
		set_bit(GD_ADDING, &disk->state);
	ret = device_add_disk(parent, disk, groups);
	clear_bit(GD_ADDING, &disk->state);
	/* Orders the change before the look for sleepers. */
	smp_mb__after_atomic();
	wake_up_var(&disk->state);
	return ret;
}

#undef device_add_disk
#define device_add_disk		dblock_compat_add_unopened
#endif

/* 2022-06, until v5.19: put_disk() does not end the disk's queue. */
#ifdef DBLOCK_HAVE_CLEANUP_QUEUE
static inline void dblock_compat_put_disk(struct gendisk *disk)
{
	blk_cleanup_queue(disk->queue);
	put_disk(disk);
}

#define put_disk		dblock_compat_put_disk
#endif

#endif /* _DBLOCK_COMPAT_DISK_H */
