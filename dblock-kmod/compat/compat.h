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
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/version.h>

#include "config.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "dblock needs a kernel of 5.10 or later"
#endif

#ifndef DBLOCK_HAVE_SHOULD_MERGE
#define BLK_MQ_F_SHOULD_MERGE	0
#endif

/* 2021-08, v5.15: only the default is none. Before, there is a scheduler by default, or none at all. */
#ifndef DBLOCK_HAVE_NO_SCHED_BY_DEFAULT
#define BLK_MQ_F_NO_SCHED_BY_DEFAULT	BLK_MQ_F_NO_SCHED
#endif

/* 2022-11, v6.2: names for the directions of an iov_iter; these are macros. */
#ifndef ITER_DEST
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

#ifndef DBLOCK_HAVE_BLK_MODE_T
typedef fmode_t blk_mode_t;
#endif

/*
 * 2021-11, v5.16: these say how much of the memory is not there. Those before
 * do not look whether it is the caller's at all.
 */
#ifndef DBLOCK_HAVE_FAULT_IN
static inline size_t dblock_compat_fault_in_readable(const char __user *start, size_t size)
{
	return !access_ok(start, size) || fault_in_pages_readable(start, size) ? size : 0;
}

static inline size_t dblock_compat_fault_in_writeable(char __user *start, size_t size)
{
	return !access_ok(start, size) || fault_in_pages_writeable(start, size) ? size : 0;
}

#define fault_in_readable	dblock_compat_fault_in_readable
#define fault_in_writeable	dblock_compat_fault_in_writeable
#endif

/* 2021-08, v5.15. */
#ifndef DBLOCK_HAVE_MEMZERO_BVEC
static inline void dblock_compat_memzero_bvec(struct bio_vec *bv)
{
	/* Of a request's segment, which does not cross a page. */
	zero_user(bv->bv_page, bv->bv_offset, bv->bv_len);
}

#define memzero_bvec		dblock_compat_memzero_bvec
#endif

/* 2022-03 to 2024-02, v5.18 to v6.8: write hints go no further than the file. */
static inline u8 dblock_write_hint(const struct request *rq)
{
#ifdef DBLOCK_HAVE_WRITE_HINT
	return rq->bio ? rq->bio->bi_write_hint : 0;
#else
	return 0;
#endif
}

#include "limits.h"
#include "disk.h"
#include "zoned.h"

#endif /* _DBLOCK_COMPAT_H */
