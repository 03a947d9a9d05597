// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices from creation to end: parameters, the disk, the servers, and what
 * happens when the servers are gone.
 *
 * A device ends in one of two ways. In good order (DBLOCK_CTL_DESTROY), the disk
 * is removed first, with every request answered, and then the servers are told.
 * By surprise (the session or the servers are gone, or a forced destroy), every
 * request fails first, so that the removal of the disk never waits for a server.
 * The object stays until the last user has closed the disk.
 */
#include <linux/bio.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/hashtable.h>
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>

#include "internal.h"

/* How often the watch looks for dead servers. */
#define DBLOCK_WATCH_INTERVAL	(HZ / 2)

/* Protects the devices, their sessions and their names. */
static DEFINE_MUTEX(dblock_lock);
static DEFINE_XARRAY_ALLOC1(dblock_devices);
static u32 dblock_next_id;
static u32 dblock_last_id;	/* the highest id ever given out */

/*
 * The names in use, and the names of the disks that they could be partitions of.
 * A removed disk keeps its name while it is open or mounted: its filesystem goes
 * on under that name in /proc and /sys.
 */
static DEFINE_HASHTABLE(dblock_names, 10);
static DEFINE_HASHTABLE(dblock_parents, 10);

/* N of every dblock<N> that dblock_name_pick() gave out or found blocked. */
static DEFINE_IDA(dblock_numbers);

/* A removal waits for the block layer, and the watch must not wait for a removal. */
static struct workqueue_struct *dblock_wq;
static struct workqueue_struct *dblock_watch_wq;

static void dblock_watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(dblock_watch_work, dblock_watch);

/* True from the moment on at which the process can no longer run its own code. */
static bool dblock_process_dying(struct pid *tgid)
{
	struct task_struct *task;
	bool dying = true;

	rcu_read_lock();
	task = pid_task(tgid, PIDTYPE_TGID);
	if (task)
		dying = (READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT) ||
			!atomic_read(&task->signal->live);
	rcu_read_unlock();
	return dying;
}

/* ---- the session ---- */

struct dblock_session *dblock_session_new(void)
{
	struct dblock_session *session;

	session = kzalloc_obj(*session, GFP_KERNEL_ACCOUNT);
	if (!session)
		return NULL;
	kref_init(&session->ref);
	xa_init(&session->devices);
	init_waitqueue_head(&session->poll_wait);
	return session;
}

static void dblock_session_release(struct kref *ref)
{
	struct dblock_session *session = container_of(ref, struct dblock_session, ref);

	kfree_rcu(session, rcu);
}

/*
 * Whether the session is ready for its pollers. Holds one device after the other
 * by a reference: thousands are too many for one critical section.
 */
bool dblock_session_ready(struct dblock_session *session)
{
	unsigned long index;

	for (index = 0; ; index++) {
		struct dblock_device *dev = NULL;
		void *entry;
		bool ready;

		/*
		 * The removal holds a reference to each device in the table.
		 * Without the lock, a device could lose its last reference
		 * here and be skipped. Its end would be untold, and nobody
		 * would wake the poller again.
		 */
		xa_lock(&session->devices);
		entry = xa_find(&session->devices, &index, ULONG_MAX, XA_PRESENT);
		if (entry && !xa_is_value(entry)) {
			dev = entry;
			kref_get(&dev->ref);
		}
		xa_unlock(&session->devices);
		if (!entry)
			return false;
		if (!dev)
			return true;	/* DBLOCK_END_UNTOLD */
		ready = dblock_queues_waiting(dev) ||
			(dblock_ended(dev) && !test_bit(DBLOCK_DEV_TOLD, &dev->flags));
		dblock_device_put(dev);
		if (ready)
			return true;
	}
}

/*
 * Notes that a DBLOCK_SERVE on the session has told the end of the device. A
 * dying process hears nothing: others that have the session are still to be told.
 */
void dblock_session_mark_told(struct dblock_session *session, u32 id)
{
	void *entry;

	if (dblock_process_dying(task_tgid(current)))
		return;
	xa_lock(&session->devices);
	entry = xa_load(&session->devices, id);
	if (entry == DBLOCK_END_UNTOLD) {
		__xa_erase(&session->devices, id);
	} else if (entry) {
		struct dblock_device *dev = entry;

		/* The session may have adopted the device back: then it is live. */
		if (dblock_ended(dev))
			set_bit(DBLOCK_DEV_TOLD, &dev->flags);
	}
	xa_unlock(&session->devices);
}

/* Takes the device from the session. Its id stays for pollers until a call has told the end. */
static void dblock_session_forget(struct dblock_session *session, struct dblock_device *dev)
{
	lockdep_assert_held(&dblock_lock);
	xa_lock(&session->devices);
	if (test_bit(DBLOCK_DEV_TOLD, &dev->flags))
		__xa_erase(&session->devices, dev->id);
	else
		/* This needs no memory: it replaces an entry. */
		__xa_store(&session->devices, dev->id, DBLOCK_END_UNTOLD, GFP_NOWAIT);
	xa_unlock(&session->devices);
}

/* ---- names ---- */

/*
 * The name of a partition is the disk's name and a number, with a 'p' between
 * them if the disk's name ends in a digit. Fills in the lengths of the names of
 * all disks that `name` could be a partition of, and returns their number.
 */
static unsigned int dblock_name_parents(const char *name, size_t *lengths)
{
	size_t length = strlen(name), prefix = strlen(DBLOCK_NAME_PREFIX);
	unsigned int n = 0;

	while (length > prefix && isdigit(name[length - 1]))
		length--;
	/* The prefix alone is not a valid name. */
	if (length == prefix || !name[length])
		return 0;
	lengths[n++] = length;
	if (name[length - 1] == 'p' && isdigit(name[length - 2]))
		lengths[n++] = length - 1;
	return n;
}

static u32 dblock_name_hash(const char *name, size_t length)
{
	return full_name_hash(NULL, name, length);
}

static bool dblock_name_is(const struct dblock_name *key, const char *name, size_t length)
{
	return key->length == length && !memcmp(key->dev->params.name, name, length);
}

/* The device with this name, or NULL. */
static struct dblock_device *dblock_name_find(const char *name, size_t length)
{
	struct dblock_name *key;

	hash_for_each_possible(dblock_names, key, node, dblock_name_hash(name, length))
		if (dblock_name_is(key, name, length))
			return key->dev;
	return NULL;
}

/*
 * A device that blocks this name, or NULL: it has the same name, or one of the
 * two could be a partition of the other. Prefers a device that is not gone.
 */
static struct dblock_device *dblock_name_conflict(const char *name)
{
	size_t length = strlen(name), parents[DBLOCK_NAME_KEYS - 1];
	struct dblock_device *conflict, *parent;
	struct dblock_name *key;
	unsigned int i, n;

	lockdep_assert_held(&dblock_lock);
	conflict = dblock_name_find(name, length);
	n = dblock_name_parents(name, parents);
	for (i = 0; i < n; i++) {
		parent = dblock_name_find(name, parents[i]);
		if (parent && (!conflict || conflict->gone))
			conflict = parent;
	}
	hash_for_each_possible(dblock_parents, key, node, dblock_name_hash(name, length)) {
		if (conflict && !conflict->gone)
			break;
		if (dblock_name_is(key, name, length))
			conflict = key->dev;
	}
	return conflict;
}

static void dblock_name_insert(struct dblock_device *dev)
{
	size_t lengths[DBLOCK_NAME_KEYS];
	unsigned int i, n;

	lengths[0] = strlen(dev->params.name);
	n = 1 + dblock_name_parents(dev->params.name, lengths + 1);
	for (i = 0; i < n; i++) {
		struct dblock_name *key = &dev->names[i];
		u32 hash = dblock_name_hash(dev->params.name, lengths[i]);

		key->dev = dev;
		key->length = lengths[i];
		if (i)
			hash_add(dblock_parents, &key->node, hash);
		else
			hash_add(dblock_names, &key->node, hash);
	}
}

/*
 * Picks dblock<N> with the lowest free N. A user's name can block only one N.
 * The device with that name then holds the N, so that the next pick skips it.
 */
static int dblock_name_pick(struct dblock_device *dev)
{
	char *name = dev->params.name;
	struct dblock_device *conflict;
	int number;

	for (;;) {
		number = ida_alloc(&dblock_numbers, GFP_NOIO);
		if (number < 0) {
			name[0] = '\0';
			return number;
		}
		snprintf(name, DBLOCK_NAME_LEN, DBLOCK_NAME_PREFIX "%d", number);
		conflict = dblock_name_conflict(name);
		if (!conflict)
			break;
		conflict->number = number;
	}
	dev->number = number;
	return 0;
}

/* Takes the name that the user asked for, or picks one. */
static int dblock_name_take(struct dblock_device *dev)
{
	struct dblock_device *conflict;
	int ret;

	lockdep_assert_held(&dblock_lock);
	if (dev->params.name[0]) {
		conflict = dblock_name_conflict(dev->params.name);
		if (conflict)
			return conflict->gone ? -EBUSY : -EEXIST;
	} else {
		ret = dblock_name_pick(dev);
		if (ret)
			return ret;
	}
	dblock_name_insert(dev);
	return 0;
}

static void dblock_name_release(struct dblock_device *dev)
{
	unsigned int i;

	lockdep_assert_held(&dblock_lock);
	for (i = 0; i < DBLOCK_NAME_KEYS; i++)
		hash_del(&dev->names[i].node);
	if (dev->number >= 0)
		ida_free(&dblock_numbers, dev->number);
}

/* ---- the object ---- */

static void dblock_servers_free(struct list_head *servers)
{
	struct dblock_server *server, *next;

	list_for_each_entry_safe(server, next, servers, node) {
		put_pid(server->tgid);
		kfree(server);
	}
}

static void dblock_device_release_work(struct work_struct *work)
{
	struct dblock_device *dev = container_of(work, struct dblock_device, release_work);

	if (dev->queues) {
		blk_mq_free_tag_set(&dev->tag_set);
		dblock_queues_exit(dev);
	}
	dblock_servers_free(&dev->servers);
	put_pid(dev->owner);
	kref_put(&rcu_dereference_protected(dev->home, true)->ref, dblock_session_release);
	kfree_rcu(dev, rcu);
	/* dblock_devices_exit() waits for this work, so the text of this function stays. */
	module_put(THIS_MODULE);
}

static void dblock_device_release(struct kref *ref)
{
	struct dblock_device *dev = container_of(ref, struct dblock_device, ref);

	queue_work(dblock_wq, &dev->release_work);
}

void dblock_device_put(struct dblock_device *dev)
{
	kref_put(&dev->ref, dblock_device_release);
}

/*
 * Whether a session without this device may have had it: the device has ended,
 * or another session has adopted it. Called under RCU.
 */
static bool dblock_device_is_past(u32 id)
{
	struct dblock_device *dev = xa_load(&dblock_devices, id);

	if (dev)
		return test_bit(DBLOCK_DEV_ADOPTED, &dev->flags);
	return id && id <= READ_ONCE(dblock_last_id);
}

/* A device of the session, with a reference. ENXIO: it has ended. ENODEV: any other id. */
struct dblock_device *dblock_device_get(struct dblock_session *session, u32 id)
{
	struct dblock_device *dev;

	rcu_read_lock();
	dev = xa_load(&session->devices, id);
	if (!dev)
		dev = ERR_PTR(dblock_device_is_past(id) ? -ENXIO : -ENODEV);
	else if (xa_is_value(dev) || !kref_get_unless_zero(&dev->ref))
		dev = ERR_PTR(-ENXIO);
	rcu_read_unlock();
	return dev;
}

/* The device with this id, or, without an id, with this name. NULL if there is none. */
static struct dblock_device *dblock_device_find(u32 id, const char *name)
{
	struct dblock_device *dev;

	lockdep_assert_held(&dblock_lock);
	if (id)
		return xa_load(&dblock_devices, id);
	dev = dblock_name_find(name, strlen(name));
	return dev && !dev->gone ? dev : NULL;
}

/* The same, with a reference. */
static struct dblock_device *dblock_device_find_get(u32 id, const char *name)
{
	struct dblock_device *dev;

	mutex_lock(&dblock_lock);
	dev = dblock_device_find(id, name);
	if (dev)
		kref_get(&dev->ref);
	mutex_unlock(&dblock_lock);
	return dev;
}

/* ---- the servers ---- */

/* The live record of a process, or NULL. What a dead record holds cannot be answered. */
static struct dblock_server *dblock_server_find(struct dblock_device *dev, struct pid *tgid)
{
	struct dblock_server *server;

	list_for_each_entry(server, &dev->servers, node)
		if (server->tgid == tgid && !server->dead)
			return server;
	return NULL;
}

/* Begins a DBLOCK_SERVE of the calling process. */
struct dblock_server *dblock_server_enter(struct dblock_device *dev, bool on_disk)
{
	struct dblock_server *server, *fresh = NULL;
	bool waited = false;

	for (;;) {
		spin_lock(&dev->server_lock);
		server = dblock_server_find(dev, task_tgid(current));
		if (!server && fresh) {
			fresh->tgid = get_pid(task_tgid(current));
			list_add(&fresh->node, &dev->servers);
			server = fresh;
			fresh = NULL;
		}
		if (server) {
			atomic_inc(&server->calls);
			dev->served = true;
			if (test_bit(DBLOCK_DEV_UNSERVED, &dev->flags))
				clear_bit(DBLOCK_DEV_UNSERVED, &dev->flags);
			waited = test_bit(DBLOCK_DEV_WAITING, &dev->flags) &&
				 test_and_clear_bit(DBLOCK_DEV_WAITING, &dev->flags);
		}
		if (server && on_disk) {
			server->on_disk = true;
			server->disk_calls++;
		}
		spin_unlock(&dev->server_lock);
		if (server)
			break;
		/* Accounted: a session's user can make any number of records, one a process. */
		fresh = kzalloc_obj(*fresh, GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return ERR_PTR(-ENOMEM);
	}
	kfree(fresh);
	if (waited)
		dblock_queues_renew(dev);
	return server;
}

void dblock_server_leave(struct dblock_device *dev, struct dblock_server *server, bool on_disk)
{
	if (on_disk) {
		spin_lock(&dev->server_lock);
		server->disk_calls--;
		spin_unlock(&dev->server_lock);
	}
	/* All changes to slots come before: the record may be freed once this is seen. */
	smp_mb__before_atomic();
	atomic_dec(&server->calls);
}

static bool dblock_server_on_disk(const struct dblock_server *server)
{
	return !server->dead && (server->on_disk || server->disk_calls);
}

/* How many times the servers themselves have the disk open. */
static unsigned int dblock_servers_count_on_disk(struct dblock_device *dev)
{
	struct dblock_server *server;
	unsigned int n = 0;

	spin_lock(&dev->server_lock);
	list_for_each_entry(server, &dev->servers, node)
		n += dblock_server_on_disk(server);
	spin_unlock(&dev->server_lock);
	return n;
}

/* ---- the end ---- */

/* Gives back the name and the disk's reference. Called once nobody can reach the disk. */
static void dblock_device_drop_disk(struct dblock_device *dev)
{
	mutex_lock(&dblock_lock);
	dblock_name_release(dev);
	mutex_unlock(&dblock_lock);
	dblock_device_put(dev);
}

static void dblock_device_remove(struct work_struct *work)
{
	struct dblock_device *dev = container_of(work, struct dblock_device, remove_work);

	mutex_lock(&dev->disk_lock);
	if (dev->added) {
		if (test_bit(DBLOCK_DEV_DEAD, &dev->flags))
			blk_mark_disk_dead(dev->disk);
		/* Writes back dirty data. The server answers these requests, or they fail. */
		del_gendisk(dev->disk);
	}
	set_bit(DBLOCK_DEV_END, &dev->flags);
	dblock_queues_fail(dev, false);
	dblock_queues_wake(dev);
	mutex_unlock(&dev->disk_lock);

	mutex_lock(&dblock_lock);
	xa_erase(&dblock_devices, dev->id);
	if (dev->session)
		dblock_session_forget(dev->session, dev);
	dev->session = NULL;
	dev->gone = true;
	mutex_unlock(&dblock_lock);

	/* A disk that was never added does not call free_disk. */
	if (!dev->added)
		dblock_device_drop_disk(dev);
	put_disk(dev->disk);
	complete_all(&dev->removed);
	dblock_device_put(dev);
}

/* Claims the removal. True for the first caller only. */
static bool dblock_device_claim_removal(struct dblock_device *dev)
{
	bool claimed;

	spin_lock(&dev->state_lock);
	claimed = !dev->removing;
	dev->removing = true;
	spin_unlock(&dev->state_lock);
	return claimed;
}

/* Fails all requests of a DBLOCK_DEV_DEAD device now, and removes its disk in the background. */
static void dblock_device_fail_and_remove(struct dblock_device *dev)
{
	dblock_queues_fail(dev, false);
	dblock_queues_wake(dev);
	if (dblock_device_claim_removal(dev))
		queue_work(dblock_wq, &dev->remove_work);
}

static void dblock_device_kill(struct dblock_device *dev)
{
	if (!test_and_set_bit(DBLOCK_DEV_DEAD, &dev->flags))
		dblock_device_fail_and_remove(dev);
}

/* Fails the requests that dead servers hold, or requeues them if another server may come. */
static void dblock_device_handle_orphans(struct dblock_device *dev)
{
	if (dev->params.flags & DBLOCK_F_REISSUE && !test_bit(DBLOCK_DEV_UNSERVED, &dev->flags))
		dblock_queues_reissue(dev);
	else
		dblock_queues_fail(dev, true);
}

/*
 * Called while all servers of the device are dead. Begins the wait for a new
 * server, and ends it after recovery_ms. Returns whether the device waits.
 */
static bool dblock_device_update_waiting(struct dblock_device *dev)
{
	lockdep_assert_held(&dev->server_lock);
	if (!dev->params.recovery_ms || test_bit(DBLOCK_DEV_UNSERVED, &dev->flags))
		return false;
	if (!test_and_set_bit(DBLOCK_DEV_WAITING, &dev->flags))
		dev->waiting_since = jiffies;
	if (time_before(jiffies, dev->waiting_since + msecs_to_jiffies(dev->params.recovery_ms)))
		return true;
	clear_bit(DBLOCK_DEV_WAITING, &dev->flags);
	return false;
}

/* Frees dead servers that are in no call. A server that a slot names goes back to the list. */
static void dblock_servers_reap(struct dblock_device *dev, struct list_head *idle)
{
	struct dblock_server *server, *next;
	LIST_HEAD(held);

	list_for_each_entry_safe(server, next, idle, node)
		if (dblock_queues_held_by(dev, server))
			list_move(&server->node, &held);
	dblock_servers_free(idle);
	spin_lock(&dev->server_lock);
	list_splice(&held, &dev->servers);
	spin_unlock(&dev->server_lock);
}

static void dblock_device_check_servers(struct dblock_device *dev)
{
	bool alive = false, orphans = false, kill = false;
	struct dblock_server *server, *next;
	LIST_HEAD(idle);

	spin_lock(&dev->server_lock);
	list_for_each_entry_safe(server, next, &dev->servers, node) {
		if (!server->dead && !dblock_process_dying(server->tgid)) {
			alive = true;
			continue;
		}
		/* Each time, as one of its threads may have been fetching the last time. */
		WRITE_ONCE(server->dead, true);
		orphans = true;
		/* Pairs with dblock_server_leave(): what the calls left in slots is seen below. */
		if (!atomic_read_acquire(&server->calls))
			list_move(&server->node, &idle);
	}
	/*
	 * The lock makes the decision final: a server that enters either keeps
	 * the device alive or finds it ended.
	 */
	if (!alive && !(dev->served && dblock_device_update_waiting(dev))) {
		if (!(dev->params.flags & DBLOCK_F_OUTLIVE))
			kill = (dev->served || dblock_process_dying(dev->owner)) &&
			       !test_and_set_bit(DBLOCK_DEV_DEAD, &dev->flags);
		else if (dev->served && !test_and_set_bit(DBLOCK_DEV_UNSERVED, &dev->flags))
			orphans = true;
	}
	spin_unlock(&dev->server_lock);

	if (kill)
		dblock_device_fail_and_remove(dev);
	else if (orphans)
		dblock_device_handle_orphans(dev);
	if (!list_empty(&idle))
		dblock_servers_reap(dev, &idle);
}

/*
 * Looks at the processes themselves, because their files tell too late. A thread
 * that waits for the disk keeps the files of a dead process open, and the disk
 * waits for the process.
 */
static void dblock_watch(struct work_struct *work)
{
	struct dblock_device *dev;
	unsigned long index;

	mutex_lock(&dblock_lock);
	xa_for_each(&dblock_devices, index, dev)
		dblock_device_check_servers(dev);
	if (!xa_empty(&dblock_devices))
		mod_delayed_work(dblock_watch_wq, &dblock_watch_work, DBLOCK_WATCH_INTERVAL);
	mutex_unlock(&dblock_lock);
}

void dblock_watch_now(void)
{
	mod_delayed_work(dblock_watch_wq, &dblock_watch_work, 0);
}

/*
 * Called when the session is closed. Marks the servers dead that came by way of
 * the session. Returns whether the device goes on and waits for new ones.
 */
static bool dblock_device_begin_recovery(struct dblock_device *dev)
{
	struct dblock_server *server;
	bool served;

	if (!dev->params.recovery_ms)
		return false;
	spin_lock(&dev->server_lock);
	served = dev->served;
	list_for_each_entry(server, &dev->servers, node)
		if (!server->on_disk && !server->disk_calls)
			WRITE_ONCE(server->dead, true);
	spin_unlock(&dev->server_lock);
	return served;
}

void dblock_session_end(struct dblock_session *session)
{
	struct dblock_device *dev;
	unsigned long index;
	bool recovers = false;

	mutex_lock(&dblock_lock);
	xa_for_each(&session->devices, index, dev) {
		if (xa_is_value(dev))
			continue;
		dev->session = NULL;
		if (dblock_device_begin_recovery(dev))
			recovers = true;
		else if (!(dev->params.flags & DBLOCK_F_OUTLIVE))
			dblock_device_kill(dev);
	}
	mutex_unlock(&dblock_lock);
	if (recovers)
		dblock_watch_now();
	/* The file is closed, so nobody polls it. The devices keep only the memory. */
	xa_destroy(&session->devices);
	kref_put(&session->ref, dblock_session_release);
}

int dblock_device_destroy(const struct dblock_target *target)
{
	struct dblock_device *dev = dblock_device_find_get(target->id, target->name);
	bool force = target->flags & DBLOCK_DESTROY_FORCE;
	unsigned int own;
	int ret;

	if (!dev)
		return -ENODEV;

	own = dblock_servers_count_on_disk(dev);
	spin_lock(&dev->state_lock);
	ret = 0;
	if (dev->removing)
		ret = -EALREADY;
	else if (!force && (dev->starting || dev->openers > own))
		ret = -EBUSY;
	else
		dev->removing = true;
	spin_unlock(&dev->state_lock);

	if (!ret) {
		if (force) {
			set_bit(DBLOCK_DEV_DEAD, &dev->flags);
			dblock_queues_fail(dev, false);
			dblock_queues_wake(dev);
		}
		queue_work(dblock_wq, &dev->remove_work);
		if (wait_for_completion_killable(&dev->removed))
			ret = -EINTR;
	} else if (force) {
		/* A removal in good order is under way: it must not wait any longer. */
		dblock_device_kill(dev);
	}
	dblock_device_put(dev);
	return ret;
}

/* ---- the disk ---- */

int dblock_disk_open(struct gendisk *disk, blk_mode_t mode)
{
	struct dblock_device *dev = disk->private_data;
	int ret = 0;

	spin_lock(&dev->state_lock);
	/* The look for partitions opens the disk, even when the device ends already. */
	if (dev->removing && !dev->starting)
		ret = -ENXIO;
	else
		dev->openers++;
	spin_unlock(&dev->state_lock);
	return ret;
}

void dblock_disk_release(struct gendisk *disk)
{
	struct dblock_device *dev = disk->private_data;
	struct dblock_server *server;

	spin_lock(&dev->state_lock);
	dev->openers--;
	spin_unlock(&dev->state_lock);

	/* A server closes the disk. If it has the disk open once more, its calls there tell. */
	spin_lock(&dev->server_lock);
	server = dblock_server_find(dev, task_tgid(current));
	if (server)
		server->on_disk = false;
	spin_unlock(&dev->server_lock);
}

int dblock_disk_ioctl(struct block_device *bdev, blk_mode_t mode, unsigned int cmd,
		      unsigned long arg)
{
	struct dblock_device *dev = bdev->bd_disk->private_data;
	void __user *argp = (void __user *)arg;
	struct dblock_serve call;

	if (cmd != DBLOCK_SERVE || bdev_is_partition(bdev))
		return -ENOTTY;
	/* Permission to read the disk does not include answering its requests. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&call, argp, sizeof(call)))
		return -EFAULT;
	if (call.device)
		return -EINVAL;
	return dblock_serve(dev, argp, &call, true);
}

void dblock_disk_free(struct gendisk *disk)
{
	dblock_device_drop_disk(disk->private_data);
}

static int dblock_disk_alloc(struct dblock_device *dev)
{
	const struct dblock_create *p = &dev->params;
	struct queue_limits lim = {
		.logical_block_size	= p->logical_block,
		.physical_block_size	= p->physical_block,
		.io_min			= p->io_min,
		.io_opt			= p->io_opt,
		.max_hw_sectors		= p->max_io >> SECTOR_SHIFT,
		.max_segments		= USHRT_MAX,
		.max_segment_size	= UINT_MAX,
		.dma_alignment		= DBLOCK_SECTOR_SIZE - 1,
	};
	struct gendisk *disk;

	if (p->flags & DBLOCK_F_WRITE_CACHE)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	if (p->flags & DBLOCK_F_FUA)
		lim.features |= BLK_FEAT_FUA;
	if (p->flags & DBLOCK_F_ROTATIONAL)
		lim.features |= BLK_FEAT_ROTATIONAL;
	if (p->flags & DBLOCK_F_STABLE_WRITES)
		lim.features |= BLK_FEAT_STABLE_WRITES;
	if (p->max_discard) {
		lim.discard_granularity = p->discard_granularity;
		lim.max_hw_discard_sectors = p->max_discard >> SECTOR_SHIFT;
		lim.max_discard_segments = 1;
	}
	lim.max_write_zeroes_sectors = p->max_write_zeroes >> SECTOR_SHIFT;
	dblock_zones_limits(&lim, p);

	disk = blk_mq_alloc_disk(&dev->tag_set, &lim, dev);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->fops = &dblock_disk_ops;
	disk->private_data = dev;
	if (p->flags & DBLOCK_F_NO_PARTITIONS)
		disk->flags |= GENHD_FL_NO_PART;
	if (p->flags & DBLOCK_F_READ_ONLY) {
		set_bit(DBLOCK_DEV_READ_ONLY, &dev->flags);
		set_disk_ro(disk, true);
	}
	set_capacity(disk, p->size >> SECTOR_SHIFT);
	dev->disk = disk;
	return 0;
}

static int dblock_disk_start(struct dblock_device *dev)
{
	bool auto_start = dev->params.flags & DBLOCK_F_AUTO_START;
	int ret = 0;

	spin_lock(&dev->state_lock);
	if (dev->removing)
		ret = -ENXIO;
	else if (dev->started)
		ret = -EALREADY;
	else
		dev->started = true;
	if (!ret)
		dev->starting = true;
	spin_unlock(&dev->state_lock);
	if (ret)
		return ret;

	mutex_lock(&dev->disk_lock);
	if (test_bit(DBLOCK_DEV_END, &dev->flags)) {
		/* A removal got the lock first. It found no added disk, and has put the disk. */
		ret = -ENXIO;
		goto unlock;
	}
	/* Asks the server. When that dies, its requests fail without disk_lock. */
	ret = dblock_zones_start(dev);
	if (ret) {
		spin_lock(&dev->state_lock);
		dev->started = false;
		spin_unlock(&dev->state_lock);
		ret = test_bit(DBLOCK_DEV_DEAD, &dev->flags) ? -ENXIO : -EIO;
		goto unlock;
	}
	if (auto_start)
		set_bit(GD_SUPPRESS_PART_SCAN, &dev->disk->state);
	ret = device_add_disk(NULL, dev->disk, NULL);
	clear_bit(GD_SUPPRESS_PART_SCAN, &dev->disk->state);
	if (ret) {
		/* The driver core cannot add the disk a second time. */
		dblock_device_kill(dev);
		goto unlock;
	}
	WRITE_ONCE(dev->added, true);
	WRITE_ONCE(dev->devt, disk_devt(dev->disk));
unlock:
	mutex_unlock(&dev->disk_lock);

	spin_lock(&dev->state_lock);
	dev->starting = false;
	spin_unlock(&dev->state_lock);
	return ret;
}

/* ---- creation ---- */

static bool dblock_name_valid(const char *name)
{
	size_t len = strnlen(name, DBLOCK_NAME_LEN), prefix = strlen(DBLOCK_NAME_PREFIX);
	size_t i;

	if (len <= prefix || len > DBLOCK_NAME_MAX || strncmp(name, DBLOCK_NAME_PREFIX, prefix))
		return false;
	for (i = prefix; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && name[i] != '_' && name[i] != '-'))
			return false;
	return strcmp(name, "dblockctl");
}

static bool dblock_size_valid(u32 size, u32 min, u32 max)
{
	return size >= min && size <= max && is_power_of_2(size);
}

static bool dblock_capacity_valid(u64 size, const struct dblock_create *p)
{
	return size && !(size & (p->logical_block - 1)) && size <= MAX_LFS_FILESIZE;
}

/* Fills in the defaults and checks the rest. */
static int dblock_params_validate(struct dblock_create *p)
{
	if (p->flags & ~DBLOCK_F_ALL)
		return -EINVAL;
	if (memchr_inv(p->reserved, 0, sizeof(p->reserved)))
		return -EINVAL;
	if ((p->flags & DBLOCK_F_FUA) && !(p->flags & DBLOCK_F_WRITE_CACHE))
		return -EINVAL;
	if (p->name[0] && !dblock_name_valid(p->name))
		return -EINVAL;

	p->logical_block = p->logical_block ?: DBLOCK_DEFAULT_LOGICAL_BLOCK;
	if (!dblock_size_valid(p->logical_block, DBLOCK_MIN_LOGICAL_BLOCK,
			       DBLOCK_MAX_LOGICAL_BLOCK))
		return -EINVAL;
	p->physical_block = p->physical_block ?: p->logical_block;
	if (!dblock_size_valid(p->physical_block, p->logical_block, DBLOCK_MAX_PHYSICAL_BLOCK))
		return -EINVAL;
	p->io_min = p->io_min ?: p->physical_block;
	if (p->io_min % p->physical_block)
		return -EINVAL;
	if (p->io_opt % p->io_min)
		return -EINVAL;

	if (!dblock_capacity_valid(p->size, p))
		return -EINVAL;

	p->queues = p->queues ?: DBLOCK_DEFAULT_QUEUES;
	if (p->queues > DBLOCK_MAX_QUEUES)
		return -EINVAL;
	p->queues = min_t(u32, p->queues, nr_cpu_ids);
	p->depth = p->depth ?: DBLOCK_DEFAULT_DEPTH;
	if (p->depth > DBLOCK_MAX_DEPTH)
		return -EINVAL;
	p->max_io = p->max_io ?: DBLOCK_DEFAULT_IO;
	if (p->max_io < max_t(u32, DBLOCK_MIN_IO, PAGE_SIZE) || p->max_io > DBLOCK_MAX_IO ||
	    p->max_io % p->logical_block)
		return -EINVAL;
	p->timeout_ms = p->timeout_ms ?: DBLOCK_DEFAULT_TIMEOUT_MS;
	if (p->timeout_ms > DBLOCK_MAX_TIMEOUT_MS)
		return -EINVAL;

	if (!dblock_zones_valid(p))
		return -EINVAL;
	if (p->zone_size && !IS_ENABLED(CONFIG_BLK_DEV_ZONED))
		return -EOPNOTSUPP;
	if (p->recovery_ms > DBLOCK_MAX_RECOVERY_MS)
		return -EINVAL;
	if ((p->flags & DBLOCK_F_REISSUE) && !p->recovery_ms)
		return -EINVAL;

	p->discard_granularity = p->discard_granularity ?: p->logical_block;
	if (!dblock_size_valid(p->discard_granularity, p->logical_block, 1U << 31))
		return -EINVAL;
	if (!IS_ALIGNED(p->max_discard, p->discard_granularity))
		return -EINVAL;
	/* The block layer counts a request's bytes in 32 bits. */
	p->max_discard = min_t(u64, p->max_discard,
			       round_down(UINT_MAX, p->discard_granularity));
	if (!IS_ALIGNED(p->max_write_zeroes, p->logical_block))
		return -EINVAL;
	p->max_write_zeroes = min_t(u64, p->max_write_zeroes,
				    round_down(UINT_MAX, p->logical_block));
	return 0;
}

/* Gives the device a name and an id. From here on it can be found. */
static int dblock_device_publish(struct dblock_device *dev)
{
	struct dblock_create *p = &dev->params;
	int ret;

	lockdep_assert_held(&dblock_lock);
	ret = dblock_name_take(dev);
	if (ret)
		return ret;
	ret = xa_alloc_cyclic(&dblock_devices, &dev->id, dev, XA_LIMIT(1, INT_MAX),
			      &dblock_next_id, GFP_NOIO);
	if (ret < 0) {
		ret = ret == -EBUSY ? -ENOSPC : ret;
		goto release_name;
	}
	ret = xa_err(xa_store(&dev->session->devices, dev->id, dev, GFP_NOIO));
	if (ret)
		goto erase;
	WRITE_ONCE(dblock_last_id, max(dblock_last_id, dev->id));
	p->id = dev->id;
	strscpy(dev->disk->disk_name, p->name, DISK_NAME_LEN);
	return 0;

erase:
	xa_erase(&dblock_devices, dev->id);
release_name:
	dblock_name_release(dev);
	return ret;
}

int dblock_device_create(struct dblock_session *session, struct dblock_create *params)
{
	struct dblock_device *dev;
	int ret;

	ret = dblock_params_validate(params);
	if (ret)
		return ret;

	dev = kzalloc_obj(*dev, GFP_KERNEL);
	if (!dev)
		return -ENOMEM;
	__module_get(THIS_MODULE);
	kref_init(&dev->ref);
	dev->params = *params;
	dev->number = -1;
	dev->session = session;
	RCU_INIT_POINTER(dev->home, session);
	kref_get(&session->ref);
	dev->owner = get_pid(task_tgid(current));
	spin_lock_init(&dev->server_lock);
	INIT_LIST_HEAD(&dev->servers);
	mutex_init(&dev->disk_lock);
	spin_lock_init(&dev->state_lock);
	init_waitqueue_head(&dev->any_wait);
	INIT_WORK(&dev->remove_work, dblock_device_remove);
	INIT_WORK(&dev->release_work, dblock_device_release_work);
	init_completion(&dev->removed);

	ret = dblock_queues_init(dev);
	if (ret)
		goto put_device;

	ret = dblock_disk_alloc(dev);
	if (ret)
		goto put_device;

	/* The watch needs this lock to end devices, so its holder must not wait for I/O. */
	mutex_lock(&dblock_lock);
	kref_get(&dev->ref);	/* the disk */
	kref_get(&dev->ref);	/* this call; the first one is the removal's */
	ret = dblock_device_publish(dev);
	*params = dev->params;
	mutex_unlock(&dblock_lock);
	if (ret) {
		put_disk(dev->disk);
		dblock_device_put(dev);
		dblock_device_put(dev);
		goto put_device;
	}
	/* Starts the watch, unless it runs. Not at once: each run looks at every device. */
	queue_delayed_work(dblock_watch_wq, &dblock_watch_work, DBLOCK_WATCH_INTERVAL);

	if (params->flags & DBLOCK_F_AUTO_START) {
		ret = dblock_disk_start(dev);
		if (ret) {
			dblock_device_kill(dev);
			wait_for_completion_killable(&dev->removed);
		}
	}
	dblock_device_put(dev);
	return ret;

put_device:
	dblock_device_put(dev);
	return ret;
}

int dblock_device_start(struct dblock_session *session, const struct dblock_target *target)
{
	struct dblock_device *dev;
	u32 id = target->id;
	int ret;

	if (!id) {
		mutex_lock(&dblock_lock);
		dev = dblock_device_find(0, target->name);
		id = dev ? dev->id : 0;
		mutex_unlock(&dblock_lock);
	}
	dev = dblock_device_get(session, id);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	ret = dblock_disk_start(dev);
	dblock_device_put(dev);
	return ret;
}

/* ---- changes ---- */

static void dblock_disk_change(struct dblock_device *dev, const struct dblock_change *change)
{
	struct dblock_create *p = &dev->params;

	spin_lock(&dev->state_lock);
	if (change->what & DBLOCK_CHANGE_SIZE)
		p->size = change->size;
	if (change->what & DBLOCK_CHANGE_READ_ONLY) {
		if (change->read_only)
			p->flags |= DBLOCK_F_READ_ONLY;
		else
			p->flags &= ~DBLOCK_F_READ_ONLY;
		/* Comes before set_disk_ro(): once the disk shows as read-only, writes fail. */
		assign_bit(DBLOCK_DEV_READ_ONLY, &dev->flags, change->read_only);
	}
	spin_unlock(&dev->state_lock);

	if (change->what & DBLOCK_CHANGE_READ_ONLY)
		set_disk_ro(dev->disk, change->read_only);
	if (!(change->what & DBLOCK_CHANGE_SIZE))
		return;
	if (dev->added)
		set_capacity_and_notify(dev->disk, change->size >> SECTOR_SHIFT);
	else
		set_capacity(dev->disk, change->size >> SECTOR_SHIFT);
}

int dblock_device_change(const struct dblock_change *change)
{
	struct dblock_device *dev = dblock_device_find_get(change->id, change->name);
	int ret = 0;

	if (!dev)
		return -ENODEV;
	if ((change->what & DBLOCK_CHANGE_SIZE) &&
	    !dblock_capacity_valid(change->size, &dev->params)) {
		ret = -EINVAL;
		goto put;
	}
	if ((change->what & DBLOCK_CHANGE_SIZE) && dev->params.zone_size) {
		ret = -EOPNOTSUPP;
		goto put;
	}
	/* The holder may look for partitions or write back dirty data, which takes a while. */
	if (mutex_lock_interruptible(&dev->disk_lock)) {
		ret = -EINTR;
		goto put;
	}
	if (dblock_ended(dev))
		ret = -ENXIO;
	else
		dblock_disk_change(dev, change);
	mutex_unlock(&dev->disk_lock);
put:
	dblock_device_put(dev);
	return ret;
}

static bool dblock_device_served(struct dblock_device *dev)
{
	struct dblock_server *server;
	bool alive = false;

	spin_lock(&dev->server_lock);
	list_for_each_entry(server, &dev->servers, node)
		alive |= !server->dead && !dblock_process_dying(server->tgid);
	spin_unlock(&dev->server_lock);
	return alive;
}

/* 0 if another session may adopt the device. */
static int dblock_device_adoptable(struct dblock_device *dev)
{
	if (dblock_ended(dev) || READ_ONCE(dev->removing))
		return -ENXIO;
	if (dblock_device_served(dev))
		return -EBUSY;
	if (dev->session && !test_bit(DBLOCK_DEV_WAITING, &dev->flags) &&
	    !test_bit(DBLOCK_DEV_UNSERVED, &dev->flags))
		return -EBUSY;
	return 0;
}

int dblock_device_adopt(struct dblock_session *session, const struct dblock_target *target)
{
	struct dblock_session *before;
	struct dblock_device *dev;
	int ret;

	mutex_lock(&dblock_lock);
	dev = dblock_device_find(target->id, target->name);
	ret = dev ? dblock_device_adoptable(dev) : -ENODEV;
	if (ret || dev->session == session)
		goto unlock;
	ret = xa_err(xa_store(&session->devices, dev->id, dev, GFP_NOIO));
	if (ret)
		goto unlock;
	set_bit(DBLOCK_DEV_ADOPTED, &dev->flags);
	if (dev->session)
		dblock_session_forget(dev->session, dev);
	/* Only the previous session can have told the end. */
	clear_bit(DBLOCK_DEV_TOLD, &dev->flags);
	dev->session = session;
	kref_get(&session->ref);
	before = rcu_replace_pointer(dev->home, session, lockdep_is_held(&dblock_lock));
	/* The old session's pollers find the end, the new session's the waiting requests. */
	wake_up_poll(&before->poll_wait, EPOLLIN | EPOLLRDNORM);
	kref_put(&before->ref, dblock_session_release);
	wake_up_poll(&session->poll_wait, EPOLLIN | EPOLLRDNORM);
unlock:
	mutex_unlock(&dblock_lock);
	return ret;
}

/* ---- information ---- */

int dblock_device_info(struct dblock_info *info)
{
	struct dblock_device *dev = dblock_device_find_get(info->create.id, info->create.name);
	struct dblock_server *server;

	if (!dev)
		return -ENODEV;

	memset(info, 0, sizeof(*info));
	spin_lock(&dev->state_lock);
	info->create = dev->params;
	spin_unlock(&dev->state_lock);
	if (!dblock_process_dying(dev->owner))
		info->owner = pid_vnr(dev->owner);
	info->major = MAJOR(READ_ONCE(dev->devt));
	info->minor = MINOR(READ_ONCE(dev->devt));
	info->pending = dblock_queues_pending(dev);
	dblock_queues_describe_oldest(dev, info);

	spin_lock(&dev->server_lock);
	list_for_each_entry(server, &dev->servers, node)
		if (!server->dead) {
			info->servers++;
			info->openers -= dblock_server_on_disk(server);
		}
	spin_unlock(&dev->server_lock);

	spin_lock(&dev->state_lock);
	if (dev->removing)
		info->state = DBLOCK_STATE_ENDING;
	else if (READ_ONCE(dev->added))
		info->state = test_bit(DBLOCK_DEV_WAITING, &dev->flags) ? DBLOCK_STATE_WAITING :
									  DBLOCK_STATE_LIVE;
	else
		info->state = DBLOCK_STATE_CREATED;
	info->openers += dev->openers;
	spin_unlock(&dev->state_lock);
	/* A server may have closed the disk after it was counted. */
	if ((s32)info->openers < 0)
		info->openers = 0;
	dblock_device_put(dev);
	return 0;
}

int dblock_device_list(struct dblock_list *list)
{
	struct dblock_device *dev;
	unsigned long index;
	u32 *ids = NULL;
	u32 room, n;
	int ret = 0;

	/* No lock is held across a copy to userspace: that memory may lie on one of our disks. */
	for (room = 0; ; room = n) {
		if (room) {
			ids = kvmalloc_objs(*ids, room, GFP_KERNEL);
			if (!ids)
				return -ENOMEM;
		}
		n = 0;
		mutex_lock(&dblock_lock);
		xa_for_each(&dblock_devices, index, dev) {
			if (n < room)
				ids[n] = dev->id;
			n++;
		}
		mutex_unlock(&dblock_lock);
		if (n <= room)
			break;
		kvfree(ids);
		ids = NULL;
	}
	list->count = n;
	n = min(n, list->capacity);
	if (!dblock_addressable(list->ids, n * (u64)sizeof(*ids)) ||
	    copy_to_user(u64_to_user_ptr(list->ids), ids, n * sizeof(*ids)))
		ret = -EFAULT;
	kvfree(ids);
	return ret;
}

/* ---- the module ---- */

/*
 * Keeps a slab cache alive. Each disk has a bio_set like this one, and all of
 * them share the cache. On a machine without other disks the cache would be
 * destroyed with each of our disks, which takes two grace periods.
 */
static struct bio_set dblock_bios;

int dblock_devices_init(void)
{
	int ret = bioset_init(&dblock_bios, 1, 0, 0);

	if (ret)
		return ret;
	ret = -ENOMEM;
	dblock_wq = alloc_workqueue("dblock", WQ_UNBOUND, 0);
	if (!dblock_wq)
		goto err_bios;
	dblock_watch_wq = alloc_workqueue("dblock_watch", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!dblock_watch_wq)
		goto err_wq;
	return 0;

err_wq:
	destroy_workqueue(dblock_wq);
err_bios:
	bioset_exit(&dblock_bios);
	return ret;
}

void dblock_devices_exit(void)
{
	cancel_delayed_work_sync(&dblock_watch_work);
	/* The works that release the last references may still run. */
	destroy_workqueue(dblock_watch_wq);
	destroy_workqueue(dblock_wq);
	bioset_exit(&dblock_bios);
	xa_destroy(&dblock_devices);
	ida_destroy(&dblock_numbers);
}
