// SPDX-License-Identifier: GPL-2.0-only
/* 2022-02, v5.18: a driver is told when nobody can reach its disk any more. */
#include <linux/module.h>
#include <linux/blkdev.h>

static void probe_free(struct gendisk *disk)
{
}

extern const struct block_device_operations probe;
const struct block_device_operations probe = { .free_disk = probe_free };
MODULE_LICENSE("GPL");
