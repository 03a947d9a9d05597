// SPDX-License-Identifier: GPL-2.0-only
/* From creation to the end, when everybody behaves. */
#include "harness.h"

#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

CASE(created_started_used_and_destroyed)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev = device_create(&spec);
	struct dblock_info info;
	struct stat st;
	uint8_t *buf = buffer_new(4096);
	int fd;

	check_ok(ctl_info(dev->session, dev->id, &info));
	check_eq(info.state, DBLOCK_STATE_CREATED);
	check_eq(info.major, 0);
	check_eq(info.owner, getpid());
	check_eq(info.servers, 0);
	check(!device_exists(dev->name) && !node_exists(dev->name), "there before the start");

	server_start(dev, -1, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	device_start(dev);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the server to come");
	check_eq(info.state, DBLOCK_STATE_LIVE);
	check_ok(stat(dev->path, &st));
	check_eq(info.major, major(st.st_rdev));
	check_eq(info.minor, minor(st.st_rdev));

	fd = device_open(dev, O_RDWR | O_DIRECT);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.openers == 1, "openers to be 1");
	pattern_fill(buf, 4096, 0, 1);
	check_eq(pwrite(fd, buf, 4096, 8192), 4096);
	memset(buf, 0, 4096);
	check_eq(pread(fd, buf, 4096, 8192), 4096);
	check_eq(pattern_check(buf, 4096, 0, 1), -1);
	check_eq(pattern_check(dev->store + 8192, 4096, 0, 1), -1);
	close(fd);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.openers == 0, "openers to be 0");
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.pending == 0, "pending to be 0");
	device_down(dev);
}

CASE(start_twice_is_ealready)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);

	check_fails(EALREADY, ctl_start(dev->session, dev->id));
	device_down(dev);
}

CASE(auto_started_is_ealready)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;

	spec.flags |= DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	check_fails(EALREADY, ctl_start(dev->session, dev->id));
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	device_down(dev);
}

CASE(another_session_neither_starts_nor_serves_it)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;

	hand.fd = session_open();
	check_fails(ENODEV, ctl_start(hand.fd, dev->id));
	check_fails(ENODEV, fetch(&hand, &rq, 1, 0));
	device_down(dev);
}

CASE(start_after_the_end_fails)
{
	struct dblock_create spec = spec_of(MIB);
	int session = session_open();

	check_ok(ctl_create(session, &spec));
	check_ok(ctl_destroy(session, spec.id, 0));
	check(ctl_start(session, spec.id) < 0 && (errno == ENODEV || errno == ENXIO),
	      "start after destroy: %s", errno_name(errno));
}

CASE(ids_are_never_used_twice)
{
	int session = session_open();
	uint32_t last = 0;

	for (int i = 0; i < 50; i++) {
		struct dblock_create spec = spec_of(MIB);
		struct dblock_info info;

		check_ok(ctl_create(session, &spec));
		check(spec.id > last, "id %u after %u", spec.id, last);
		last = spec.id;
		check_ok(ctl_destroy(session, spec.id, 0));
		check_fails(ENODEV, ctl_info(session, spec.id, &info));
		check_fails(ENODEV, ctl_destroy(session, spec.id, 0));
	}
}

CASE(list_counts_all_and_fills_what_fits)
{
	struct dblock_create specs[5];
	uint32_t ids[8], had;
	struct dblock_list list = { 0 };
	int session = session_open(), other = session_open();

	check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
	had = list.count;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		specs[i] = spec_of(MIB);
		check_ok(ctl_create(session, &specs[i]));
	}
	memset(ids, 0xff, sizeof(ids));
	list = (struct dblock_list){ .ids = (uintptr_t)ids, .capacity = 2 };
	check_ok(ioctl(other, DBLOCK_CTL_LIST, &list));
	check_eq(list.count, had + 5);
	check(all_bytes(ids + 2, sizeof(ids) - 8, 0xff), "wrote beyond its capacity");
	if (!had) {
		list = (struct dblock_list){ .ids = (uintptr_t)ids, .capacity = 8 };
		check_ok(ioctl(other, DBLOCK_CTL_LIST, &list));
		for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
			check_eq(ids[i], specs[i].id);
		check(all_bytes(ids + 5, 12, 0xff), "wrote more than there are");
	}
}

CASE(found_by_name_from_another_session)
{
	struct dblock_create spec = spec_of(MIB);
	struct dblock_info info = { .create.name = "dblockbyname" };
	struct device *dev;
	int other = session_open();
	uint32_t id;

	strcpy(spec.name, "dblockbyname");
	dev = device_up(&spec, NULL, NULL);
	id = dev->id;
	check_ok(ioctl(other, DBLOCK_CTL_INFO, &info));
	check_eq(info.create.id, id);
	check_eq(info.create.size, MIB);
	close(device_open(dev, O_RDONLY));
	check_wait(10, !ctl_destroy_name(other, "dblockbyname", 0) || errno != EBUSY, "destroying by name");
	check_fails(ENODEV, ctl_info(other, id, &info));
	servers_join(dev, 10);
	check(dev->servers[0]->ended, "the server did not see the end but %s",
	      errno_name(dev->servers[0]->error));
	check(!device_exists(dev->name), "still there");
	device_free(dev);
}

CASE(destroyed_before_its_start)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct dblock_info info;

	server_start(dev, -1, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the server to come");
	device_down(dev);
}

CASE(several_at_once)
{
	struct device *devs[8];
	int fds[8];
	uint8_t *buf = buffer_new(65536);

	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		struct dblock_create spec = spec_of(4 * MIB);

		devs[i] = device_up(&spec, NULL, NULL);
		fds[i] = device_open(devs[i], O_RDWR | O_DIRECT);
	}
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		pattern_fill(buf, 65536, 0, i);
		check_eq(pwrite(fds[i], buf, 65536, 65536), 65536);
	}
	for (size_t i = 0; i < ARRAY_SIZE(devs); i++) {
		check_eq(pread(fds[i], buf, 65536, 65536), 65536);
		check_eq(pattern_check(buf, 65536, 0, i), -1);
		close(fds[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(devs); i += 2)
		device_down(devs[i]);
	for (size_t i = 1; i < ARRAY_SIZE(devs); i += 2) {
		check(device_exists(devs[i]->name), "%s went with another", devs[i]->name);
		device_down(devs[i]);
	}
}

/* One primary partition of 2048 sectors at sector 2048. */
static void put_partition_table(uint8_t *store)
{
	static const uint8_t entry[16] = { 0, 0, 2, 0, 0x83, 0xff, 0xff, 0xff, 0, 8, 0, 0, 0, 8, 0, 0 };

	memcpy(store + 446, entry, sizeof(entry));
	store[510] = 0x55;
	store[511] = 0xaa;
}

CASE(partitions_are_scanned_at_start)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;
	char path[80], name[64];
	uint64_t bytes = 0;
	uint8_t *buf = buffer_new(4096);
	int fd;

	spec.flags &= ~DBLOCK_F_NO_PARTITIONS;
	strcpy(spec.name, "dblockpart");
	dev = device_create(&spec);
	put_partition_table(dev->store);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_ok(ctl_start(dev->session, dev->id));
	/* The scan is over when the start returns. */
	snprintf(path, sizeof(path), "dblockpart/dblockpart1");
	check(device_exists(path), "no partition");
	snprintf(name, sizeof(name), "dblockpart1");
	check_wait(10, node_exists(name), "waiting for /dev/%s", name);
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = check_ok(open(path, O_RDWR | O_DIRECT));
	check_ok(ioctl(fd, BLKGETSIZE64, &bytes));
	check_eq(bytes, MIB);
	pattern_fill(buf, 4096, 0, 9);
	check_eq(pwrite(fd, buf, 4096, 4096), 4096);
	check_eq(pattern_check(dev->store + MIB + 4096, 4096, 0, 9), -1);
	/* It cannot be served through a partition. */
	{
		struct hand hand = hand_of(dev);
		struct dblock_request rq;

		hand.fd = fd;
		hand.device = 0;
		check_fails(ENOTTY, fetch(&hand, &rq, 1, 0));
	}
	/* A partition in use keeps the device. */
	check_fails(EBUSY, ctl_destroy(dev->session, dev->id, 0));
	close(fd);
	device_down(dev);
	check(!node_exists(name), "the partition is still there");
}

CASE(partitions_are_not_scanned_when_not_wanted)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	strcpy(spec.name, "dblockpart");
	dev = device_create(&spec);
	put_partition_table(dev->store);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	device_start(dev);
	check(!device_exists("dblockpart/dblockpart1"), "a partition");
	device_down(dev);
}

CASE(auto_start_does_not_wait_for_a_partition_scan)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	spec.flags = DBLOCK_F_AUTO_START;
	strcpy(spec.name, "dblockpart");
	/* Nobody serves: a scan would hang until the watchdog. */
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	put_partition_table(dev->store);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	close(device_open(dev, O_RDONLY));
	/* Nor is it made up for by the first open. */
	check(!device_exists("dblockpart/dblockpart1"), "a partition");
	device_down(dev);
}

/* As udev may: from when its node appears. */
static void *open_early(void *arg)
{
	const char *path = arg;
	double end = now() + 10 * slowness;
	uint8_t *buf = buffer_new(4096);
	int fd;

	do {
		fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		check(fd >= 0 || errno == ENOENT || errno == ENXIO, "open %s: %s", path, errno_name(errno));
	} while (fd < 0 && now() < end);
	check(fd >= 0, "%s did not appear", path);
	check_eq(pread(fd, buf, 4096, 4096), 4096);
	check(all_bytes(buf, 4096, 0x5a), "read something else");
	close(fd);
	return NULL;
}

CASE(opened_while_it_is_created)
{
	for (int i = 0; i < 20; i++) {
		struct dblock_create spec = spec_of(MIB);
		struct device *dev;
		pthread_t opener;

		spec.flags |= DBLOCK_F_AUTO_START;
		strcpy(spec.name, "dblockearly");
		check_eq(pthread_create(&opener, NULL, open_early, "/dev/dblockearly"), 0);
		dev = device_create(&spec);
		memset(dev->store, 0x5a, MIB);
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
		check_eq(pthread_join(opener, NULL), 0);
		device_down(dev);
	}
}

CASE(served_through_the_block_device)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;
	struct dblock_info info;
	uint8_t *buf = buffer_new(65536);
	int serving, fd;

	spec.flags |= DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	serving = device_open(dev, O_RDWR);
	server_start(dev, serving, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	pattern_fill(buf, 65536, 0, 4);
	check_eq(pwrite(fd, buf, 65536, 4096), 65536);
	check_eq(pattern_check(dev->store + 4096, 65536, 0, 4), -1);
	check_ok(fsync(fd));
	close(fd);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && !info.openers,
		   "openers to be 0, its server not counted");
	device_down(dev);
	close(serving);
}

CASE(server_on_the_disk_may_open_it_again)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	int serving, fd;

	spec.flags |= DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	serving = device_open(dev, O_RDWR);
	server_start(dev, serving, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	for (int i = 0; i < 3; i++) {
		fd = device_open(dev, O_RDONLY | O_DIRECT);
		check_eq(pread(fd, buf, 4096, 0), 4096);
		check_fails(EBUSY, ctl_destroy(dev->session, dev->id, 0));
		close(fd);
	}
	/* Its server blocks in DBLOCK_SERVE; nobody else has it open. */
	device_down(dev);
	close(serving);
}

CASE(serving_the_block_device_needs_cap_sys_admin)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_request rq;

	spec.flags |= DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	hand = hand_of(dev);
	hand.fd = device_open(dev, O_RDWR);
	check_fails(EINVAL, fetch(&hand, &rq, 1, 0));	/* device must be 0 */
	hand.device = 0;
	check_eq(fetch(&hand, &rq, 1, 0), 0);
	check_ok(seteuid(65534));	/* drops the effective capabilities */
	check_fails(EPERM, fetch(&hand, &rq, 1, 0));
	check_ok(seteuid(0));
	close(hand.fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(a_late_server_thread_sees_the_end)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_serve serve;
	struct dblock_request rq;

	check_ok(ctl_start(dev->session, dev->id));
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	serve = serve_call(&hand, &rq, 1, -1);
	check_ok(ioctl(dev->session, DBLOCK_SERVE, &serve));
	check_eq(serve.state, DBLOCK_SERVE_END);
	check_eq(serve.nr_requests, 0);
}

/* A session keeps no record of a device whose end it was told, so all sessions get the same. */
CASE(the_end_is_told_to_whoever_asks)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct hand hands[2] = { hand_of(dev), hand_of(dev) }, never = hand_of(dev);
	struct dblock_request rq;

	hands[1].fd = session_open();
	check_fails(ENODEV, fetch(&hands[1], &rq, 1, 0));
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	for (int i = 0; i < 6; i++)
		check_fails(ENXIO, fetch(&hands[i % 2], &rq, 1, 0));	/* by it END is told */
	check_fails(ENXIO, ctl_start(dev->session, dev->id));
	never.device = dev->id + 1;
	check_fails(ENODEV, fetch(&never, &rq, 1, 0));
	never.device = 0xffffffff;
	check_fails(ENODEV, fetch(&never, &rq, 1, 0));
	never.device = 0;
	check_fails(ENODEV, fetch(&never, &rq, 1, 0));
}

CASE(device_goes_with_its_session)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int other = session_open();
	struct dblock_info info;

	/* A server that blocks in its call holds the file: the session goes on until it returns. */
	check_wait(10, !ctl_info(other, dev->id, &info) && info.servers == 1, "the server to come");
	nap_ms(50);
	close(dev->session);
	check_ok(ctl_destroy(other, dev->id, DBLOCK_DESTROY_FORCE));
	servers_join(dev, 10);
	check_fails(ENODEV, ctl_info(other, dev->id, &info));

	spec = spec_of(MIB);
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	close(dev->session);
	check_wait(10, !device_exists(dev->name) && !node_exists(dev->name), "waiting for %s to go", dev->name);
	check_wait(10, ctl_info(other, dev->id, &info) && errno == ENODEV, "waiting for its id to go");
}

CASE(its_name_is_free_after_destroy)
{
	for (int i = 0; i < 10; i++) {
		struct dblock_create spec = spec_of(MIB);

		strcpy(spec.name, "dblockagain");
		device_down(device_up(&spec, NULL, NULL));
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(created_started_used_and_destroyed),
		TEST(start_twice_is_ealready),
		TEST(auto_started_is_ealready),
		TEST(another_session_neither_starts_nor_serves_it),
		TEST(start_after_the_end_fails),
		TEST(ids_are_never_used_twice),
		TEST(list_counts_all_and_fills_what_fits),
		TEST(found_by_name_from_another_session),
		TEST(destroyed_before_its_start),
		TEST(several_at_once),
		TEST(partitions_are_scanned_at_start),
		TEST(partitions_are_not_scanned_when_not_wanted),
		TEST(auto_start_does_not_wait_for_a_partition_scan),
		TEST(opened_while_it_is_created),
		TEST(served_through_the_block_device),
		TEST(server_on_the_disk_may_open_it_again),
		TEST(serving_the_block_device_needs_cap_sys_admin),
		TEST(a_late_server_thread_sees_the_end),
		TEST(the_end_is_told_to_whoever_asks),
		TEST(device_goes_with_its_session),
		TEST(its_name_is_free_after_destroy),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
