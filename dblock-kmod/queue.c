// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a request: from the block layer to a server and back.
 *
 * internal.h says who owns a request when. Two rules shape this file. No lock is
 * held across a copy to or from userspace, because the server's memory may itself
 * lie on one of our disks. And no thread owns a request across a page fault:
 * copies run with faults disabled. Where a copy needs one, the request goes back
 * to its previous owner until the memory is there.
 */
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"

/*
 * A limit of a wait counts in the kernel's ticks from this length on. Few waits
 * last that long, and a timer of the wheel costs a fraction of a precise one.
 */
#define DBLOCK_COARSE_NS	(20 * NSEC_PER_MSEC)

/*
 * How long a request may wait for a server that yields, and for how many fetches
 * its servers sleep at once after one waited longer; see dblock_yield_judge().
 */
#define DBLOCK_YIELD_NS		(500 * NSEC_PER_USEC)
#define DBLOCK_YIELD_PAUSE	256

/* How many times memory may be gone again after it was faulted in, before that is an error. */
#define DBLOCK_FAULT_TRIES	64

/* After how many bytes of answers the processor is offered to others; an answer counts as a page more. */
#define DBLOCK_RESCHED		SZ_1M

/* How many answers or requests are copied at once. */
#define DBLOCK_COPY_BATCH	8

/* The size of the members of struct dblock_serve that each call fills in. */
#define DBLOCK_SERVE_OUT	(offsetof(struct dblock_serve, result) - \
				 offsetof(struct dblock_serve, consumed))

/* A cookie is made of the generation, the queue and the tag. */
static u64 dblock_cookie(const struct dblock_slot *slot)
{
	return (u64)slot->generation << 32 | slot->queue->index << 16 |
	       (u32)(slot - slot->queue->slots);
}

static struct dblock_slot *dblock_slot_of(struct request *rq)
{
	struct dblock_queue *q = rq->mq_hctx->driver_data;

	return &q->slots[rq->tag];
}

bool dblock_ended(const struct dblock_device *dev)
{
	return READ_ONCE(dev->flags) & (BIT(DBLOCK_DEV_DEAD) | BIT(DBLOCK_DEV_END));
}

/* ---- completion ---- */

/* Takes the request from its slot. The caller owns the slot and holds the queue's lock. */
static struct request *dblock_slot_release(struct dblock_slot *slot)
{
	struct request *rq = slot->rq;

	lockdep_assert_held(&slot->queue->lock);
	slot->rq = NULL;
	slot->server = NULL;
	slot->state = SLOT_FREE;
	slot->queue->pending--;
	return rq;
}

/* Completes the request. Its first `done` bytes have succeeded, the rest has `status`. */
static void dblock_request_end(struct request *rq, blk_status_t status, unsigned int done)
{
	if (done)
		blk_update_request(rq, BLK_STS_OK, done);
	blk_mq_end_request(rq, status);
}

/* Fails the request. The slot is SLOT_ENDING, and the caller owns it. */
static void dblock_slot_fail(struct dblock_slot *slot, blk_status_t status)
{
	struct dblock_queue *q = slot->queue;
	struct request *rq;

	spin_lock(&q->lock);
	rq = dblock_slot_release(slot);
	spin_unlock(&q->lock);
	dblock_request_end(rq, status, 0);
}

static void dblock_slots_fail(struct list_head *slots)
{
	struct dblock_slot *slot, *next;

	list_for_each_entry_safe(slot, next, slots, node) {
		list_del_init(&slot->node);
		dblock_slot_fail(slot, slot->abort ?: BLK_STS_IOERR);
	}
}

/*
 * The block status of an error. An error with a status of its own reaches the
 * application unchanged. EAGAIN and EREMCHG would make the block layer try again:
 * they become EIO, as does every error without a status.
 */
static blk_status_t dblock_status(const struct dblock_device *dev, int error)
{
	switch (error) {
	case -ETOOMANYREFS:
	case -EOVERFLOW:
		/* Too many zones are open or active. Without zones the error means nothing. */
		return dev->params.zone_size ? errno_to_blk_status(error) : BLK_STS_IOERR;
	case -EOPNOTSUPP:
	case -ETIMEDOUT:
	case -ENOSPC:
	case -ENOLINK:
	case -EREMOTEIO:
	case -EBADE:
	case -ENODATA:
	case -EILSEQ:
	case -ENOMEM:
	case -EBUSY:
	case -ENODEV:
	case -ETIME:
		return errno_to_blk_status(error);
	default:
		return BLK_STS_IOERR;
	}
}

/* ---- from the block layer ---- */

/*
 * Tells one sleeper that a request waits. A thread asleep in DBLOCK_SERVE comes
 * first: it takes the request, or passes it on after one more look (dblock_wait(),
 * dblock_pass_on(), dblock_unfetch()). Without such a thread the pollers are told.
 */
static void dblock_queue_wake(struct dblock_queue *q)
{
	struct wait_queue_head *poll_wait;

	/* Orders the queueing before the look for sleepers, as wq_has_sleeper() does; for all three. */
	smp_mb();
	if (waitqueue_active(&q->wait)) { /* after the barrier */
		wake_up(&q->wait);
	} else if (waitqueue_active(&q->dev->any_wait)) { /* after the barrier */
		wake_up(&q->dev->any_wait);
	} else {
		rcu_read_lock();
		poll_wait = &rcu_dereference(q->dev->home)->poll_wait;
		if (waitqueue_active(poll_wait)) /* after the barrier */
			wake_up_poll(poll_wait, EPOLLIN | EPOLLRDNORM);
		rcu_read_unlock();
	}
}

blk_status_t dblock_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct dblock_queue *q = hctx->driver_data;
	struct request *rq = bd->rq;
	struct dblock_slot *slot = &q->slots[rq->tag];

	if (test_bit(DBLOCK_DEV_READ_ONLY, &q->dev->flags) && op_is_write(req_op(rq)))
		return BLK_STS_IOERR;
	switch (req_op(rq)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
	case REQ_OP_FLUSH:
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		break;
	case REQ_OP_DRV_IN:		/* made by dblock_ask_zones() */
	case REQ_OP_ZONE_OPEN:
	case REQ_OP_ZONE_CLOSE:
	case REQ_OP_ZONE_FINISH:
	case REQ_OP_ZONE_RESET:
	case REQ_OP_ZONE_RESET_ALL:
	case REQ_OP_ZONE_APPEND:
		if (q->dev->params.zone_size)
			break;
		fallthrough;
	default:
		return BLK_STS_NOTSUPP;
	}

	spin_lock(&q->lock);
	/* The lock makes sure that dblock_queues_fail() sees this request if the device ends now. */
	if (dblock_ended(q->dev) || test_bit(DBLOCK_DEV_UNSERVED, &q->dev->flags)) {
		spin_unlock(&q->lock);
		return BLK_STS_IOERR;
	}
	blk_mq_start_request(rq);
	slot->rq = rq;
	slot->server = NULL;
	slot->abort = BLK_STS_OK;
	slot->since = jiffies;
	slot->renewed = false;
	slot->sector = req_op(rq) == REQ_OP_FLUSH ? 0 : blk_rq_pos(rq);
	slot->length = req_op(rq) == REQ_OP_FLUSH ? 0 : blk_rq_bytes(rq);
	slot->state = SLOT_QUEUED;
	if (!++slot->generation)
		slot->generation = 1;
	q->pending++;
	list_add_tail(&slot->node, &q->queued);
	WRITE_ONCE(q->cpu, raw_smp_processor_id());
	spin_unlock(&q->lock);

	if (bd->last)
		dblock_queue_wake(q);
	return BLK_STS_OK;
}

void dblock_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	dblock_queue_wake(hctx->driver_data);
}

/*
 * Puts a time-out off while the request waits for a new server, and until that
 * server's time is over, which counts from ->since. Returns whether it did.
 */
static bool dblock_slot_postpone_timeout(struct dblock_slot *slot)
{
	struct dblock_device *dev = slot->queue->dev;

	if (slot->state == SLOT_QUEUED && test_bit(DBLOCK_DEV_WAITING, &dev->flags))
		return true;
	if (!slot->renewed)
		return false;
	slot->renewed = false;
	return time_before(jiffies, slot->since + slot->rq->timeout);
}

enum blk_eh_timer_return dblock_timeout(struct request *rq)
{
	struct dblock_slot *slot = dblock_slot_of(rq);
	struct dblock_queue *q = slot->queue;

	spin_lock(&q->lock);
	if (slot->rq != rq) {
		/* The request was completed meanwhile. */
		spin_unlock(&q->lock);
		return BLK_EH_DONE;
	}
	if (dblock_slot_postpone_timeout(slot)) {
		spin_unlock(&q->lock);
		return BLK_EH_RESET_TIMER;
	}
	switch (slot->state) {
	case SLOT_QUEUED:
		list_del_init(&slot->node);
		break;
	case SLOT_SERVED:
	case SLOT_FAKED:
		break;
	default:
		slot->abort = BLK_STS_TIMEOUT;
		spin_unlock(&q->lock);
		return BLK_EH_RESET_TIMER;
	}
	dblock_slot_release(slot);
	spin_unlock(&q->lock);
	dblock_request_end(rq, BLK_STS_TIMEOUT, 0);
	return BLK_EH_DONE;
}

int dblock_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct dblock_device *dev = data;

	hctx->driver_data = &dev->queues[index];
	return 0;
}

/* ---- the queues as a whole ---- */

int dblock_queues_init(struct dblock_device *dev)
{
	const struct dblock_create *p = &dev->params;
	unsigned int i, tag;
	int ret = -ENOMEM;

	dev->queues = kzalloc_objs(*dev->queues, p->queues, GFP_KERNEL);
	if (!dev->queues)
		return -ENOMEM;
	dev->nr_queues = p->queues;
	for (i = 0; i < p->queues; i++) {
		struct dblock_queue *q = &dev->queues[i];

		spin_lock_init(&q->lock);
		INIT_LIST_HEAD(&q->queued);
		init_waitqueue_head(&q->wait);
		q->index = i;
		q->dev = dev;
		q->slots = kvzalloc_objs(*q->slots, p->depth, GFP_KERNEL);
		if (!q->slots)
			goto fail;
		for (tag = 0; tag < p->depth; tag++) {
			INIT_LIST_HEAD(&q->slots[tag].node);
			q->slots[tag].queue = q;
			/* A random start tells our cookies from another device's. */
			q->slots[tag].generation = get_random_u32();
		}
	}

	dev->tag_set.ops = &dblock_mq_ops;
	dev->tag_set.nr_hw_queues = p->queues;
	dev->tag_set.queue_depth = p->depth;
	dev->tag_set.numa_node = NUMA_NO_NODE;
	dev->tag_set.timeout = max(1UL, msecs_to_jiffies(p->timeout_ms));
	/*
	 * No scheduler: a test wants to see its requests in the order it made
	 * them. Blocking, although queue_rq() does not sleep: the queue then has
	 * an SRCU of its own, and its end waits for its own requests only. Not
	 * with tiny RCU, whose grace periods are over at once, while those of
	 * its SRCU may last until the next tick.
	 */
	dev->tag_set.flags = BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	if (!IS_ENABLED(CONFIG_TINY_RCU))
		dev->tag_set.flags |= BLK_MQ_F_BLOCKING;
	dev->tag_set.driver_data = dev;
	ret = blk_mq_alloc_tag_set(&dev->tag_set);
	if (ret)
		goto fail;
	return 0;

fail:
	dblock_queues_exit(dev);
	return ret;
}

void dblock_queues_exit(struct dblock_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		kvfree(dev->queues[i].slots);
	kfree(dev->queues);
	dev->queues = NULL;
}

unsigned int dblock_queues_pending(struct dblock_device *dev)
{
	unsigned int i, pending = 0;

	for (i = 0; i < dev->nr_queues; i++)
		pending += READ_ONCE(dev->queues[i].pending);
	return pending;
}

/* Whether any request waits to be fetched. */
bool dblock_queues_waiting(struct dblock_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		if (!list_empty_careful(&dev->queues[i].queued))
			return true;
	return false;
}

static u16 dblock_op(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return DBLOCK_OP_READ;
	case REQ_OP_WRITE:
		return DBLOCK_OP_WRITE;
	case REQ_OP_FLUSH:
		return DBLOCK_OP_FLUSH;
	case REQ_OP_DISCARD:
		return DBLOCK_OP_DISCARD;
	case REQ_OP_DRV_IN:
		return DBLOCK_OP_ZONE_REPORT;
	case REQ_OP_ZONE_OPEN:
		return DBLOCK_OP_ZONE_OPEN;
	case REQ_OP_ZONE_CLOSE:
		return DBLOCK_OP_ZONE_CLOSE;
	case REQ_OP_ZONE_FINISH:
		return DBLOCK_OP_ZONE_FINISH;
	case REQ_OP_ZONE_RESET:
		return DBLOCK_OP_ZONE_RESET;
	case REQ_OP_ZONE_RESET_ALL:
		return DBLOCK_OP_ZONE_RESET_ALL;
	case REQ_OP_ZONE_APPEND:
		return DBLOCK_OP_ZONE_APPEND;
	default:
		return DBLOCK_OP_WRITE_ZEROES;
	}
}

/* Describes the request that has been under way the longest. */
void dblock_queues_describe_oldest(struct dblock_device *dev, struct dblock_info *info)
{
	unsigned long now = jiffies, age, oldest = 0;
	unsigned int i, tag;

	for (i = 0; i < dev->nr_queues; i++) {
		struct dblock_queue *q = &dev->queues[i];

		spin_lock(&q->lock);
		for (tag = 0; q->pending && tag < dev->params.depth; tag++) {
			struct dblock_slot *slot = &q->slots[tag];

			/* A request that is being completed waits for nobody. */
			if (slot->state == SLOT_FREE || slot->state == SLOT_ENDING)
				continue;
			/* The request may have come after `now`. */
			age = time_after(now, slot->since) ? now - slot->since : 0;
			if (info->oldest != DBLOCK_OLDEST_NONE && age <= oldest)
				continue;
			oldest = age;
			info->oldest = slot->state == SLOT_QUEUED ? DBLOCK_OLDEST_WAITING :
								    DBLOCK_OLDEST_HELD;
			info->oldest_sector = slot->sector;
			info->oldest_length = slot->length;
			info->oldest_op = dblock_op(slot->rq);
			info->oldest_queue = i;
		}
		spin_unlock(&q->lock);
	}
	info->oldest_age_ms = jiffies_to_msecs(oldest);
}

/*
 * Whether the request waits for an unserved device, or its server is dead. Called
 * under the queue's lock.
 */
static bool dblock_slot_orphaned(const struct dblock_slot *slot)
{
	if (slot->state == SLOT_QUEUED)
		return test_bit(DBLOCK_DEV_UNSERVED, &slot->queue->dev->flags);
	return slot->server && READ_ONCE(slot->server->dead);
}

/*
 * Fails every request, or only the orphaned ones. New requests may come meanwhile
 * unless the caller has made sure that none does.
 */
void dblock_queues_fail(struct dblock_device *dev, bool only_orphans)
{
	unsigned int i, tag;

	for (i = 0; i < dev->nr_queues; i++) {
		struct dblock_queue *q = &dev->queues[i];
		LIST_HEAD(ending);

		spin_lock(&q->lock);
		for (tag = 0; q->pending && tag < dev->params.depth; tag++) {
			struct dblock_slot *slot = &q->slots[tag];

			if (only_orphans && !dblock_slot_orphaned(slot))
				continue;
			switch (slot->state) {
			case SLOT_QUEUED:
			case SLOT_SERVED:
			case SLOT_FAKED:
				slot->state = SLOT_ENDING;
				list_move_tail(&slot->node, &ending);
				break;
			case SLOT_FETCHING:
			case SLOT_ANSWERING:
				if (!slot->abort)
					slot->abort = BLK_STS_IOERR;
				break;
			}
		}
		spin_unlock(&q->lock);
		dblock_slots_fail(&ending);
	}
}

/* Whether a slot names this server. The server must fetch no more requests. */
bool dblock_queues_held_by(struct dblock_device *dev, const struct dblock_server *server)
{
	bool held = false;
	unsigned int i, tag;

	for (i = 0; i < dev->nr_queues && !held; i++) {
		struct dblock_queue *q = &dev->queues[i];

		spin_lock(&q->lock);
		for (tag = 0; q->pending && tag < dev->params.depth && !held; tag++)
			held = q->slots[tag].server == server;
		spin_unlock(&q->lock);
	}
	return held;
}

/* Queues the requests of dead servers again, before those that were never fetched. */
void dblock_queues_reissue(struct dblock_device *dev)
{
	unsigned int i, tag;

	for (i = 0; i < dev->nr_queues; i++) {
		struct dblock_queue *q = &dev->queues[i];
		LIST_HEAD(again);

		spin_lock(&q->lock);
		for (tag = 0; q->pending && tag < dev->params.depth; tag++) {
			struct dblock_slot *slot = &q->slots[tag];

			/*
			 * A request that is being copied is seen the next time.
			 * SLOT_FAKED waits for its time-out.
			 */
			if (slot->state != SLOT_SERVED || !READ_ONCE(slot->server->dead))
				continue;
			slot->state = SLOT_QUEUED;
			slot->server = NULL;
			/* The old cookie no longer names the request. */
			if (!++slot->generation)
				slot->generation = 1;
			list_add_tail(&slot->node, &again);
		}
		list_splice(&again, &q->queued);
		spin_unlock(&q->lock);
		dblock_queue_wake(q);
	}
}

/* Begins the time of all waiting requests anew. */
void dblock_queues_renew(struct dblock_device *dev)
{
	unsigned int i, tag;

	for (i = 0; i < dev->nr_queues; i++) {
		struct dblock_queue *q = &dev->queues[i];

		spin_lock(&q->lock);
		for (tag = 0; q->pending && tag < dev->params.depth; tag++) {
			struct dblock_slot *slot = &q->slots[tag];

			if (slot->state != SLOT_QUEUED)
				continue;
			slot->since = jiffies;
			slot->renewed = true;
		}
		spin_unlock(&q->lock);
	}
}

void dblock_queues_wake(struct dblock_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_queues; i++)
		wake_up_all(&dev->queues[i].wait);
	wake_up_all(&dev->any_wait);
	/*
	 * Orders the end of the device before the read of its session. A session
	 * may just be adopting the device: its poller is woken here or sees the
	 * end. Pairs with the barrier in dblock_ctl_poll().
	 */
	smp_mb();
	rcu_read_lock();
	wake_up_poll(&rcu_dereference(dev->home)->poll_wait, EPOLLIN | EPOLLRDNORM);
	rcu_read_unlock();
}

/* ---- copies that do not fault ---- */

static bool dblock_put_nofault(void __user *to, const void *from, size_t size)
{
	unsigned long left;

	if (!access_ok(to, size))
		return false;
	pagefault_disable();
	left = __copy_to_user_inatomic(to, from, size);
	pagefault_enable();
	return !left;
}

static bool dblock_get_nofault(void *to, const void __user *from, size_t size)
{
	unsigned long left;

	if (!access_ok(from, size))
		return false;
	pagefault_disable();
	left = __copy_from_user_inatomic(to, from, size);
	pagefault_enable();
	return !left;
}

/*
 * Copies the request's data to the caller's memory. Returns how many bytes.
 *
 * Uses an iov_iter, as direct I/O does. jbd2 and XFS at times write from slab
 * memory, and hardened usercopy makes copy_to_user() refuse that.
 */
static unsigned int dblock_copy_to(u64 address, struct request *rq)
{
	struct iovec iov = { u64_to_user_ptr(address), blk_rq_bytes(rq) };
	struct req_iterator iter;
	unsigned int done = 0;
	struct iov_iter to;
	struct bio_vec bv;

	if (!access_ok(iov.iov_base, iov.iov_len))
		return 0;
	iov_iter_init(&to, ITER_DEST, &iov, 1, iov.iov_len);
	rq_for_each_segment(bv, rq, iter) {
		size_t copied;

		pagefault_disable();
		copied = copy_page_to_iter(bv.bv_page, bv.bv_offset, bv.bv_len, &to);
		pagefault_enable();
		done += copied;
		if (copied != bv.bv_len)
			break;
	}
	return done;
}

/* Where the data of an answer are: in a range, and in the segments behind it. */
struct dblock_source {
	u64 address;
	u64 length;			/* of the range, in bytes */
	bool zeros;			/* the range is not memory but zeros */
	unsigned int left;		/* segments that were not fetched */
	unsigned int at, fetched;	/* in `segments` */
	const struct dblock_segment __user *next;
	struct dblock_segment segments[8];
	const void __user *missing;	/* memory that is not there but may be soon */
	size_t missing_size;
};

static int dblock_source_init(struct dblock_source *source, const struct dblock_answer *answer)
{
	bool segments = answer->flags & DBLOCK_ANS_SEGMENTS;
	u64 size = segments ? answer->segments * sizeof(*source->segments) : answer->length;

	source->address = answer->data;
	source->length = segments ? 0 : answer->length;
	source->zeros = answer->flags & DBLOCK_ANS_ZEROES;
	source->left = answer->segments;
	source->at = 0;
	source->fetched = 0;
	source->next = u64_to_user_ptr(answer->data);
	source->missing = NULL;
	return source->zeros || dblock_addressable(answer->data, size) ? 0 : -EFAULT;
}

/* Goes on to the next segment. */
static int dblock_source_next(struct dblock_source *source)
{
	const struct dblock_segment *segment;

	if (source->at == source->fetched) {
		unsigned int n = min_t(unsigned int, source->left, ARRAY_SIZE(source->segments));

		if (!n)
			return -EBADMSG;
		if (!dblock_get_nofault(source->segments, source->next, n * sizeof(*segment))) {
			source->missing = source->next;
			source->missing_size = n * sizeof(*segment);
			return -EFAULT;
		}
		source->at = 0;
		source->fetched = n;
		source->left -= n;
		source->next += n;
	}
	segment = &source->segments[source->at++];
	if (!segment->length)
		return -EBADMSG;
	if (!dblock_addressable(segment->data, segment->length))
		return -EFAULT;
	source->address = segment->data;
	source->length = segment->length;
	source->zeros = !segment->data;
	return 0;
}

static bool dblock_source_used_up(const struct dblock_source *source)
{
	return !source->length && !source->left && source->at == source->fetched;
}

/* Copies the next bytes of the source. Returns how many. */
static unsigned int dblock_copy_from(const struct dblock_source *source, struct bio_vec *to)
{
	struct iovec iov = { u64_to_user_ptr(source->address), to->bv_len };
	struct iov_iter from;
	size_t copied;

	if (source->zeros) {
		memzero_bvec(to);
		return to->bv_len;
	}
	if (!access_ok(iov.iov_base, iov.iov_len))
		return 0;
	iov_iter_init(&from, ITER_SOURCE, &iov, 1, iov.iov_len);
	pagefault_disable();
	copied = copy_page_from_iter(to->bv_page, to->bv_offset, to->bv_len, &from);
	pagefault_enable();
	flush_dcache_page(to->bv_page);
	return copied;
}

/*
 * Copies what the answer brings into the request's pages, from byte `*done` on,
 * which moves on. EFAULT: see `source->missing`.
 */
static int dblock_fill(struct request *rq, const struct dblock_answer *answer, unsigned int *done,
		       struct dblock_source *source)
{
	unsigned int copied, left, n, pos = 0;
	struct req_iterator iter;
	struct bio_vec bv, to;
	int ret;

	ret = dblock_source_init(source, answer);
	if (ret)
		return ret;
	rq_for_each_segment(bv, rq, iter) {
		to = bv;
		for (left = bv.bv_len; left && pos < answer->length; left -= n, pos += n) {
			if (!source->length) {
				ret = dblock_source_next(source);
				if (ret)
					return ret;
			}
			n = min_t(u64, left, min(source->length, answer->length - pos));
			if (pos < *done) {
				/* It was copied before memory was faulted in. */
				n = min(n, *done - pos);
			} else {
				to.bv_len = n;
				copied = dblock_copy_from(source, &to);
				*done += copied;
				if (copied != n) {
					/* All of it: on 32-bit ARM, a copy may end before the page that is not there. */
					source->missing = u64_to_user_ptr(source->address) + copied;
					source->missing_size = n - copied;
					return -EFAULT;
				}
			}
			to.bv_offset += n;
			source->address += n;
			source->length -= n;
		}
		if (pos == answer->length)
			break;
	}
	return dblock_source_used_up(source) ? 0 : -EBADMSG;
}

/* ---- answers ---- */

/* Whether the request's data go to the server. */
static bool dblock_writes(const struct request *rq)
{
	return req_op(rq) == REQ_OP_WRITE || req_op(rq) == REQ_OP_ZONE_APPEND;
}

/* Whether the request's data come from the server. */
static bool dblock_reads(const struct request *rq)
{
	return req_op(rq) == REQ_OP_READ || req_op(rq) == REQ_OP_DRV_IN;
}

/* Checks that the answer fits the request. Changes neither. */
static int dblock_answer_check(const struct dblock_device *dev, const struct request *rq,
			       const struct dblock_answer *answer)
{
	unsigned int bytes = req_op(rq) == REQ_OP_FLUSH ? 0 : blk_rq_bytes(rq);

	if (answer->result > 0 || answer->result < -MAX_ERRNO)
		return -EBADMSG;
	if (answer->flags & DBLOCK_ANS_MORE) {
		/* Something must remain: the last answer is about the rest. */
		if (!answer->length || answer->length >= bytes)
			return -EBADMSG;
		if (!IS_ALIGNED(answer->length, dev->params.logical_block))
			return -EBADMSG;
		if (answer->result && answer->flags & (DBLOCK_ANS_ZEROES | DBLOCK_ANS_SEGMENTS))
			return -EBADMSG;
	} else if (answer->result) {
		if (answer->length && answer->length >= bytes)
			return -EBADMSG;
		if (!IS_ALIGNED(answer->length, dev->params.logical_block))
			return -EBADMSG;
	} else if (answer->length != bytes) {
		return -EBADMSG;
	}
	if (answer->flags & (DBLOCK_ANS_ZEROES | DBLOCK_ANS_SEGMENTS) && req_op(rq) != REQ_OP_READ)
		return -EBADMSG;
	if (answer->flags & DBLOCK_ANS_ZEROES && answer->flags & DBLOCK_ANS_SEGMENTS)
		return -EBADMSG;
	switch (req_op(rq)) {
	case REQ_OP_ZONE_APPEND:
		if (!answer->result && !dblock_zone_append_fits(dev, rq, answer->data))
			return -EBADMSG;
		fallthrough;
	case REQ_OP_DRV_IN:
		/* These succeed as a whole or not at all. */
		if (answer->flags & DBLOCK_ANS_MORE || (answer->result && answer->length))
			return -EBADMSG;
		break;
	default:
		break;
	}
	return 0;
}

/* Takes the slot from the server. */
static int dblock_answer_claim(struct dblock_slot *slot, u32 generation)
{
	struct dblock_queue *q = slot->queue;
	int ret = 0;

	spin_lock(&q->lock);
	if (slot->generation != generation)
		/* An older cookie was given out before; a newer one never was. */
		ret = (s32)(generation - slot->generation) < 0 ? -ESTALE : -ENOENT;
	else if (slot->state != SLOT_SERVED)
		ret = -ESTALE;
	else
		slot->state = SLOT_ANSWERING;
	spin_unlock(&q->lock);
	return ret;
}

/*
 * Gives the slot back to the server and returns `ret`. If the slot was aborted
 * meanwhile, ends the request instead and returns ESTALE: the answer came too late.
 */
static int dblock_answer_unclaim(struct dblock_slot *slot, int ret)
{
	struct dblock_queue *q = slot->queue;
	struct request *rq = NULL;
	blk_status_t abort;

	spin_lock(&q->lock);
	abort = slot->abort;
	if (abort)
		rq = dblock_slot_release(slot);
	else
		slot->state = SLOT_SERVED;
	spin_unlock(&q->lock);
	if (!rq)
		return ret;
	dblock_request_end(rq, abort, 0);
	return -ESTALE;
}

static int dblock_answer_finish(struct dblock_slot *slot, const struct dblock_answer *answer)
{
	struct dblock_queue *q = slot->queue;
	bool fake = blk_should_fake_timeout(slot->rq->q);
	struct request *rq = NULL;
	blk_status_t abort;

	spin_lock(&q->lock);
	abort = slot->abort;
	if (fake && !abort)
		slot->state = SLOT_FAKED;
	else
		rq = dblock_slot_release(slot);
	spin_unlock(&q->lock);
	if (!rq)
		return 0;
	if (abort) {
		dblock_request_end(rq, abort, 0);
		return -ESTALE;
	}
	if (answer->result) {
		dblock_request_end(rq, dblock_status(q->dev, answer->result), answer->length);
		return 0;
	}
	if (req_op(rq) == REQ_OP_ZONE_APPEND)
		rq->__sector = answer->data;
	dblock_request_end(rq, BLK_STS_OK, 0);
	return 0;
}

/*
 * Completes the part of the request that the answer is about. The slot stays
 * SLOT_ANSWERING meanwhile, so that no other thread completes the request or looks
 * into it while its bios end. A verdict that comes in this time is for the rest.
 *
 * io-timeout-fail does not apply: it drops the completion of a whole request.
 */
static int dblock_answer_complete_part(struct dblock_slot *slot, const struct dblock_answer *answer)
{
	struct dblock_queue *q = slot->queue;
	blk_status_t status = BLK_STS_OK;
	blk_status_t abort;

	spin_lock(&q->lock);
	abort = slot->abort;
	spin_unlock(&q->lock);
	if (abort)
		return dblock_answer_unclaim(slot, -ESTALE);
	if (answer->result)
		status = dblock_status(slot->queue->dev, answer->result);
	blk_update_request(slot->rq, status, answer->length);
	/* The part counts as answered, even if the rest has ended: the next answer is told. */
	dblock_answer_unclaim(slot, 0);
	return 0;
}

/* Completes what the answer is about, once its data are in place. */
static int dblock_answer_complete(struct dblock_slot *slot, const struct dblock_answer *answer)
{
	if (answer->flags & DBLOCK_ANS_MORE)
		return dblock_answer_complete_part(slot, answer);
	return dblock_answer_finish(slot, answer);
}

/* Whether the answer brings data or zeros. */
static bool dblock_answer_has_data(const struct request *rq, const struct dblock_answer *answer)
{
	if (!dblock_reads(rq))
		return false;
	/* A part that failed has a length but no data. */
	return !(answer->result && answer->flags & DBLOCK_ANS_MORE);
}

/* Checks what can be told without the request. */
static int dblock_answer_validate(const struct dblock_answer *answer)
{
	bool segments = answer->flags & DBLOCK_ANS_SEGMENTS;

	if (answer->flags & ~(DBLOCK_ANS_ZEROES | DBLOCK_ANS_MORE | DBLOCK_ANS_SEGMENTS))
		return -EINVAL;
	if (segments != !!answer->segments || answer->segments > DBLOCK_MAX_SEGMENTS)
		return -EINVAL;
	return answer->reserved0 || answer->reserved1 ? -EINVAL : 0;
}

static int dblock_answer(struct dblock_device *dev, const struct dblock_answer *answer)
{
	unsigned int index = answer->cookie >> 16 & 0xffff;
	unsigned int tag = answer->cookie & 0xffff;
	unsigned int tries, done = 0, before, remaining = 0;
	struct dblock_source source;
	struct dblock_slot *slot;
	int ret;

	ret = dblock_answer_validate(answer);
	if (ret)
		return ret;
	if (index >= dev->nr_queues || tag >= dev->params.depth)
		return -ENOENT;
	index = array_index_nospec(index, dev->nr_queues);
	tag = array_index_nospec(tag, dev->params.depth);
	slot = &dev->queues[index].slots[tag];

	for (tries = 0; tries < DBLOCK_FAULT_TRIES; tries++) {
		ret = dblock_answer_claim(slot, answer->cookie >> 32);
		if (ret)
			return ret;
		ret = dblock_answer_check(dev, slot->rq, answer);
		if (ret)
			return dblock_answer_unclaim(slot, ret);
		if (!dblock_answer_has_data(slot->rq, answer))
			return dblock_answer_complete(slot, answer);
		/*
		 * Another thread may have answered a part while this one faulted
		 * memory in. Then the bytes copied so far are before the
		 * request's new start.
		 */
		if (remaining != blk_rq_bytes(slot->rq))
			done = 0;
		remaining = blk_rq_bytes(slot->rq);
		before = done;
		ret = dblock_fill(slot->rq, answer, &done, &source);
		if (!ret)
			return dblock_answer_complete(slot, answer);

		ret = dblock_answer_unclaim(slot, ret);
		if (ret != -EFAULT)
			return ret;
		if (!source.missing || fault_in_readable(source.missing, source.missing_size))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (done > before)
			tries = 0;
	}
	return -EFAULT;
}

/* Copies the next answers, `n` at most. Returns how many. */
static unsigned int dblock_get_answers(struct dblock_answer *to,
				       const struct dblock_answer __user *from, unsigned int n)
{
	n = min_t(unsigned int, n, DBLOCK_COPY_BATCH);
	if (!copy_from_user(to, from, n * sizeof(*to)))
		return n;
	/* One that cannot be read must not hide those before it. */
	return copy_from_user(to, from, sizeof(*to)) ? 0 : 1;
}

static int dblock_take_answers(struct dblock_device *dev, struct dblock_serve *call)
{
	const struct dblock_answer __user *from = u64_to_user_ptr(call->answers);
	struct dblock_answer answers[DBLOCK_COPY_BATCH];
	unsigned int i, n, work = 0;
	int ret;

	while (call->consumed < call->nr_answers) {
		n = dblock_get_answers(answers, &from[call->consumed],
				       call->nr_answers - call->consumed);
		if (!n)
			return -EFAULT;
		for (i = 0; i < n; i++) {
			ret = dblock_answer(dev, &answers[i]);
			if (ret)
				return ret;
			call->consumed++;
			/*
			 * Not after each answer: whoever waited for the first
			 * would be given the processor before the next.
			 */
			work += PAGE_SIZE + answers[i].length;
			if (work >= DBLOCK_RESCHED) {
				cond_resched();
				work = 0;
			}
		}
	}
	return 0;
}

/* ---- requests ---- */

static bool dblock_queued(struct dblock_device *dev, struct dblock_queue *q)
{
	return q ? !list_empty_careful(&q->queued) : dblock_queues_waiting(dev);
}

enum dblock_limit_kind {
	LIMIT_NONE,
	LIMIT_NOW,
	LIMIT_COARSE,
	LIMIT_FINE,
};

/* The limit of a DBLOCK_SERVE's wait. */
struct dblock_limit {
	enum dblock_limit_kind kind;
	union {
		unsigned long jiffies;
		ktime_t time;
	};
};

static struct dblock_limit dblock_limit(s64 timeout_ns)
{
	struct dblock_limit limit = { };

	if (timeout_ns < 0) {
		limit.kind = LIMIT_NONE;
	} else if (!timeout_ns) {
		limit.kind = LIMIT_NOW;
	} else if (timeout_ns < DBLOCK_COARSE_NS) {
		limit.kind = LIMIT_FINE;
		limit.time = ktime_add_ns(ktime_get(), timeout_ns);
	} else {
		limit.kind = LIMIT_COARSE;
		/* Two ticks more, so that it is never less: the current tick has begun already. */
		limit.jiffies = jiffies + min_t(u64, nsecs_to_jiffies64(timeout_ns) + 2,
						MAX_JIFFY_OFFSET);
	}
	return limit;
}

/* Sleeps. Returns whether the time is up. */
static bool dblock_sleep(struct dblock_limit *limit)
{
	unsigned long now;

	switch (limit->kind) {
	case LIMIT_NONE:
		schedule();
		return false;
	case LIMIT_FINE:
		return !schedule_hrtimeout(&limit->time, HRTIMER_MODE_ABS);
	case LIMIT_COARSE:
		now = jiffies;
		return time_after_eq(now, limit->jiffies) ||
		       !schedule_timeout(limit->jiffies - now);
	default:
		return true;
	}
}

/*
 * Waits until there may be a request to fetch. Returns 1, 0 when the time is up,
 * or EINTR. `q` is NULL for any queue.
 */
static int dblock_wait(struct dblock_device *dev, struct dblock_queue *q,
		       struct dblock_limit *limit)
{
	struct wait_queue_head *head = q ? &q->wait : &dev->any_wait;
	bool expired = limit->kind == LIMIT_NOW;
	DEFINE_WAIT(wait);
	int ret;

	for (;;) {
		prepare_to_wait_exclusive(head, &wait, TASK_INTERRUPTIBLE);
		ret = 1;
		if (dblock_ended(dev) || dblock_queued(dev, q))
			break;
		ret = -EINTR;
		if (signal_pending(current))
			break;
		ret = 0;
		if (expired)
			break;
		expired = dblock_sleep(limit);
	}
	finish_wait(head, &wait);
	if (ret <= 0) {
		/*
		 * A wake-up may have come after the last look, and no other
		 * thread got it. Its sender queued a request before it found
		 * this thread asleep: pairs with dblock_queue_wake().
		 */
		smp_mb();
		if (dblock_queued(dev, q))
			ret = 1;
	}
	return ret;
}

/*
 * Gives the processor away before a server sleeps, if whoever makes its requests
 * waits for this processor. A sleeper would be woken by the first request, and
 * take the processor from its sender before that makes another. A server that can
 * run gets the processor when the sender needs it no more: it finds all requests
 * made until then, and was not woken. Returns whether it did.
 *
 * The processor may go to somebody else, who keeps it. See dblock_yield_judge().
 */
static bool dblock_yield(struct dblock_device *dev, struct dblock_queue *q)
{
	unsigned int pause = READ_ONCE(q->yield_pause);

	if (dblock_ended(dev) || !list_empty_careful(&q->queued))
		return false;
	if (READ_ONCE(q->cpu) != raw_smp_processor_id() || single_task_running())
		return false;
	if (pause) {
		WRITE_ONCE(q->yield_pause, pause - 1);
		return false;
	}
	yield();
	return true;
}

/*
 * Lets the servers of a queue not yield for a while if these requests have waited
 * for long since one did: whoever got the processor had other things to do. One
 * that has brought a single request is no reason. The scheduler gives the processor
 * to who had less of it, and a server that yields again and again has had more.
 */
static void dblock_yield_judge(struct dblock_queue *q, const struct list_head *fetched,
			       unsigned int n, u64 now)
{
	u64 since = list_first_entry(fetched, struct dblock_slot, node)->rq->start_time_ns;

	/* The block layer does not note the time of a request that it does not account for. */
	if (!since || now > since + (u64)n * DBLOCK_YIELD_NS)
		WRITE_ONCE(q->yield_pause, DBLOCK_YIELD_PAUSE);
}

/* Takes up to `max` requests whose data fit into `room`. Returns their number. */
static unsigned int dblock_dequeue(struct dblock_queue *q, struct dblock_server *server,
				   struct list_head *fetched, unsigned int max, u64 *room)
{
	struct dblock_slot *slot;
	unsigned int n = 0;

	if (list_empty_careful(&q->queued))
		return 0;
	spin_lock(&q->lock);
	while (n < max) {
		unsigned int bytes = 0;

		slot = list_first_entry_or_null(&q->queued, struct dblock_slot, node);
		if (!slot)
			break;
		if (dblock_writes(slot->rq))
			bytes = blk_rq_bytes(slot->rq);
		if (bytes > *room)
			break;
		*room -= bytes;
		slot->state = SLOT_FETCHING;
		slot->server = server;
		list_move_tail(&slot->node, fetched);
		n++;
	}
	spin_unlock(&q->lock);
	return n;
}

static unsigned int dblock_dequeue_any(struct dblock_device *dev, struct dblock_server *server,
				       struct list_head *fetched, unsigned int max, u64 room)
{
	unsigned int first = atomic_inc_return(&dev->next_queue);
	unsigned int i, n = 0;

	for (i = 0; i < dev->nr_queues && n < max; i++)
		n += dblock_dequeue(&dev->queues[(first + i) % dev->nr_queues], server, fetched,
				    max - n, &room);
	return n;
}

/*
 * Wakes others for the requests that this thread has not fetched. While it had
 * seen one request but was not off the wait queue yet, it may have received the
 * wake-up for another.
 */
static void dblock_pass_on(struct dblock_device *dev, struct dblock_queue *q)
{
	unsigned int i;

	/* A sender queues its request before it finds a sleeper: pairs with dblock_queue_wake(). */
	smp_mb();
	if (q) {
		if (dblock_queued(dev, q))
			dblock_queue_wake(q);
		return;
	}
	for (i = 0; i < dev->nr_queues; i++)
		if (dblock_queued(dev, &dev->queues[i]))
			dblock_queue_wake(&dev->queues[i]);
}

/* Puts the requests back at the head of their queues, in their order. */
static void dblock_unfetch(struct list_head *fetched)
{
	struct dblock_slot *slot, *prev;
	LIST_HEAD(ending);

	list_for_each_entry_safe_reverse(slot, prev, fetched, node) {
		struct dblock_queue *q = slot->queue;

		spin_lock(&q->lock);
		slot->server = NULL;
		if (slot->abort) {
			slot->state = SLOT_ENDING;
			list_move(&slot->node, &ending);
		} else {
			slot->state = SLOT_QUEUED;
			list_move(&slot->node, &q->queued);
		}
		spin_unlock(&q->lock);
		dblock_queue_wake(q);
	}
	dblock_slots_fail(&ending);
}

/* Makes the server the owner of the fetched requests. */
static void dblock_hand_over(struct list_head *fetched)
{
	struct dblock_slot *slot, *next;
	LIST_HEAD(ending);

	while (!list_empty(fetched)) {
		struct dblock_queue *q = list_first_entry(fetched, struct dblock_slot, node)->queue;

		/* Requests of the same queue are adjacent. */
		spin_lock(&q->lock);
		list_for_each_entry_safe(slot, next, fetched, node) {
			if (slot->queue != q)
				break;
			if (slot->abort) {
				slot->state = SLOT_ENDING;
				list_move_tail(&slot->node, &ending);
			} else {
				list_del_init(&slot->node);
				slot->state = SLOT_SERVED;
			}
		}
		spin_unlock(&q->lock);
	}
	dblock_slots_fail(&ending);
}

static void dblock_describe(const struct dblock_slot *slot, u64 now, struct dblock_request *req)
{
	struct request *rq = slot->rq;

	memset(req, 0, sizeof(*req));
	req->cookie = dblock_cookie(slot);
	req->queue = slot->queue->index;
	req->op = dblock_op(rq);
	if (req->op != DBLOCK_OP_FLUSH) {
		req->sector = blk_rq_pos(rq);
		req->length = blk_rq_bytes(rq);
	}
	if (rq->cmd_flags & REQ_FUA)
		req->flags |= DBLOCK_REQ_FUA;
	if (rq->cmd_flags & REQ_META)
		req->flags |= DBLOCK_REQ_META;
	if (rq->cmd_flags & REQ_SYNC)
		req->flags |= DBLOCK_REQ_SYNC;
	if (req->op == DBLOCK_OP_WRITE_ZEROES && (rq->cmd_flags & REQ_NOUNMAP))
		req->flags |= DBLOCK_REQ_NOUNMAP;
	if (rq->cmd_flags & REQ_RAHEAD)
		req->flags |= DBLOCK_REQ_RAHEAD;
	if (rq->cmd_flags & REQ_PRIO)
		req->flags |= DBLOCK_REQ_PRIO;
	if (rq->cmd_flags & REQ_BACKGROUND)
		req->flags |= DBLOCK_REQ_BACKGROUND;
	if (rq->cmd_flags & REQ_SWAP)
		req->flags |= DBLOCK_REQ_SWAP;
	req->ioprio = req_get_ioprio(rq);
	req->write_hint = rq->bio ? rq->bio->bi_write_hint : 0;
	/* The block layer does not note the time of a request that it does not account for. */
	req->issued_ns = rq->start_time_ns ? min_t(u64, rq->start_time_ns, now) : now;
	req->fetched_ns = now;
}

/* The memory that a copy needs and that is not there. */
struct dblock_missing {
	void __user *start;
	size_t size;
};

/* Copies the requests in `fetched` to the caller. False: see `missing`. */
static bool dblock_copy_out(struct list_head *fetched, const struct dblock_serve *call, u64 now,
			    struct dblock_missing *missing)
{
	struct dblock_request __user *to = u64_to_user_ptr(call->requests);
	struct dblock_request reqs[DBLOCK_COPY_BATCH];
	u64 buffer = call->buffer;
	struct dblock_slot *slot;
	unsigned int n = 0;

	list_for_each_entry(slot, fetched, node) {
		struct dblock_request *req = &reqs[n++];

		dblock_describe(slot, now, req);
		if (dblock_writes(slot->rq)) {
			unsigned int done = dblock_copy_to(buffer, slot->rq);

			if (done != req->length) {
				missing->start = u64_to_user_ptr(buffer) + done;
				missing->size = req->length - done;
				return false;
			}
			req->data = buffer;
			buffer += req->length;
		}
		if (n < DBLOCK_COPY_BATCH && !list_is_last(&slot->node, fetched))
			continue;
		if (!dblock_put_nofault(to, reqs, n * sizeof(*reqs))) {
			missing->start = to;
			missing->size = n * sizeof(*reqs);
			return false;
		}
		to += n;
		n = 0;
	}
	return true;
}

static bool dblock_put_result_nofault(struct dblock_serve __user *user,
				      const struct dblock_serve *call)
{
	return dblock_put_nofault(&user->consumed, &call->consumed, DBLOCK_SERVE_OUT);
}

/* The queue of this number, or NULL for any. The number is valid, but speculation ignores that. */
static struct dblock_queue *dblock_named_queue(struct dblock_device *dev, u32 queue)
{
	if (queue == DBLOCK_QUEUE_ANY)
		return NULL;
	return &dev->queues[array_index_nospec(queue, dev->nr_queues)];
}

static int dblock_fetch(struct dblock_device *dev, struct dblock_server *server,
			struct dblock_serve __user *user, struct dblock_serve *call)
{
	struct dblock_queue *q = dblock_named_queue(dev, call->queue);
	struct dblock_limit limit = dblock_limit(call->timeout_ns);
	/* With several queues, any of them may have requests from any processor. */
	struct dblock_queue *only = dev->nr_queues == 1 ? &dev->queues[0] : q;
	bool yielded = only && limit.kind != LIMIT_NOW && dblock_yield(dev, only);
	unsigned int tries = 0, n;
	LIST_HEAD(fetched);
	int ret;

	for (;;) {
		struct dblock_missing missing = { &user->consumed, DBLOCK_SERVE_OUT };
		u64 room = call->buffer_size;
		u64 now;

		ret = dblock_wait(dev, q, &limit);
		if (ret <= 0)
			return ret;
		if (dblock_ended(dev)) {
			call->state |= DBLOCK_SERVE_END;
			return 0;
		}
		if (q)
			n = dblock_dequeue(q, server, &fetched, call->max_requests, &room);
		else
			n = dblock_dequeue_any(dev, server, &fetched, call->max_requests, room);
		dblock_pass_on(dev, q);
		if (!n)
			continue;

		now = ktime_get_ns();
		if (yielded)
			dblock_yield_judge(only, &fetched, n, now);
		call->nr_requests = n;
		if (dblock_copy_out(&fetched, call, now, &missing) &&
		    dblock_put_result_nofault(user, call)) {
			dblock_hand_over(&fetched);
			return 0;
		}
		call->nr_requests = 0;
		dblock_unfetch(&fetched);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (++tries > DBLOCK_FAULT_TRIES ||
		    fault_in_writeable(missing.start, missing.size) == missing.size)
			return -EFAULT;
	}
}

/* ---- DBLOCK_SERVE ---- */

/* Whether the members that a caller may not set are zero. */
static bool dblock_serve_zeros(const struct dblock_serve *call)
{
	return !call->flags && !call->result && !call->reserved0 &&
	       !memchr_inv(call->reserved, 0, sizeof(call->reserved));
}

static int dblock_serve_validate(const struct dblock_device *dev, const struct dblock_serve *call)
{
	if (!dblock_serve_zeros(call))
		return -EINVAL;
	if (call->queue != DBLOCK_QUEUE_ANY && call->queue >= dev->nr_queues)
		return -EINVAL;
	if (call->nr_answers > DBLOCK_MAX_BATCH || call->max_requests > DBLOCK_MAX_BATCH)
		return -EINVAL;
	if (call->max_requests && call->buffer_size < dev->params.max_io)
		return -EINVAL;
	if (call->buffer + call->buffer_size < call->buffer)
		return -EINVAL;
	if (!dblock_addressable(call->answers,
				call->nr_answers * (u64)sizeof(struct dblock_answer)))
		return -EFAULT;
	if (!call->max_requests)
		return 0;
	if (!dblock_addressable(call->requests,
				call->max_requests * (u64)sizeof(struct dblock_request)))
		return -EFAULT;
	if (!dblock_addressable(call->buffer, call->buffer_size))
		return -EFAULT;
	return 0;
}

static int dblock_serve_result(struct dblock_serve __user *user, const struct dblock_serve *call,
			       int ret)
{
	if (copy_to_user(&user->consumed, &call->consumed, DBLOCK_SERVE_OUT))
		return -EFAULT;
	return ret;
}

/* The result for a device that the session no longer has (-ENXIO) or never had (-ENODEV). */
int dblock_serve_no_device(struct dblock_serve __user *user, struct dblock_serve *call, int why)
{
	call->consumed = 0;
	call->nr_requests = 0;
	call->state = 0;
	if (why != -ENXIO)
		return dblock_serve_result(user, call, why);
	if (!dblock_serve_zeros(call))
		return dblock_serve_result(user, call, -EINVAL);
	call->state = DBLOCK_SERVE_END;
	return dblock_serve_result(user, call, 0);
}

int dblock_serve(struct dblock_device *dev, struct dblock_serve __user *user,
		 struct dblock_serve *call, bool on_disk)
{
	struct dblock_server *server;
	int ret;

	call->consumed = 0;
	call->nr_requests = 0;
	call->state = 0;
	ret = dblock_serve_validate(dev, call);
	if (ret)
		return dblock_serve_result(user, call, ret);
	server = dblock_server_enter(dev, on_disk);
	if (IS_ERR(server))
		return dblock_serve_result(user, call, PTR_ERR(server));

	ret = dblock_take_answers(dev, call);
	if (!ret && call->max_requests)
		ret = dblock_fetch(dev, server, user, call);
	dblock_server_leave(dev, server, on_disk);
	if (fatal_signal_pending(current))
		dblock_watch_now();
	/* The caller owns the fetched requests, and dblock_fetch() has told their number. */
	if (call->nr_requests)
		return 0;
	/* An answer may have failed because the requests ended with the device. */
	if (dblock_ended(dev)) {
		call->state = DBLOCK_SERVE_END;
		ret = 0;
	}
	return dblock_serve_result(user, call, ret);
}
