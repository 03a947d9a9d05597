/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * dblock: block devices answered by a userspace program.
 *
 * This header is the whole interface between the module and its users.
 *
 * Every structure has the same layout on 32 and 64 bit and on every
 * architecture: each member has a fixed width and is aligned to its own size,
 * and the whole is aligned to 64 bits. Addresses travel as __u64. Reserved
 * members must be zero, and unknown flag bits are refused with EINVAL, so that
 * both can get a meaning later.
 *
 * A session is an open file of /dev/dblockctl. DBLOCK_CTL_CREATE makes a device
 * on it, one or more threads call DBLOCK_SERVE, and DBLOCK_CTL_START makes the
 * disk appear. DBLOCK_CTL_DESTROY ends the device: every blocked DBLOCK_SERVE
 * returns with DBLOCK_SERVE_END set. A thread that serves many devices need not
 * block in DBLOCK_SERVE: poll, select and epoll tell when a device of a session
 * has a request to fetch, see below.
 *
 * A device ends with its session, unless it was created with DBLOCK_F_OUTLIVE.
 * Without that flag it also ends when all processes that ever served it are dead
 * (before the first has served it: when its creator is dead), even if the
 * session's file is still open elsewhere. A device with a recovery_ms first waits
 * that long for a new server.
 */
#ifndef _DBLOCK_H
#define _DBLOCK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DBLOCK_CTL_PATH		"/dev/dblockctl"

/* Raised when the meaning of something below changes. An addition is a new feature instead. */
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
/* The kernel keeps memory, in one piece, for all zones, and for all that may be open or active. */
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
#define DBLOCK_FEAT_OLDEST		(1ULL << 5)	/* dblock_info.oldest and the members behind it */
#define DBLOCK_FEAT_CHANGE		(1ULL << 6)	/* DBLOCK_CTL_CHANGE */
#define DBLOCK_FEAT_RECOVERY		(1ULL << 7)	/* recovery_ms, DBLOCK_CTL_ADOPT */
/* dblock_request.ioprio and .write_hint, DBLOCK_REQ_PRIO, _BACKGROUND and _SWAP */
#define DBLOCK_FEAT_HINTS		(1ULL << 8)
#define DBLOCK_FEAT_ZONED		(1ULL << 9)	/* zone_size and the members behind it; from Linux 6.11 on */
#define DBLOCK_FEAT_READ		(1ULL << 10)	/* DBLOCK_SERVE by read(2) */
#define DBLOCK_FEAT_TIMES		(1ULL << 11)	/* dblock_request.issued_ns and .fetched_ns */
#define DBLOCK_FEAT_SEGMENTS		(1ULL << 12)	/* DBLOCK_ANS_SEGMENTS */

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
 * The server handles forced unit access itself; needs DBLOCK_F_WRITE_CACHE.
 * Without this flag the block layer follows such a write with a flush.
 */
#define DBLOCK_F_FUA		(1ULL << 3)
/* The pages of a write do not change while the write is under way. */
#define DBLOCK_F_STABLE_WRITES	(1ULL << 4)
/* The device stays when its session ends, until DBLOCK_CTL_DESTROY. */
#define DBLOCK_F_OUTLIVE	(1ULL << 5)
/* The device starts at once. Nobody serves yet, so partitions are not scanned. */
#define DBLOCK_F_AUTO_START	(1ULL << 6)
/* Partitions are never scanned. */
#define DBLOCK_F_NO_PARTITIONS	(1ULL << 7)
/*
 * The next server gets the requests that a dead server held. Without this flag
 * they fail. Needs recovery_ms.
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
	__u32 queues;			/* in: 1 to 64; 0: 1. out: how many there are (at most one per CPU) */
	__u32 depth;			/* requests under way per queue, 1 to 4096; 0: 64 */
	__u32 max_io;			/* bytes in a read or write, 4096 to 16 MiB, multiple of logical_block; 0: 1 MiB */
	__u32 timeout_ms;		/* how long the server may hold a request; 0: 30000 */
	__u32 discard_granularity;	/* bytes, power of two, >= logical_block; 0: logical_block */
	__u32 recovery_ms;		/* how long the device waits for a new server when all are dead; 0: not at all */
	__u64 max_discard;		/* bytes in a discard, multiple of discard_granularity; 0: no discard */
	__u64 max_write_zeroes;		/* bytes in a write-zeroes, multiple of logical_block; 0: none */
	char name[DBLOCK_NAME_LEN];	/* in: name, or empty for dblock<N>. out: the name */
	__u32 id;			/* out: names the device in the calls below; never used twice */
	__u32 max_open_zones;		/* at most DBLOCK_MAX_OPEN_ZONES; 0: no limit */
	/*
	 * bytes, power of two, >= 4096 and max_io; size is a multiple of it, at
	 * most DBLOCK_MAX_ZONES times; 0: not zoned
	 */
	__u64 zone_size;
	__u32 max_active_zones;		/* >= max_open_zones, at most DBLOCK_MAX_OPEN_ZONES; 0: no limit */
	/*
	 * bytes in a zone append, at most max_io, multiple of logical_block; 0:
	 * the kernel turns each append into a write
	 */
	__u32 max_append;
	__u64 reserved[4];
};

/* ---- DBLOCK_CTL_START, DBLOCK_CTL_DESTROY, DBLOCK_CTL_ADOPT ---- */

/* Removes the disk even if it is open: its users get errors from then on. */
#define DBLOCK_DESTROY_FORCE	(1U << 0)

struct dblock_target {
	__u32 id;			/* the device; 0: `name` names it */
	__u32 flags;			/* DBLOCK_DESTROY_* for DBLOCK_CTL_DESTROY, else 0 */
	char name[DBLOCK_NAME_LEN];	/* used when id is 0, else empty */
	__u64 reserved[2];
};

/*
 * Recovery (DBLOCK_FEAT_RECOVERY). A device with a recovery_ms waits for a new
 * server when its session is closed or all processes that serve it are dead. New
 * requests wait, and so do those that nobody had fetched. Requests that a server
 * held fail; with DBLOCK_F_REISSUE they wait, too, and may then be carried out
 * twice, in part or as a whole. The wait does not count as the server's time,
 * which begins anew for each request.
 *
 * The new server comes through the block device, or by DBLOCK_CTL_ADOPT. Adopting
 * makes the device one of the calling session's own, as if that session had
 * created it. For the previous session, if it is still open, the device has
 * ended. If no server comes within recovery_ms, the device ends. With
 * DBLOCK_F_OUTLIVE it stays instead: its requests fail, and it can still be
 * adopted.
 */

/* ---- DBLOCK_CTL_CHANGE ---- */

#define DBLOCK_CHANGE_SIZE	(1U << 0)
#define DBLOCK_CHANGE_READ_ONLY	(1U << 1)

/*
 * Changes a device, live or not started yet. A uevent (RESIZE=1) tells of a new
 * size, and whoever has the disk open sees it at once. When the disk shrinks, no
 * new request goes beyond its end, but requests under way still come. On a
 * read-only disk every write, discard and write-zeroes fails (EPERM or EIO), also
 * for those who had opened it for writing.
 */
struct dblock_change {
	__u32 id;			/* the device; 0: `name` names it */
	__u32 what;			/* DBLOCK_CHANGE_*, at least one; the rest stays as it is */
	char name[DBLOCK_NAME_LEN];	/* used when id is 0, else empty */
	__u64 size;			/* bytes, a multiple of the logical block; 0 unless it changes */
	__u32 read_only;		/* 1 or 0; 0 unless it changes */
	__u32 reserved0;
	__u64 reserved[4];
};

/* ---- DBLOCK_CTL_INFO, DBLOCK_CTL_LIST ---- */

#define DBLOCK_STATE_CREATED	1	/* not started yet */
#define DBLOCK_STATE_LIVE	2
#define DBLOCK_STATE_ENDING	3	/* being destroyed, or without its server */
#define DBLOCK_STATE_WAITING	4	/* live, waits for a new server */

/* Where the oldest request under way is. */
#define DBLOCK_OLDEST_NONE	0	/* there is no request, or no DBLOCK_FEAT_OLDEST */
#define DBLOCK_OLDEST_WAITING	1	/* the request waits for a server to fetch it */
#define DBLOCK_OLDEST_HELD	2	/* a server has fetched the request and has not answered */

/*
 * in: create.id, or create.name when the id is 0. The rest is out, and the
 * members from oldest_sector on must be zero before the call.
 *
 * The members oldest_* describe the oldest request under way. They describe it as
 * it came, even if parts of it are answered already. The request fails when it is
 * older than create.timeout_ms; the kernel looks for that about once a second.
 * The members are zero when oldest is DBLOCK_OLDEST_NONE.
 */
struct dblock_info {
	struct dblock_create create;	/* as created and changed, with the defaults filled in */
	__u32 state;			/* DBLOCK_STATE_* */
	__u32 openers;			/* how many times the disk is open, without its own servers */
	__u32 major;			/* of the disk, 0 before the start */
	__u32 minor;
	__s32 owner;			/* pid of its creator, in the caller's namespace; 0: not visible or gone */
	__u32 servers;			/* processes that serve the device */
	__u32 pending;			/* requests waiting for a server or held by one */
	__u32 oldest;			/* DBLOCK_OLDEST_* */
	__u64 oldest_sector;		/* first sector, of 512 bytes; 0 for a flush */
	__u32 oldest_length;		/* bytes; 0 for a flush */
	__u32 oldest_age_ms;		/* since the request came, as exact as the kernel's tick */
	__u16 oldest_op;		/* DBLOCK_OP_* */
	__u16 oldest_queue;
	__u32 reserved0;
	__u64 reserved1;
};

struct dblock_list {
	__u64 ids;		/* address of an array of __u32 */
	__u32 capacity;		/* in: its length */
	__u32 count;		/* out: how many devices there are; at most capacity ids are written */
	__u64 reserved[2];
};

/* ---- DBLOCK_SERVE ---- */

#define DBLOCK_OP_READ		0
#define DBLOCK_OP_WRITE		1
#define DBLOCK_OP_FLUSH		2
#define DBLOCK_OP_DISCARD	3
#define DBLOCK_OP_WRITE_ZEROES	4

/*
 * Operations of zoned devices only. Reports and appends have a length and data,
 * the others have neither. A report is answered like a read of `length` bytes, a
 * multiple of 64. Its data are one struct blk_zone of <linux/blkzoned.h> for each
 * zone, beginning with the zone at `sector`, and zeros after the last zone. An
 * append has data like a write. A successful answer to it has in `data` the
 * sector where the server put the data, in the zone that begins at `sector`.
 * Neither has parts.
 *
 * The server keeps the zones and enforces their rules. ETOOMANYREFS and EOVERFLOW
 * say that too many zones are open or active. The kernel asks for a report of all
 * zones when the disk is started, and of some zones after an error. So a server
 * must be there at the start, and DBLOCK_F_AUTO_START is refused. An impossible
 * report (a zone in the wrong place, larger than its size, of no known type) is
 * an I/O error, and fails the start.
 */
#define DBLOCK_OP_ZONE_REPORT	5
#define DBLOCK_OP_ZONE_OPEN	6
#define DBLOCK_OP_ZONE_CLOSE	7
#define DBLOCK_OP_ZONE_FINISH	8
#define DBLOCK_OP_ZONE_RESET	9
#define DBLOCK_OP_ZONE_RESET_ALL	10
#define DBLOCK_OP_ZONE_APPEND	11

#define DBLOCK_REQ_FUA		(1U << 0)	/* the data must be durable before the answer */
#define DBLOCK_REQ_META		(1U << 1)	/* metadata of a filesystem */
#define DBLOCK_REQ_SYNC		(1U << 2)	/* somebody waits for the request */
#define DBLOCK_REQ_NOUNMAP	(1U << 3)	/* write-zeroes: keep the space allocated */
#define DBLOCK_REQ_RAHEAD	(1U << 4)	/* read ahead of need, may fail */
#define DBLOCK_REQ_PRIO		(1U << 5)	/* its submitter wants it before others */
#define DBLOCK_REQ_BACKGROUND	(1U << 6)	/* the kernel's own writeback, nobody waits for it */
#define DBLOCK_REQ_SWAP		(1U << 7)	/* swap I/O */

struct dblock_request {
	__u64 cookie;		/* names the request in the answer */
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
	/*
	 * When the block layer got the request, and when this call took it, by
	 * CLOCK_MONOTONIC outside of any time namespace. Without accounting
	 * (queue/iostats is 0) both are the latter.
	 */
	__u64 issued_ns;
	__u64 fetched_ns;
};

/* The data of a read are zeros; `data` is ignored. */
#define DBLOCK_ANS_ZEROES	(1U << 0)
/* The answer is about the next bytes of the request only. The rest is answered later. */
#define DBLOCK_ANS_MORE		(1U << 1)
/* The data of a read are in several places: `data` is the address of struct dblock_segment[segments]. */
#define DBLOCK_ANS_SEGMENTS	(1U << 2)

#define DBLOCK_MAX_SEGMENTS	32768	/* one for each sector of the longest read */

struct dblock_segment {
	__u64 data;		/* address; 0: zeros */
	__u64 length;		/* bytes, not 0 */
};

/*
 * An answer gives the result of the whole request. With result 0, `length` must
 * be the length of the request (0 for a flush). With an error, `length` is the
 * number of bytes at its start that succeeded, and the rest fails: `length` is 0
 * or a multiple of the logical block, and less than the length of the request.
 * For a read, `data` is the address of those `length` bytes, anywhere in the
 * caller's memory. With DBLOCK_ANS_SEGMENTS they are `segments` ranges of the
 * caller's memory, one behind the other, `length` bytes together.
 *
 * With DBLOCK_ANS_MORE the answer gives the result of a part: the next `length`
 * bytes, a multiple of the logical block, not 0 and less than what remains. All
 * of them have succeeded (result 0; a read needs `data` or DBLOCK_ANS_ZEROES as
 * above), or all of them have failed (a negative errno; `data` is ignored, and
 * DBLOCK_ANS_ZEROES is refused). The next answer is about the bytes behind them.
 * The cookie stays the same. The last answer is about what remains, and has no
 * DBLOCK_ANS_MORE.
 *
 * So the sectors of one request can end differently. Each read or write that was
 * merged into the request is completed as soon as the last of its own sectors is
 * answered, and gets the last error among them. All parts together have the time
 * of one request. Parts are answered in order, one at a time: while one thread
 * gives an answer, another thread's answer for the same request is refused with
 * ESTALE. A flush has no parts.
 */
struct dblock_answer {
	__u64 cookie;
	__u64 data;
	__u64 length;
	__s32 result;		/* 0, or a negative errno */
	__u32 flags;		/* DBLOCK_ANS_* */
	__u32 segments;		/* 1 to DBLOCK_MAX_SEGMENTS with DBLOCK_ANS_SEGMENTS, else 0 */
	__u32 reserved0;
	__u64 reserved1;
};

#define DBLOCK_QUEUE_ANY	0xffffffffU

/* out, in `state`: the device has ended. Do not call again. */
#define DBLOCK_SERVE_END	(1U << 0)

#define DBLOCK_MAX_BATCH	4096

/*
 * Takes `nr_answers` answers, then waits for requests and returns up to
 * `max_requests` of them. With max_requests 0 it only takes answers. The call
 * puts the data of writes one after the other into the buffer. The buffer must
 * have room for max_io bytes, unless max_requests is 0. Requests that do not fit
 * stay for the next call.
 *
 * On a session, `device` names one of the session's own devices. For a device
 * that has ended, or that another session has adopted, every session is told the
 * end, each time it asks. On the block device itself, `device` must be 0.
 *
 * `consumed`, `nr_requests` and `state` are valid whatever the call returns,
 * except after EFAULT on this structure itself. The answers below `consumed` have
 * been taken. If the call fails because of an answer, it is the answer at
 * `consumed`, and no request was fetched.
 *
 *  EINTR      a signal came; nothing is lost, call again with the rest
 *  ESTALE     the request has been answered already, or has timed out
 *  ENOENT     the request was never handed out
 *  EBADMSG    the answer does not fit the request (length, result, flags, segments)
 *  EFAULT     an address could not be read or written; on a 32-bit kernel this
 *             is so for every address beyond 32 bits
 *  ENODEV     there never was such a device, or it belongs to another session
 *  EPERM      the caller may not serve this block device
 *  EINVAL     anything else is wrong with the call
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
 * With DBLOCK_FEAT_READ, read(2) and pread(2) on a session are DBLOCK_SERVE, too.
 * The count is sizeof(struct dblock_serve), the buffer holds the structure, and an
 * offset has no meaning. This is for callers to whom a read is cheaper than
 * ioctl(2): language runtimes, io_uring. On an O_NONBLOCK session the reads never
 * wait for a request, whatever timeout_ns is; the ioctl obeys timeout_ns alone.
 * The reads return the count, and put the error of the ioctl into `result`. They
 * fail themselves only with
 *
 *  EINVAL     another count
 *  EACCES     this thread's credentials are not those that opened the session:
 *             another process opened it, or this one has changed its own
 *  EFAULT     the buffer could not be read or written
 *
 * EACCES protects programs that do not know of sessions: nobody can make such a
 * program serve by handing it a session as its standard input.
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
 * Polling does not say which device: try DBLOCK_SERVE with timeout_ns 0 on each,
 * or have a session per device. While a thread waits in DBLOCK_SERVE, a new
 * request goes to that thread and wakes no poller. A request may be gone when the
 * poller comes, because another thread took it or a time-out ended it:
 * DBLOCK_SERVE then returns no request.
 *
 * A session is never ready for writing and has no errors. Without
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
 *  CREATE   EINVAL a member is out of range; EEXIST the name is taken, or could be
 *           a partition of an existing device, or the other way round; EBUSY the
 *           same for a destroyed device that is still open or mounted; EPERM
 *           without CAP_SYS_ADMIN; ENOSPC too many devices; ENOMEM; EOPNOTSUPP a
 *           zoned device without DBLOCK_FEAT_ZONED; with DBLOCK_F_AUTO_START also
 *           ENXIO the device was destroyed while it was started, and EIO the
 *           kernel could not add the disk
 *  START    ENODEV this session has no such device; EALREADY the device was
 *           started before, or is being started; ENXIO it has ended; EIO its zones
 *           could not be read, or are invalid: START may be repeated; ENOMEM,
 *           EEXIST, EINVAL, EIO the kernel could not add the disk: the device
 *           ends, and START fails with ENXIO from then on
 *  DESTROY  ENODEV no such device; EBUSY the disk is open, and there is no
 *           DBLOCK_DESTROY_FORCE; EALREADY another call is destroying the device;
 *           EPERM without CAP_SYS_ADMIN
 *  INFO     ENODEV no such device
 *  CHANGE   EOPNOTSUPP the size of a zoned device; ENODEV no such device; ENXIO
 *           the device has ended; EPERM without CAP_SYS_ADMIN; EINTR a signal came
 *           while the device is being started or removed
 *  ADOPT    ENODEV no such device; EBUSY the device is served, or its session is
 *           open and it does not wait; ENXIO it has ended; EPERM without
 *           CAP_SYS_ADMIN; ENOMEM
 *  all      EFAULT, EINVAL (reserved members, unknown flags), ENOTTY (no such call)
 */

#endif /* _DBLOCK_H */
