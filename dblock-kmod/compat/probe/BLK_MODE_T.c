// SPDX-License-Identifier: GPL-2.0-only
/* 2023-06, v6.5: a disk's open and release take the disk and a blk_mode_t. */
#include <linux/module.h>
#include <linux/blkdev.h>

static int probe_open(struct gendisk *disk, blk_mode_t mode)
{
	return 0;
}

static void probe_release(struct gendisk *disk)
{
}

extern const struct block_device_operations probe;
const struct block_device_operations probe = { .open = probe_open, .release = probe_release };
MODULE_LICENSE("GPL");
