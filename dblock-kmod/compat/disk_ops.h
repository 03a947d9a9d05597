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
