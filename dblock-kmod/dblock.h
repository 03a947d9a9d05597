/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * dblock: block devices answered by a userspace program.
 *
 * This header is the whole interface between the module and its users.
 *
 * Every structure has the same layout on 32 and 64 bit and on every
 * architecture: fixed-width members, each aligned to its own size, 64-bit
 * alignment of the whole. Addresses travel as __u64. Reserved members must be
 * zero and unknown flag bits are refused with EINVAL, so that both can get a
 * meaning later.
 *
 * How it goes: open /dev/dblockctl (a session), DBLOCK_CTL_CREATE, have one or
 * more threads call DBLOCK_SERVE, then DBLOCK_CTL_START makes the disk appear.
 * DBLOCK_CTL_DESTROY ends it: every blocked DBLOCK_SERVE returns with
 * DBLOCK_SERVE_END set. Threads that serve many devices need not block in
 * DBLOCK_SERVE: poll, select and epoll tell when a device of a session has
 * something to fetch, see below. A device ends with its session unless it was created
 * with DBLOCK_F_OUTLIVE; and when all processes that ever served it are dead
 * (before the first has: when its creator is), even if the session's file is
 * still open somewhere. One that was created with a recovery_ms waits so long
 * for another server before that.
 */
#ifndef _DBLOCK_H
#define _DBLOCK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DBLOCK_CTL_PATH		"/dev/dblockctl"

/* Raised when the meaning of something below changes; growth only adds features. */
#define DBLOCK_ABI_VERSION	1

/* Disk names: this prefix, then 1 to 21 of [A-Za-z0-9_-]; not "dblockctl". */
#define DBLOCK_NAME_PREFIX	"dblock"
#define DBLOCK_NAME_LEN		32	/* the terminating NUL included */
#define DBLOCK_NAME_MAX		27	/* a partition's name must still fit */

#define DBLOCK_SECTOR_SIZE	512

/* Limits of struct dblock_create. */
#define DBLOCK_MIN_LOGICAL_BLOCK	512
#define DBLOCK_MAX_LOGICAL_BLOCK	4096
#define DBLOCK_MAX_PHYSICAL_BLOCK	65536
#define DBLOCK_MAX_QUEUES		64
#define DBLOCK_MAX_DEPTH		4096
#define DBLOCK_MIN_IO			4096
#define DBLOCK_MAX_IO			(16 << 20)
#define DBLOCK_MAX_TIMEOUT_MS		(24 * 3600 * 1000)
#define DBLOCK_MAX_RECOVERY_MS		(24 * 3600 * 1000)
/* Each zone, and each that may be open or active, costs kernel memory, in one piece. */
#define DBLOCK_MAX_ZONES		(1 << 20)
#define DBLOCK_MAX_OPEN_ZONES		65536

/* Defaults, for members left zero. */
#define DBLOCK_DEFAULT_LOGICAL_BLOCK	512
#define DBLOCK_DEFAULT_QUEUES		1
#define DBLOCK_DEFAULT_DEPTH		64
#define DBLOCK_DEFAULT_IO		(1 << 20)
#define DBLOCK_DEFAULT_TIMEOUT_MS	30000

/* ---- DBLOCK_CTL_VERSION ---- */

/* Features, for struct dblock_version. */
#define DBLOCK_FEAT_WRITE_ZEROES	(1ULL << 0)
#define DBLOCK_FEAT_PARTIAL_ERROR	(1ULL << 1)
#define DBLOCK_FEAT_ANSWER_ZEROES	(1ULL << 2)
#define DBLOCK_FEAT_ANSWER_MORE		(1ULL << 3)
#define DBLOCK_FEAT_POLL		(1ULL << 4)	/* the session can be polled */
#define DBLOCK_FEAT_OLDEST		(1ULL << 5)	/* dblock_info.oldest and what follows */
#define DBLOCK_FEAT_CHANGE		(1ULL << 6)	/* DBLOCK_CTL_CHANGE */
#define DBLOCK_FEAT_RECOVERY		(1ULL << 7)	/* recovery_ms, DBLOCK_CTL_ADOPT */
/* dblock_request.ioprio and .write_hint, DBLOCK_REQ_PRIO, _BACKGROUND and _SWAP */
#define DBLOCK_FEAT_HINTS		(1ULL << 8)
#define DBLOCK_FEAT_ZONED		(1ULL << 9)	/* zone_size and what follows; from Linux 6.11 on */
#define DBLOCK_FEAT_READ		(1ULL << 10)	/* DBLOCK_SERVE by read(2) */

struct dblock_version {
	__u32 abi;		/* out: DBLOCK_ABI_VERSION */
	__u32 reserved0;
	__u64 features;		/* out: DBLOCK_FEAT_* */
	char module[32];	/* out: the module's version, NUL-terminated */
	__u64 reserved[4];
};

/* ---- DBLOCK_CTL_CREATE ---- */

#define DBLOCK_F_READ_ONLY	(1ULL << 0)
#define DBLOCK_F_ROTATIONAL	(1ULL << 1)
/* The device has a volatile write cache: flushes are sent. */
#define DBLOCK_F_WRITE_CACHE	(1ULL << 2)
/*
 * Forced unit access is answered natively; needs DBLOCK_F_WRITE_CACHE.
 * Without it the block layer follows such a write with a flush.
 */
#define DBLOCK_F_FUA		(1ULL << 3)
/* Pages do not change while their write is under way. */
#define DBLOCK_F_STABLE_WRITES	(1ULL << 4)
/* Stays when its session ends, until DBLOCK_CTL_DESTROY. */
#define DBLOCK_F_OUTLIVE	(1ULL << 5)
/* Starts at once. Nobody serves yet, so partitions are not scanned. */
#define DBLOCK_F_AUTO_START	(1ULL << 6)
/* Partitions are never scanned. */
#define DBLOCK_F_NO_PARTITIONS	(1ULL << 7)
/*
 * What a dead server held is given to the next one again; without, it fails.
 * Needs recovery_ms.
 */
#define DBLOCK_F_REISSUE	(1ULL << 8)

#define DBLOCK_F_ALL		((1ULL << 9) - 1)

struct dblock_create {
	__u64 flags;			/* DBLOCK_F_* */
	__u64 size;			/* bytes, a multiple of logical_block; on a 32-bit kernel below 16 TiB */
	__u32 logical_block;		/* bytes, power of two, 512 to 4096; 0: 512 */
	__u32 physical_block;		/* bytes, power of two, logical_block to 65536; 0: logical_block */
	__u32 io_min;			/* bytes, multiple of physical_block; 0: physical_block */
	__u32 io_opt;			/* bytes, 0 or a multiple of io_min */
	__u32 queues;			/* in: 1 to 64; 0: 1. out: how many it has (at most one a CPU) */
	__u32 depth;			/* requests under way per queue, 1 to 4096; 0: 64 */
	__u32 max_io;			/* bytes in a read or write, 4096 to 16 MiB, multiple of logical_block; 0: 1 MiB */
	__u32 timeout_ms;		/* how long the server may hold a request; 0: 30000 */
	__u32 discard_granularity;	/* bytes, power of two, >= logical_block; 0: logical_block */
	__u32 recovery_ms;		/* how long it waits for a new server when all are dead; 0: not at all */
	__u64 max_discard;		/* bytes in a discard, multiple of discard_granularity; 0: no discard */
	__u64 max_write_zeroes;		/* bytes in a write-zeroes, multiple of logical_block; 0: none */
	char name[DBLOCK_NAME_LEN];	/* in: name, or empty for dblock<N>. out: the name */
	__u32 id;			/* out: names the device in the calls below, never used twice */
	__u32 max_open_zones;		/* at most DBLOCK_MAX_OPEN_ZONES; 0: no limit */
	/*
	 * bytes, power of two, >= 4096 and max_io; size is a multiple of it, at
	 * most DBLOCK_MAX_ZONES times; 0: not zoned
	 */
	__u64 zone_size;
	__u32 max_active_zones;		/* >= max_open_zones, at most DBLOCK_MAX_OPEN_ZONES; 0: no limit */
	/*
	 * bytes in a zone append, at most max_io, multiple of logical_block; 0:
	 * the kernel makes writes of them
	 */
	__u32 max_append;
	__u64 reserved[4];
};

/* ---- DBLOCK_CTL_START, DBLOCK_CTL_DESTROY, DBLOCK_CTL_ADOPT ---- */

/* Remove the disk although it is open: its users get errors from then on. */
#define DBLOCK_DESTROY_FORCE	(1U << 0)

struct dblock_target {
	__u32 id;			/* the device; 0: the one of this name */
	__u32 flags;			/* DBLOCK_DESTROY_* for DBLOCK_CTL_DESTROY, else 0 */
	char name[DBLOCK_NAME_LEN];	/* used when id is 0, else empty */
	__u64 reserved[2];
};

/*
 * Recovery (DBLOCK_FEAT_RECOVERY). When the session of a device with a
 * recovery_ms is closed, or all processes that serve it are dead, its requests
 * wait: those that come, those nobody had fetched, and with DBLOCK_F_REISSUE
 * those that were held, which may then be carried out twice, in part or whole;
 * without, these fail. The time until it is served again does not count as
 * the server's, which begins anew for each. A server comes through the block
 * device, or by DBLOCK_CTL_ADOPT, which makes the device one of the calling
 * session's own as if that had created it; to its session before, if that is
 * still open, it has ended. When nobody comes within recovery_ms the device
 * ends; with DBLOCK_F_OUTLIVE it stays and its requests fail, and it can still
 * be adopted.
 */

/* ---- DBLOCK_CTL_CHANGE ---- */

#define DBLOCK_CHANGE_SIZE	(1U << 0)
#define DBLOCK_CHANGE_READ_ONLY	(1U << 1)

/*
 * Changes a device, live or not started yet. A new size is told by a uevent
 * (RESIZE=1), and whoever has the disk open sees it at once. When it shrinks,
 * no request beyond its end is made any more, but those under way still come.
 * Of a disk that is read-only every write, discard and write-zeroes fails, also
 * of those who had opened it for writing (EPERM or EIO).
 */
struct dblock_change {
	__u32 id;			/* the device; 0: the one of this name */
	__u32 what;			/* DBLOCK_CHANGE_*, at least one: the others keep what they have */
	char name[DBLOCK_NAME_LEN];	/* used when id is 0, else empty */
	__u64 size;			/* bytes, a multiple of the logical block; 0 unless it changes */
	__u32 read_only;		/* 1 or 0; 0 unless it changes */
	__u32 reserved0;
	__u64 reserved[4];
};

/* ---- DBLOCK_CTL_INFO, DBLOCK_CTL_LIST ---- */

#define DBLOCK_STATE_CREATED	1	/* not started yet */
#define DBLOCK_STATE_LIVE	2
#define DBLOCK_STATE_ENDING	3	/* being destroyed, or its server is gone */
#define DBLOCK_STATE_WAITING	4	/* live, and waits for a new server */

/* Where the request is that is under way the longest. */
#define DBLOCK_OLDEST_NONE	0	/* there is none, or no DBLOCK_FEAT_OLDEST */
#define DBLOCK_OLDEST_WAITING	1	/* it waits for a server to fetch it */
#define DBLOCK_OLDEST_HELD	2	/* a server has fetched it and has not answered */

/*
 * in: create.id, or create.name when the id is 0; the rest is out, and the
 * members from oldest_sector on must be zero.
 *
 * The members oldest_* tell of the request that is under way the longest: as
 * it came, also when parts of it are answered already. It fails when it is
 * older than create.timeout_ms, which the kernel looks for about once a second.
 * They are zero when oldest is DBLOCK_OLDEST_NONE.
 */
struct dblock_info {
	struct dblock_create create;	/* as created and changed, with the defaults filled in */
	__u32 state;			/* DBLOCK_STATE_* */
	__u32 openers;			/* how often the disk is open, its own servers not counted */
	__u32 major;			/* of the disk, 0 before the start */
	__u32 minor;
	__s32 owner;			/* pid that created it, in the caller's namespace; 0: not visible or gone */
	__u32 servers;			/* processes that serve it */
	__u32 pending;			/* requests waiting for a server or held by one */
	__u32 oldest;			/* DBLOCK_OLDEST_* */
	__u64 oldest_sector;		/* first sector, of 512 bytes; 0 for a flush */
	__u32 oldest_length;		/* bytes; 0 for a flush */
	__u32 oldest_age_ms;		/* since it came, as exact as the kernel's tick */
	__u16 oldest_op;		/* DBLOCK_OP_* */
	__u16 oldest_queue;
	__u32 reserved0;
	__u64 reserved1;
};

struct dblock_list {
	__u64 ids;		/* address of an array of __u32 */
	__u32 capacity;		/* in: its length */
	__u32 count;		/* out: how many devices there are; at most capacity were written */
	__u64 reserved[2];
};

/* ---- DBLOCK_SERVE ---- */

#define DBLOCK_OP_READ		0
#define DBLOCK_OP_WRITE		1
#define DBLOCK_OP_FLUSH		2
#define DBLOCK_OP_DISCARD	3
#define DBLOCK_OP_WRITE_ZEROES	4

/*
 * Of zoned devices only. They have no length, and no data, but these: a report
 * is answered like a read of `length` bytes, a multiple of 64, with one struct
 * blk_zone of <linux/blkzoned.h> for each zone from that at `sector` on, and
 * zeros when there are no more. An append has data like a write; a successful answer's
 * `data` is the sector at which they were put, in the zone that begins at
 * `sector`. It has no parts.
 *
 * The server keeps the zones and enforces their rules; ETOOMANYREFS and
 * EOVERFLOW say that too many are open or active. The kernel asks for a
 * report of all zones when the disk is started, which is why somebody has to
 * serve then and DBLOCK_F_AUTO_START is refused, and of some after an error. A
 * report that cannot be (a zone that is not where it belongs, larger than its
 * size, of no known type) is an I/O error, and fails the start.
 */
#define DBLOCK_OP_ZONE_REPORT	5
#define DBLOCK_OP_ZONE_OPEN	6
#define DBLOCK_OP_ZONE_CLOSE	7
#define DBLOCK_OP_ZONE_FINISH	8
#define DBLOCK_OP_ZONE_RESET	9
#define DBLOCK_OP_ZONE_RESET_ALL	10
#define DBLOCK_OP_ZONE_APPEND	11

#define DBLOCK_REQ_FUA		(1U << 0)	/* durable before it is answered */
#define DBLOCK_REQ_META		(1U << 1)	/* a filesystem's metadata */
#define DBLOCK_REQ_SYNC		(1U << 2)	/* somebody waits for it */
#define DBLOCK_REQ_NOUNMAP	(1U << 3)	/* write-zeroes: keep the space allocated */
#define DBLOCK_REQ_RAHEAD	(1U << 4)	/* read ahead of need, may fail freely */
#define DBLOCK_REQ_PRIO		(1U << 5)	/* ahead of others, says who made it */
#define DBLOCK_REQ_BACKGROUND	(1U << 6)	/* by the kernel's own writeback, nobody waits for it */
#define DBLOCK_REQ_SWAP		(1U << 7)	/* of a swap area */

struct dblock_request {
	__u64 cookie;		/* names it in the answer */
	__u64 sector;		/* first sector, of 512 bytes; 0 for a flush */
	__u64 length;		/* bytes; 0 for a flush */
	__u64 data;		/* write: address of its data, inside the buffer of this call; else 0 */
	__u16 op;		/* DBLOCK_OP_* */
	__u16 queue;
	__u32 flags;		/* DBLOCK_REQ_* */
	__u16 ioprio;		/* class and level as of ioprio_set(2); 0: none */
	__u8 write_hint;	/* RWH_WRITE_LIFE_* as of F_SET_RW_HINT, where the kernel passes it on; 0: none */
	__u8 reserved0;
	__u32 reserved1;
	__u64 reserved[2];
};

/* The data of a read are zeros, and `data` is not looked at. */
#define DBLOCK_ANS_ZEROES	(1U << 0)
/* About the next bytes of the request only: the rest is answered later. */
#define DBLOCK_ANS_MORE		(1U << 1)

/*
 * An answer says what became of the whole request. With result 0, `length`
 * must be the request's own length (0 for a flush). With an error, `length` is
 * how many bytes from its start did succeed, 0 or a multiple of the logical
 * block, less than the request's: the rest fails. For a read, `data` is where
 * those `length` bytes are, at any address of the caller.
 *
 * With DBLOCK_ANS_MORE it says so of a part, and the request goes on with what
 * remains: the next `length` bytes, a multiple of the logical block, not 0 and
 * less than what remains, have succeeded (result 0; for a read `data` or
 * DBLOCK_ANS_ZEROES as above) or failed, all of them (a negative errno; `data`
 * is not looked at, DBLOCK_ANS_ZEROES is refused). For the next answer the
 * request starts behind them. Its cookie stays, and the last answer is one
 * without this flag, about what remains. So the sectors of one request can end
 * differently: each write or read that was merged into it is told about its
 * own sectors, as soon as the last of them is answered, and gets the last error
 * among them. The time the server may hold a request is that of all its parts.
 * Parts go in order, one at a time: an answer that comes while another thread
 * gives one for the same request is refused with ESTALE. A flush has no parts.
 */
struct dblock_answer {
	__u64 cookie;
	__u64 data;
	__u64 length;
	__s32 result;		/* 0, or a negative errno */
	__u32 flags;		/* DBLOCK_ANS_* */
	__u64 reserved[2];
};

#define DBLOCK_QUEUE_ANY	0xffffffffU

/* out, in `state`: the device has ended, do not call again. */
#define DBLOCK_SERVE_END	(1U << 0)

#define DBLOCK_MAX_BATCH	4096

/*
 * Takes `nr_answers` answers, then waits for requests and returns up to
 * `max_requests` of them; with max_requests 0 it only answers. The data of
 * writes are put one after the other into the buffer; it must have room for
 * max_io bytes at least when max_requests is not 0. What does not fit is left
 * for the next call.
 *
 * On a session: `device` names one of the session's own devices. For a device
 * that has ended, or that another session has adopted, every session is told the
 * end, each time it asks. On the block device itself: `device` must be 0.
 *
 * Whatever it returns, `consumed`, `nr_requests` and `state` are valid, except
 * after EFAULT on this structure itself. The answers below `consumed` have
 * been taken; when it fails because of an answer, that is the one at
 * `consumed`, and no request was fetched.
 *
 *  EINTR      a signal came; nothing is lost, call again with the rest
 *  ESTALE     this request has been answered already, or timed out
 *  ENOENT     no such request was ever handed out
 *  EBADMSG    the answer does not fit the request (length, result, flags)
 *  EFAULT     an address could not be read or written; those beyond 32 bits
 *             never can on a 32-bit kernel
 *  ENODEV     there never was such a device, or it is another session's
 *  EPERM      the caller may not serve this block device
 *  EINVAL     anything else wrong with the call
 */
struct dblock_serve {
	__u32 device;
	__u32 queue;		/* 0 to queues-1, or DBLOCK_QUEUE_ANY */
	__u64 answers;		/* address of struct dblock_answer[nr_answers] */
	__u64 requests;		/* address of struct dblock_request[max_requests] */
	__u64 buffer;		/* address of buffer_size bytes */
	__u64 buffer_size;
	__s64 timeout_ns;	/* how long to wait for a request: < 0 no limit, 0 not at all */
	__u32 nr_answers;
	__u32 max_requests;
	__u32 flags;		/* 0 */
	__u32 consumed;		/* out: answers taken */
	__u32 nr_requests;	/* out: requests returned */
	__u32 state;		/* out: DBLOCK_SERVE_END */
	__s32 result;		/* in: 0. out, of read(2) only: 0, or a negative errno */
	__u32 reserved0;
	__u64 reserved[3];
};

/* ---- DBLOCK_SERVE by read(2) ---- */

/*
 * With DBLOCK_FEAT_READ, read(2) and pread(2) on a session with a count of
 * sizeof(struct dblock_serve) are DBLOCK_SERVE with the buffer's content as its
 * structure; an offset has no meaning. For those who can read more cheaply than
 * they can call ioctl(2): language runtimes, io_uring. If the session is
 * O_NONBLOCK, they never wait for a request, whatever timeout_ns is; the ioctl
 * obeys timeout_ns alone. They return the count, and in `result` what the ioctl
 * would have failed with; except
 *
 *  EINVAL     another count
 *  EACCES     the session was not opened with the credentials of this thread:
 *             by another process, or by this one before it changed its own
 *  EFAULT     the buffer could not be read or written
 *
 * EACCES is because a program does not expect to be told anything by what
 * it reads into: no other is to be made to serve by being handed a session as
 * its standard input.
 */

/* ---- poll, select, epoll on /dev/dblockctl ---- */

/*
 * With DBLOCK_FEAT_POLL a session is ready (EPOLLIN | EPOLLRDNORM) while
 *
 *  - a request of one of its devices waits to be fetched, or
 *  - one of its devices has ended and no DBLOCK_SERVE on this session has
 *    returned DBLOCK_SERVE_END for it yet. Each device counts once, whether or
 *    not it was ever served.
 *
 * It does not say which device: try DBLOCK_SERVE with timeout_ns 0 on each; a
 * session per device tells. A request that comes while a thread waits for one
 * in DBLOCK_SERVE goes to that thread and wakes nobody who polls. What another
 * thread took first, or a time-out ended, is not there any more when the
 * poller comes: DBLOCK_SERVE then returns no request.
 *
 * A session is never ready for writing and has no errors; without
 * DBLOCK_FEAT_POLL it is always ready for both, and epoll refuses it (EPERM).
 */

#define DBLOCK_IOC_MAGIC	0xdb

/* On /dev/dblockctl. */
#define DBLOCK_CTL_VERSION	_IOR(DBLOCK_IOC_MAGIC, 0x00, struct dblock_version)
#define DBLOCK_CTL_CREATE	_IOWR(DBLOCK_IOC_MAGIC, 0x01, struct dblock_create)
#define DBLOCK_CTL_START	_IOW(DBLOCK_IOC_MAGIC, 0x02, struct dblock_target)
#define DBLOCK_CTL_DESTROY	_IOW(DBLOCK_IOC_MAGIC, 0x03, struct dblock_target)
#define DBLOCK_CTL_INFO		_IOWR(DBLOCK_IOC_MAGIC, 0x04, struct dblock_info)
#define DBLOCK_CTL_LIST		_IOWR(DBLOCK_IOC_MAGIC, 0x05, struct dblock_list)
#define DBLOCK_CTL_CHANGE	_IOW(DBLOCK_IOC_MAGIC, 0x06, struct dblock_change)
#define DBLOCK_CTL_ADOPT	_IOW(DBLOCK_IOC_MAGIC, 0x07, struct dblock_target)

/* On /dev/dblockctl and on the block device. */
#define DBLOCK_SERVE		_IOWR(DBLOCK_IOC_MAGIC, 0x10, struct dblock_serve)

/*
 * Errors of the control calls:
 *  CREATE   EINVAL a member out of range; EEXIST the name is taken (or could be
 *           a partition of a device there is, or the other way round); EBUSY
 *           the same, of a device that was destroyed and is still open or
 *           mounted; EPERM without CAP_SYS_ADMIN; ENOSPC too many devices;
 *           ENOMEM; EOPNOTSUPP a zoned device without DBLOCK_FEAT_ZONED; ENXIO
 *           somebody destroyed it while it was started (DBLOCK_F_AUTO_START);
 *           EIO the kernel could not add the disk (DBLOCK_F_AUTO_START)
 *  START    ENODEV this session has no such device; EALREADY it was started
 *           before, or is being started; ENXIO it has ended; EIO its zones could
 *           not be read, or are invalid: START may be repeated; ENOMEM, EEXIST,
 *           EINVAL, EIO the kernel could not add the disk: the device ends, and
 *           START fails with ENXIO from then on
 *  DESTROY  ENODEV no such device; EBUSY open, without DBLOCK_DESTROY_FORCE;
 *           EALREADY another call is destroying it; EPERM without CAP_SYS_ADMIN
 *  INFO     ENODEV no such device
 *  CHANGE   EOPNOTSUPP the size of a zoned device; ENODEV no such device; ENXIO
 *           it has ended; EPERM without CAP_SYS_ADMIN; EINTR a signal came while
 *           it is being started or removed
 *  ADOPT    ENODEV no such device; EBUSY it is served, or its session is open and
 *           it does not wait; ENXIO it has ended; EPERM without CAP_SYS_ADMIN; ENOMEM
 *  all      EFAULT, EINVAL (reserved members, unknown flags), ENOTTY (no such call)
 */

#endif /* _DBLOCK_H */
