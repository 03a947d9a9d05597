/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver is written for the newest kernel. What an older one lacks is made
 * here. Kbuild puts this file before each source, so that none has to name it.
 * config.h says what the kernel has; configure.sh finds that out by compiling
 * probe/.
 */
#ifndef _DBLOCK_COMPAT_H
#define _DBLOCK_COMPAT_H

#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/wait_bit.h>

#include "config.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "dblock needs a kernel of 5.10 or later"
#endif

/* 2026-02, v7.0: these allocate objects of a type. They are macros. */
#ifndef kmalloc_obj
#define kmalloc_obj(object, gfp)		kmalloc(sizeof(object), gfp)
#define kzalloc_obj(object, gfp)		kzalloc(sizeof(object), gfp)
#define kzalloc_objs(object, count, gfp)	kcalloc(count, sizeof(object), gfp)
#define kvmalloc_objs(object, count, gfp)	kvmalloc_array(count, sizeof(object), gfp)
#define kvzalloc_objs(object, count, gfp)	kvcalloc(count, sizeof(object), gfp)
#endif

/* 2024-12, until v6.13: a driver asks for merging. Later the block layer always merges. */
#ifdef DBLOCK_HAVE_SHOULD_MERGE
static inline int dblock_compat_alloc_tag_set(struct blk_mq_tag_set *set)
{
	set->flags |= BLK_MQ_F_SHOULD_MERGE;
	return blk_mq_alloc_tag_set(set);
}

#define blk_mq_alloc_tag_set	dblock_compat_alloc_tag_set
#endif

/* 2021-08, v5.15: a queue gets no scheduler by default. Before, this flag forbids any. */
#ifndef DBLOCK_HAVE_NO_SCHED_BY_DEFAULT
#define BLK_MQ_F_NO_SCHED_BY_DEFAULT	BLK_MQ_F_NO_SCHED
#endif

/* 2022-11, v6.2: the directions of an iov_iter have names. They are macros. */
#ifndef ITER_DEST
#define ITER_SOURCE	WRITE
#define ITER_DEST	READ
#endif

/*
 * 2021-08, v5.15: a disk can be opened when all of it has been added. Before, it
 * can be while device_add_disk() still sets up the queue, and freezes it. Where
 * the creator of a disk is its server, the freeze and the request of one who
 * opens that early would wait for each other. This bit of the disk's state, which
 * means nothing to the kernel, has an open wait.
 */
#ifndef DBLOCK_HAVE_ADD_DISK_RESULT
#define GD_ADDING	30
#endif

/* 2023-06, v6.5: the mode of an open has a type of its own. */
#ifndef DBLOCK_HAVE_BLK_MODE_T
typedef fmode_t blk_mode_t;
#endif

/*
 * 2021-11, v5.16: these return how much of the memory is not there. The older
 * functions do not check that the address is the caller's at all.
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

/* 2021-08, v5.15: zeroes a segment. */
#ifndef DBLOCK_HAVE_MEMZERO_BVEC
static inline void dblock_compat_memzero_bvec(struct bio_vec *bv)
{
	/* A segment of a request does not cross a page. */
	zero_user(bv->bv_page, bv->bv_offset, bv->bv_len);
}

#define memzero_bvec		dblock_compat_memzero_bvec
#endif

/* 2022-03 to 2024-02, v5.18 to v6.8: a bio has no write hint. Reading it gives 0. */
#ifndef DBLOCK_HAVE_WRITE_HINT
#define bi_write_hint		bi_vcnt * 0
#endif

#include "limits.h"
#include "disk.h"
#include "zoned.h"

#endif /* _DBLOCK_COMPAT_H */
