/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the module share.
 *
 * A request has exactly one owner at a time. The state of its slot names the
 * owner, and changes only under the queue's lock:
 *
 *   SLOT_FREE       the block layer, or nobody
 *   SLOT_QUEUED     the queue: the request waits for a server to fetch it
 *   SLOT_FETCHING   a server thread inside DBLOCK_SERVE, copying the request out
 *   SLOT_SERVED     the server, in userspace, until it answers
 *   SLOT_ANSWERING  a server thread inside DBLOCK_SERVE, copying the answer in.
 *                   An answer about a part completes that part; the rest of
 *                   the request is SLOT_SERVED again
 *   SLOT_FAKED      the time-out handler: the answer was dropped on purpose
 *                   (the block layer's io-timeout-fail)
 *   SLOT_ENDING     the thread that is about to complete the request
 *
 * In FETCHING and ANSWERING the thread touches the request's pages with page
 * faults disabled. Both states therefore end soon, whatever the server's memory
 * does. A time-out or the end of the device leaves its verdict on such a slot in
 * ->abort, and the copying thread carries it out. In any other state the request
 * can be ended on the spot.
 */
#ifndef _DBLOCK_INTERNAL_H
#define _DBLOCK_INTERNAL_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "dblock.h"

enum dblock_slot_state {
	SLOT_FREE,
	SLOT_QUEUED,
	SLOT_FETCHING,
	SLOT_SERVED,
	SLOT_ANSWERING,
	SLOT_FAKED,
	SLOT_ENDING,
};

struct dblock_queue;

/* The place of a request: one for each tag of a hardware queue. */
struct dblock_slot {
	struct list_head node;		/* on dblock_queue.queued, or on a list of the owner */
	struct request *rq;
	struct dblock_queue *queue;
	struct dblock_server *server;	/* FETCHING to FAKED: the server that has it */
	u32 generation;			/* of the cookie; changes with every request, never 0 */
	u32 length;			/* bytes, when it came; 0 for a flush */
	sector_t sector;
	unsigned long since;		/* jiffies when it came */
	u8 state;
	bool renewed;			/* its time counts from `since`, not from the block layer's start */
	blk_status_t abort;		/* FETCHING, ANSWERING: end the request with this status */
};

struct dblock_queue {
	spinlock_t lock;		/* protects the rest, and the slots except what their owner has */
	struct list_head queued;
	unsigned int pending;		/* slots that are not free */
	unsigned int index;
	int cpu;			/* that queued the last request; read without the lock */
	unsigned int yield_pause;	/* for how many fetches servers do not yield; not locked */
	wait_queue_head_t wait;		/* servers of this queue alone */
	struct dblock_device *dev;
	struct dblock_slot *slots;
};

/*
 * A process that serves a device. The record is freed when the process is dead,
 * has no call under way and is named by no slot. A process that comes back gets
 * a new record.
 */
struct dblock_server {
	struct list_head node;
	struct pid *tgid;
	bool on_disk;			/* serves through the block device, and so has it open */
	bool dead;			/* or the session it served on is closed; never reset */
	unsigned int disk_calls;	/* through the block device, under way */
	atomic_t calls;			/* under way, of any kind */
};

/* A key to a device: its own name, or the name of a disk that it could be a partition of. */
struct dblock_name {
	struct hlist_node node;
	struct dblock_device *dev;
	size_t length;			/* how much of the device's name is the key */
};

/* The device's own name, and at most two disks that it could be a partition of. */
#define DBLOCK_NAME_KEYS	3

/* Bits of dblock_device.flags. */
#define DBLOCK_DEV_DEAD		0	/* every request fails, servers are told the end */
#define DBLOCK_DEV_END		1	/* removed in good order, servers are told the end */
#define DBLOCK_DEV_UNSERVED	2	/* outlives its servers, which are dead: requests fail */
#define DBLOCK_DEV_TOLD		3	/* its session was told the end; under the session's xa_lock */
#define DBLOCK_DEV_WAITING	4	/* its servers are dead, a new one may come: requests wait */
#define DBLOCK_DEV_READ_ONLY	5	/* writes fail */
#define DBLOCK_DEV_ADOPTED	6	/* it had another session before */

struct dblock_device {
	struct kref ref;		/* held by the table, the disk, the removal, each call under way */
	struct rcu_head rcu;
	u32 id;
	struct dblock_name names[DBLOCK_NAME_KEYS]; /* from creation until its disk is released */
	int number;			/* N of the dblock<N> that this device holds, or -1 */
	bool gone;			/* under dblock_lock: only the name is left */
	struct dblock_create params;	/* with the defaults; what can change is under state_lock */
	unsigned long flags;
	struct dblock_session *session;	/* under dblock_lock; NULL when the session has ended */
	struct dblock_session __rcu *home; /* the last session: its pollers are woken */
	struct pid *owner;

	struct blk_mq_tag_set tag_set;
	struct gendisk *disk;
	dev_t devt;
	struct dblock_queue *queues;
	unsigned int nr_queues;
	atomic_t next_queue;		/* where the next DBLOCK_QUEUE_ANY begins */
	wait_queue_head_t any_wait;	/* servers of any queue */

	spinlock_t server_lock;		/* the servers, and whether the device waits for one */
	struct list_head servers;
	bool served;			/* the device has had a server */
	unsigned long waiting_since;	/* jiffies, with DBLOCK_DEV_WAITING */

	struct mutex disk_lock;		/* one start, change or removal at a time */
	bool added;			/* under disk_lock */

	spinlock_t state_lock;		/* the four below */
	bool starting;
	bool started;
	bool removing;			/* the disk can no longer be opened */
	unsigned int openers;

	struct work_struct remove_work;
	struct work_struct release_work;
	struct completion removed;
};

/*
 * An open file of the control node. The memory stays until the last device of
 * the session is released. So a request can wake the pollers without a look
 * at whether the file is still open: a closed file has none.
 */
struct dblock_session {
	struct kref ref;		/* held by the file, each device made on it */
	struct rcu_head rcu;
	/*
	 * The session's devices by id. A device that the session no longer has
	 * leaves DBLOCK_END_UNTOLD until a call has told its end. Changed under
	 * dblock_lock; only DBLOCK_END_UNTOLD is erased under the xa_lock alone.
	 */
	struct xarray devices;
	wait_queue_head_t poll_wait;
};

#define DBLOCK_END_UNTOLD	xa_mk_value(0)

/*
 * Whether `size` bytes from `address` on have addresses at all. On a 32-bit
 * kernel u64_to_user_ptr() drops the upper half, and the rest may be memory
 * that the caller has but did not name.
 */
static inline bool dblock_addressable(u64 address, u64 size)
{
	return !size || (address <= ULONG_MAX && size <= ULONG_MAX - address);
}

/* device.c */
int dblock_devices_init(void);
void dblock_devices_exit(void);
int dblock_device_create(struct dblock_session *session, struct dblock_create *params);
int dblock_device_start(struct dblock_session *session, const struct dblock_target *target);
int dblock_device_destroy(const struct dblock_target *target);
int dblock_device_change(const struct dblock_change *change);
int dblock_device_adopt(struct dblock_session *session, const struct dblock_target *target);
int dblock_device_info(struct dblock_info *info);
int dblock_device_list(struct dblock_list *list);
struct dblock_session *dblock_session_new(void);
bool dblock_session_ready(struct dblock_session *session);
void dblock_session_mark_told(struct dblock_session *session, u32 id);
void dblock_session_end(struct dblock_session *session);
struct dblock_device *dblock_device_get(struct dblock_session *session, u32 id);
void dblock_device_put(struct dblock_device *dev);
int dblock_disk_open(struct gendisk *disk, blk_mode_t mode);
void dblock_disk_release(struct gendisk *disk);
int dblock_disk_ioctl(struct block_device *bdev, blk_mode_t mode, unsigned int cmd,
		      unsigned long arg);
void dblock_disk_free(struct gendisk *disk);
struct dblock_server *dblock_server_enter(struct dblock_device *dev, bool on_disk);
void dblock_server_leave(struct dblock_device *dev, struct dblock_server *server, bool on_disk);
void dblock_watch_now(void);

/* zoned.c */
bool dblock_zones_valid(const struct dblock_create *params);
void dblock_zones_limits(struct queue_limits *lim, const struct dblock_create *params);
int dblock_zones_start(struct dblock_device *dev);
int dblock_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
			struct blk_report_zones_args *args);
bool dblock_zone_append_fits(const struct dblock_device *dev, const struct request *rq, u64 sector);

/* ops.c */
extern const struct block_device_operations dblock_disk_ops;
extern const struct blk_mq_ops dblock_mq_ops;

/* queue.c */
blk_status_t dblock_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd);
void dblock_commit_rqs(struct blk_mq_hw_ctx *hctx);
enum blk_eh_timer_return dblock_timeout(struct request *rq);
int dblock_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index);
int dblock_queues_init(struct dblock_device *dev);
void dblock_queues_exit(struct dblock_device *dev);
unsigned int dblock_queues_pending(struct dblock_device *dev);
bool dblock_queues_waiting(struct dblock_device *dev);
void dblock_queues_describe_oldest(struct dblock_device *dev, struct dblock_info *info);
bool dblock_ended(const struct dblock_device *dev);
void dblock_queues_fail(struct dblock_device *dev, bool only_orphans);
void dblock_queues_reissue(struct dblock_device *dev);
void dblock_queues_renew(struct dblock_device *dev);
void dblock_queues_wake(struct dblock_device *dev);
bool dblock_queues_held_by(struct dblock_device *dev, const struct dblock_server *server);
int dblock_serve(struct dblock_device *dev, struct dblock_serve __user *user,
		 struct dblock_serve *call, bool on_disk);
int dblock_serve_no_device(struct dblock_serve __user *user, struct dblock_serve *call, int why);

#endif /* _DBLOCK_INTERNAL_H */
