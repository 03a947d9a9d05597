// SPDX-License-Identifier: GPL-2.0-only
/* The functions that the block layer calls, of a disk and of its queues. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/module.h>

#include "internal.h"

const struct block_device_operations dblock_disk_ops = {
	.owner		= THIS_MODULE,
	.open		= dblock_disk_open,
	.release	= dblock_disk_release,
	.ioctl		= dblock_disk_ioctl,
	.compat_ioctl	= blkdev_compat_ptr_ioctl,
#ifdef CONFIG_BLK_DEV_ZONED
	.report_zones	= dblock_report_zones,
#endif
	.free_disk	= dblock_disk_free,
};

const struct blk_mq_ops dblock_mq_ops = {
	.queue_rq	= dblock_queue_rq,
	.commit_rqs	= dblock_commit_rqs,
	.timeout	= dblock_timeout,
	.init_hctx	= dblock_init_hctx,
};
