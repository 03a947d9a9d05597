// SPDX-License-Identifier: GPL-2.0-only
/*
 * dblock: block devices answered by a userspace program.
 *
 * The module and its control node, /dev/dblockctl. Each open file of the node is
 * a session; a device belongs to the session that created it.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"

#define DBLOCK_MODULE_VERSION	"0.1.0"

static int dblock_ctl_open(struct inode *inode, struct file *file)
{
	file->private_data = dblock_session_new();
	return file->private_data ? 0 : -ENOMEM;
}

static int dblock_ctl_release(struct inode *inode, struct file *file)
{
	dblock_session_end(file->private_data);
	return 0;
}

static __poll_t dblock_ctl_poll(struct file *file, poll_table *wait)
{
	struct dblock_session *session = file->private_data;

	poll_wait(file, &session->poll_wait, wait);
	/*
	 * Either this call sees the request, or whoever queued it sees this
	 * waiter: pairs with dblock_queue_wake() and dblock_queues_wake().
	 * poll_wait() has such a barrier only when it adds the waiter.
	 */
	smp_mb();
	return dblock_session_ready(session) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int dblock_ctl_version(void __user *argp)
{
	struct dblock_version version = {
		.abi = DBLOCK_ABI_VERSION,
		.features = DBLOCK_FEAT_WRITE_ZEROES | DBLOCK_FEAT_PARTIAL_ERROR |
			    DBLOCK_FEAT_ANSWER_ZEROES | DBLOCK_FEAT_ANSWER_MORE |
			    DBLOCK_FEAT_POLL | DBLOCK_FEAT_OLDEST | DBLOCK_FEAT_CHANGE |
			    DBLOCK_FEAT_RECOVERY | DBLOCK_FEAT_HINTS | DBLOCK_FEAT_READ |
			    DBLOCK_FEAT_TIMES | DBLOCK_FEAT_SEGMENTS |
			    (IS_ENABLED(CONFIG_BLK_DEV_ZONED) ? DBLOCK_FEAT_ZONED : 0),
		.module = DBLOCK_MODULE_VERSION,
	};

	return copy_to_user(argp, &version, sizeof(version)) ? -EFAULT : 0;
}

static int dblock_ctl_create(struct dblock_session *session, void __user *argp)
{
	struct dblock_create params;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&params, argp, sizeof(params)))
		return -EFAULT;
	/* Fail now if the result cannot be written: after the creation it would be lost. */
	if (copy_to_user(argp, &params, sizeof(params)))
		return -EFAULT;
	ret = dblock_device_create(session, &params);
	if (ret)
		return ret;
	/* Memory unmapped meanwhile: DBLOCK_CTL_LIST still finds the device. */
	return copy_to_user(argp, &params, sizeof(params)) ? -EFAULT : 0;
}

/* Whether exactly one of them names a device, and the name ends. */
static bool dblock_ctl_names_device(u32 id, const char *name)
{
	return (id ? !name[0] : name[0]) && strnlen(name, DBLOCK_NAME_LEN) < DBLOCK_NAME_LEN;
}

static int dblock_ctl_read_target(struct dblock_target *target, void __user *argp, u32 allowed)
{
	if (copy_from_user(target, argp, sizeof(*target)))
		return -EFAULT;
	if (target->flags & ~allowed)
		return -EINVAL;
	if (memchr_inv(target->reserved, 0, sizeof(target->reserved)))
		return -EINVAL;
	return dblock_ctl_names_device(target->id, target->name) ? 0 : -EINVAL;
}

static int dblock_ctl_change(void __user *argp)
{
	struct dblock_change change;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&change, argp, sizeof(change)))
		return -EFAULT;
	if (change.reserved0 || memchr_inv(change.reserved, 0, sizeof(change.reserved)))
		return -EINVAL;
	if (!dblock_ctl_names_device(change.id, change.name))
		return -EINVAL;
	if (!change.what || change.what & ~(DBLOCK_CHANGE_SIZE | DBLOCK_CHANGE_READ_ONLY))
		return -EINVAL;
	if (change.size && !(change.what & DBLOCK_CHANGE_SIZE))
		return -EINVAL;
	if (change.read_only > !!(change.what & DBLOCK_CHANGE_READ_ONLY))
		return -EINVAL;
	return dblock_device_change(&change);
}

static int dblock_ctl_info(void __user *argp)
{
	struct dblock_info *info;
	int ret;

	info = kmalloc_obj(*info, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(info, argp, sizeof(*info)))
		goto out;
	ret = -EINVAL;
	if (!dblock_ctl_names_device(info->create.id, info->create.name))
		goto out;
	/* Here the reserved members began in the first version. */
	if (memchr_inv(&info->oldest_sector, 0,
		       sizeof(*info) - offsetof(struct dblock_info, oldest_sector)) ||
	    memchr_inv(info->create.reserved, 0, sizeof(info->create.reserved)))
		goto out;
	ret = dblock_device_info(info);
	if (!ret && copy_to_user(argp, info, sizeof(*info)))
		ret = -EFAULT;
out:
	kfree(info);
	return ret;
}

static int dblock_ctl_list(void __user *argp)
{
	struct dblock_list list;
	int ret;

	if (copy_from_user(&list, argp, sizeof(list)))
		return -EFAULT;
	if (memchr_inv(list.reserved, 0, sizeof(list.reserved)))
		return -EINVAL;
	ret = dblock_device_list(&list);
	if (ret)
		return ret;
	return copy_to_user(argp, &list, sizeof(list)) ? -EFAULT : 0;
}

static int dblock_ctl_serve(struct dblock_session *session, void __user *argp, bool nonblock)
{
	struct dblock_serve call;
	struct dblock_device *dev;
	int ret;

	if (copy_from_user(&call, argp, sizeof(call)))
		return -EFAULT;
	if (nonblock)
		call.timeout_ns = 0;
	dev = dblock_device_get(session, call.device);
	if (IS_ERR(dev)) {
		ret = dblock_serve_no_device(argp, &call, PTR_ERR(dev));
		/* The device ended before this call. */
		if (!ret)
			dblock_session_mark_told(session, call.device);
		return ret;
	}
	ret = dblock_serve(dev, argp, &call, false);
	if (!ret && (call.state & DBLOCK_SERVE_END))
		dblock_session_mark_told(session, call.device);
	dblock_device_put(dev);
	return ret;
}

static long dblock_ctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct dblock_session *session = file->private_data;
	void __user *argp = (void __user *)arg;
	struct dblock_target target;
	int ret;

	switch (cmd) {
	case DBLOCK_CTL_VERSION:
		return dblock_ctl_version(argp);
	case DBLOCK_CTL_CREATE:
		return dblock_ctl_create(session, argp);
	case DBLOCK_CTL_START:
		ret = dblock_ctl_read_target(&target, argp, 0);
		return ret ?: dblock_device_start(session, &target);
	case DBLOCK_CTL_DESTROY:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		ret = dblock_ctl_read_target(&target, argp, DBLOCK_DESTROY_FORCE);
		return ret ?: dblock_device_destroy(&target);
	case DBLOCK_CTL_ADOPT:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		ret = dblock_ctl_read_target(&target, argp, 0);
		return ret ?: dblock_device_adopt(session, &target);
	case DBLOCK_CTL_CHANGE:
		return dblock_ctl_change(argp);
	case DBLOCK_CTL_INFO:
		return dblock_ctl_info(argp);
	case DBLOCK_CTL_LIST:
		return dblock_ctl_list(argp);
	case DBLOCK_SERVE:
		return dblock_ctl_serve(session, argp, false);
	default:
		return -ENOTTY;
	}
}

/* DBLOCK_SERVE by read(2), see dblock.h. */
static ssize_t dblock_ctl_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct dblock_serve __user *call = (struct dblock_serve __user *)buf;
	int ret;

	/* The rule for write(2) on a node whose data contain addresses: ib_safe_file_access(). */
	if (file->f_cred != current_cred())
		return -EACCES;
	if (count != sizeof(*call))
		return -EINVAL;
	ret = dblock_ctl_serve(file->private_data, call, file->f_flags & O_NONBLOCK);
	/* On success the caller's own 0 stays: a failed write here would lose its requests. */
	if (ret && put_user(ret, &call->result))
		return -EFAULT;
	return count;
}

static const struct file_operations dblock_ctl_fops = {
	.owner		= THIS_MODULE,
	.open		= dblock_ctl_open,
	.release	= dblock_ctl_release,
	.poll		= dblock_ctl_poll,
	.read		= dblock_ctl_read,
	.unlocked_ioctl	= dblock_ctl_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice dblock_ctl = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "dblockctl",
	.fops	= &dblock_ctl_fops,
	.mode	= 0600,
};

static int __init dblock_init(void)
{
	int ret;

	BUILD_BUG_ON(sizeof(struct dblock_version) != 80);
	BUILD_BUG_ON(sizeof(struct dblock_create) != 160);
	BUILD_BUG_ON(sizeof(struct dblock_target) != 56);
	BUILD_BUG_ON(sizeof(struct dblock_change) != 88);
	BUILD_BUG_ON(sizeof(struct dblock_info) != 224);
	BUILD_BUG_ON(sizeof(struct dblock_list) != 32);
	BUILD_BUG_ON(sizeof(struct dblock_request) != 64);
	BUILD_BUG_ON(sizeof(struct dblock_answer) != 48);
	BUILD_BUG_ON(sizeof(struct dblock_serve) != 104);

	ret = dblock_devices_init();
	if (ret)
		return ret;
	ret = misc_register(&dblock_ctl);
	if (ret)
		dblock_devices_exit();
	return ret;
}

static void __exit dblock_exit(void)
{
	misc_deregister(&dblock_ctl);
	dblock_devices_exit();
}

module_init(dblock_init);
module_exit(dblock_exit);

MODULE_AUTHOR("The junit-dblock authors");
MODULE_DESCRIPTION("Block devices answered by a userspace program");
MODULE_VERSION(DBLOCK_MODULE_VERSION);
MODULE_LICENSE("GPL");
