/* SPDX-License-Identifier: GPL-2.0-only */
/* Included once, before the table of a queue's operations, after the functions in it. */

/* 2022-07, until v5.19: the time-out handler has one more argument, which is not used here. */
#ifdef DBLOCK_HAVE_TIMEOUT_RESERVED

static enum blk_eh_timer_return dblock_compat_timeout(struct request *rq, bool reserved)
{
	return dblock_timeout(rq);
}

#define dblock_timeout	dblock_compat_timeout

#endif /* DBLOCK_HAVE_TIMEOUT_RESERVED */
