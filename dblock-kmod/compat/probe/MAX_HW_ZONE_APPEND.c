// SPDX-License-Identifier: GPL-2.0-only
/* 2024-11, v6.13: what a device can append and what is allowed are told apart. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(const struct queue_limits *lim);
int probe(const struct queue_limits *lim)
{
	return lim->max_hw_zone_append_sectors;
}
MODULE_LICENSE("GPL");
