// SPDX-License-Identifier: GPL-2.0-only
/* Size and write protection of a device that is there already. */
#include "harness.h"

#include <linux/fs.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

static int change(int session, struct dblock_change how)
{
	return ioctl(session, DBLOCK_CTL_CHANGE, &how);
}

static int resize(const struct device *dev, uint64_t size)
{
	return change(dev->session, (struct dblock_change){ .id = dev->id, .what = DBLOCK_CHANGE_SIZE, .size = size });
}

static int protect(const struct device *dev, bool read_only)
{
	return change(dev->session, (struct dblock_change){ .id = dev->id, .what = DBLOCK_CHANGE_READ_ONLY,
							    .read_only = read_only });
}

CASE(a_new_size_is_seen_by_who_has_it_open)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);
	struct dblock_info info;
	uint64_t size;

	check_ok(resize(dev, 4 * MIB));
	check_eq(sysfs_number(dev->name, "size"), 4 * MIB / 512);
	check_ok(ioctl(fd, BLKGETSIZE64, &size));
	check_eq(size, 4 * MIB);
	check_eq(lseek(fd, 0, SEEK_END), 4 * MIB);
	check_ok(ctl_info(dev->session, dev->id, &info));
	check_eq(info.create.size, 4 * MIB);
	check_eq(pread(fd, buf, 4096, 4 * MIB), 0);
	check_fails(ENOSPC, pwrite(fd, buf, 4096, 4 * MIB));
	check_eq(pread(fd, buf, 4096, 4 * MIB - 4096), 4096);

	check_ok(resize(dev, 8 * MIB));
	check_eq(lseek(fd, 0, SEEK_END), 8 * MIB);
	pattern_fill(buf, 4096, 0, 1);
	check_eq(pwrite(fd, buf, 4096, 8 * MIB - 4096), 4096);
	check_eq(pattern_check(dev->store + 8 * MIB - 4096, 4096, 0, 1), -1);
	close(fd);
	device_down(dev);
}

/* Whether a uevent of the device comes that has this line. */
static bool uevent_comes(int events, const char *name, const char *line, unsigned int seconds)
{
	double end = now() + seconds * slowness;
	char text[8192];

	while (now() < end) {
		struct pollfd waits = { .fd = events, .events = POLLIN };
		ssize_t length;
		bool ours = false, has = false;

		if (poll(&waits, 1, 100) <= 0)
			continue;
		length = recv(events, text, sizeof(text) - 1, 0);
		if (length <= 0)
			continue;
		text[length] = 0;
		for (char *part = text; part < text + length; part += strlen(part) + 1) {
			ours |= !strncmp(part, "DEVNAME=", 8) && !strcmp(part + 8, name);
			has |= !strcmp(part, line);
		}
		if (ours && has)
			return true;
	}
	return false;
}

static int uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int events = check_ok(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));

	check_ok(bind(events, (struct sockaddr *)&address, sizeof(address)));
	return events;
}

CASE(a_new_size_sends_its_event)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int events = uevents();

	check_ok(resize(dev, 4 * MIB));
	check(uevent_comes(events, dev->name, "RESIZE=1", 10), "no event for the smaller size");
	check_ok(resize(dev, 8 * MIB));
	check(uevent_comes(events, dev->name, "RESIZE=1", 10), "no event for the larger size");
	device_down(dev);
}

CASE(write_protection_sends_its_event)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int events = uevents();

	check_ok(protect(dev, true));
	check(uevent_comes(events, dev->name, "DISK_RO=1", 10), "no event for the protection");
	check_ok(protect(dev, false));
	check(uevent_comes(events, dev->name, "DISK_RO=0", 10), "no event for its end");
	device_down(dev);
}

CASE(before_the_start_too)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_create(&spec);

	check_ok(change(dev->session, (struct dblock_change){
		.id = dev->id, .what = DBLOCK_CHANGE_SIZE | DBLOCK_CHANGE_READ_ONLY, .size = 2 * MIB, .read_only = 1 }));
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	device_start(dev);
	check_eq(sysfs_number(dev->name, "size"), 2 * MIB / 512);
	check_eq(sysfs_number(dev->name, "ro"), 1);
	device_down(dev);
}

CASE(by_its_name_from_another_session)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	struct dblock_change how = { .what = DBLOCK_CHANGE_SIZE, .size = MIB };

	strcpy(how.name, dev->name);
	check_ok(change(session_open(), how));
	check_eq(sysfs_number(dev->name, "size"), MIB / 512);
	device_down(dev);
}

CASE(what_is_protected_is_written_by_nobody)
{
	struct dblock_create spec = spec_of(MIB);
	uint8_t *buf = buffer_new(4096);
	struct device *dev;
	uint64_t range[2] = { 0, 4096 };
	int fd, one = 0, seen;

	spec.max_discard = MIB;
	spec.max_write_zeroes = MIB;
	dev = device_up(&spec, NULL, NULL);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	check_eq(pwrite(fd, buf, 4096, 0), 4096);
	check_ok(protect(dev, true));
	check_eq(sysfs_number(dev->name, "ro"), 1);
	check_ok(ioctl(fd, BLKROGET, &one));
	check_eq(one, 1);

	log_reset(dev);
	/* EIO, or EPERM where the kernel looks before it makes a request. */
	check(pwrite(fd, buf, 4096, 0) < 0 && (errno == EIO || errno == EPERM), "write: %s", errno_name(errno));
	check(ioctl(fd, BLKDISCARD, range) < 0, "a discard went through");
	check(ioctl(fd, BLKZEROOUT, range) < 0, "zeroing went through");
	check_eq(pread(fd, buf, 4096, 0), 4096);
	seen = dev->count[DBLOCK_OP_WRITE] + dev->count[DBLOCK_OP_DISCARD] + dev->count[DBLOCK_OP_WRITE_ZEROES];
	check_eq(seen, 0);

	check_ok(protect(dev, false));
	check_eq(pwrite(fd, buf, 4096, 0), 4096);
	check_ok(fsync(fd));
	close(fd);
	device_down(dev);
}

/* What is in the page cache when the protection comes cannot be written back any more: that is told. */
CASE(dirty_pages_of_what_is_protected_are_an_error)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(65536);

	check_eq(pwrite(fd, buf, 65536, 0), 65536);
	check_ok(protect(dev, true));
	check_fails(EIO, fsync(fd));
	close(fd);
	device_down(dev);
}

CASE(changed_all_the_time_under_load)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL), half;
	struct load *load;

	/* The load keeps to what is always there. */
	half = *dev;
	half.spec.size = 4 * MIB;
	load = load_start(&half, 3, 0);
	for (int i = 0; i < 200; i++) {
		check_ok(resize(dev, i % 2 ? 8 * MIB : 4 * MIB + i * 4096));
		check_ok(protect(dev, false));
	}
	note("%u reads and writes", load_stop(load));
	device_down(dev);
}

CASE(what_makes_no_sense_is_einval)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct dblock_change how;
	const struct dblock_change wrong[] = {
		{ .what = 0 },
		{ .what = 4, .size = 0 },
		{ .what = DBLOCK_CHANGE_SIZE | 0x80000000u, .size = MIB },
		{ .what = DBLOCK_CHANGE_SIZE, .size = 0 },
		{ .what = DBLOCK_CHANGE_SIZE, .size = MIB + 512 },
		{ .what = DBLOCK_CHANGE_SIZE, .size = UINT64_MAX & ~4095ULL },
		{ .what = DBLOCK_CHANGE_SIZE, .size = MIB, .read_only = 1 },
		{ .what = DBLOCK_CHANGE_READ_ONLY, .size = MIB },
		{ .what = DBLOCK_CHANGE_READ_ONLY, .read_only = 2 },
		{ .what = DBLOCK_CHANGE_READ_ONLY, .reserved0 = 1 },
		{ .what = DBLOCK_CHANGE_READ_ONLY, .reserved = { 0, 0, 0, 1 } },
		{ .what = DBLOCK_CHANGE_READ_ONLY, .name = "dblock0" },
	};

	spec.logical_block = 4096;
	dev = device_up(&spec, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		step("wrong change %zu", i);
		how = wrong[i];
		how.id = dev->id;
		check_fails(EINVAL, change(dev->session, how));
	}
	how = (struct dblock_change){ .what = DBLOCK_CHANGE_SIZE, .size = MIB };
	check_fails(EINVAL, change(dev->session, how));	/* neither an id nor a name */
	memset(how.name, 'x', sizeof(how.name));
	check_fails(EINVAL, change(dev->session, how));
	check_eq(sysfs_number(dev->name, "size"), MIB / 512);
	check_eq(sysfs_number(dev->name, "ro"), 0);
	device_down(dev);
}

CASE(what_is_not_there_is_enodev_and_what_ends_enxio)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	struct dblock_change how = { .id = dev->id, .what = DBLOCK_CHANGE_SIZE, .size = 2 * MIB };
	int session = session_open();

	device_down(dev);
	check_fails(ENODEV, change(session, how));
	how.id = 0x7fffffff;
	check_fails(ENODEV, change(session, how));
}

CASE(needs_cap_sys_admin)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);

	drop_sys_admin();
	check_fails(EPERM, resize(dev, 2 * MIB));
	check_fails(EPERM, protect(dev, true));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(a_new_size_is_seen_by_who_has_it_open),
		TEST(a_new_size_sends_its_event),
		TEST(write_protection_sends_its_event),
		TEST(before_the_start_too),
		TEST(by_its_name_from_another_session),
		TEST(what_is_protected_is_written_by_nobody),
		TEST(dirty_pages_of_what_is_protected_are_an_error),
		TEST(changed_all_the_time_under_load),
		TEST(what_makes_no_sense_is_einval),
		TEST(what_is_not_there_is_enodev_and_what_ends_enxio),
		TEST(needs_cap_sys_admin),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
