/* SPDX-License-Identifier: GPL-2.0-only */
/* Included once, before the table of a disk's operations, after the functions in it. */
#ifndef DBLOCK_HAVE_BLK_MODE_T

static int dblock_compat_open(struct block_device *bdev, fmode_t mode)
{
	return dblock_disk_open(bdev->bd_disk, mode);
}

static void dblock_compat_release(struct gendisk *disk, fmode_t mode)
{
	dblock_disk_release(disk);
}

#define dblock_disk_open	dblock_compat_open
#define dblock_disk_release	dblock_compat_release

#endif /* DBLOCK_HAVE_BLK_MODE_T */

#ifdef DBLOCK_HAVE_FREE_DISK

#define DBLOCK_FREE_DISK	.free_disk = dblock_disk_free,

static inline void dblock_compat_own_release(struct gendisk *disk)
{
}

#else

#define DBLOCK_FREE_DISK

/*
 * 2022-02, v5.18: a driver is told when nobody can reach its disk any more.
 * Before, the disk's device can be asked to tell: its own release comes instead
 * of that of its type, which frees the disk.
 */
static void dblock_compat_device_release(struct device *device)
{
	struct gendisk *disk = dev_to_disk(device);
	struct dblock_device *dev = disk->private_data;

	kref_get(&dev->ref);
	dblock_disk_free(disk);
	device->type->release(device);
	dblock_device_put(dev);
}

static void dblock_compat_own_release(struct gendisk *disk)
{
	disk_to_dev(disk)->release = dblock_compat_device_release;
}

#endif /* DBLOCK_HAVE_FREE_DISK */
