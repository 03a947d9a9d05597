// SPDX-License-Identifier: GPL-2.0-only
/* An idle device looks idle, and the counters count. */
#include "harness.h"

#include <linux/fs.h>

struct stat_line {
	unsigned long long reads, read_sectors, writes, write_sectors, in_flight, discards, discard_sectors, flushes;
};

static struct stat_line statistics(const char *name)
{
	unsigned long long v[17] = { 0 };
	char line[300];

	check(sysfs_read(name, "stat", line, sizeof(line)), "/sys/block/%s/stat", name);
	for (int i = 0, at = 0, n; i < 17 && sscanf(line + at, "%llu%n", &v[i], &n) == 1; i++)
		at += n;
	return (struct stat_line){ v[0], v[2], v[4], v[6], v[8], v[11], v[13], v[15] };
}

static void check_idle(const char *name)
{
	unsigned long long reads = 1, writes = 1;
	char line[80];

	check_wait(5, sysfs_read(name, "inflight", line, sizeof(line)) &&
		   sscanf(line, "%llu %llu", &reads, &writes) == 2 && !reads && !writes, "inflight to be 0");
	check_eq(statistics(name).in_flight, 0);
}

CASE(counters_count_what_was_done)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev;
	struct stat_line before, after;
	uint8_t *buf = buffer_new(65536);
	uint64_t range[2] = { 0, 65536 };
	int fd;

	spec.max_discard = MIB;
	dev = device_up(&spec, NULL, NULL);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	before = statistics(dev->name);
	for (int i = 0; i < 10; i++)
		check_eq(pread(fd, buf, 8192, i * 65536), 8192);
	for (int i = 0; i < 7; i++)
		check_eq(pwrite(fd, buf, 65536, i * 65536), 65536);
	for (int i = 0; i < 3; i++)
		check_ok(fsync(fd));
	check_ok(ioctl(fd, BLKDISCARD, range));
	check_idle(dev->name);
	after = statistics(dev->name);
	check_eq(after.reads - before.reads, 10);
	check_eq(after.read_sectors - before.read_sectors, 10 * 16);
	/* A flush is a write of nothing besides, on some kernels. */
	check(after.writes - before.writes == 7 || after.writes - before.writes == 10, "%llu writes",
	      after.writes - before.writes);
	check_eq(after.write_sectors - before.write_sectors, 7 * 128);
	check_eq(after.discards - before.discards, 1);
	check_eq(after.discard_sectors - before.discard_sectors, 128);
	check_eq(after.flushes - before.flushes, 3);
	close(fd);
	device_down(dev);
}

CASE(a_held_request_is_in_flight)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct io *io;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
	check_eq(sysfs_number(dev->name, "inflight"), 1);
	answer_well(dev, &hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	check_idle(dev->name);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

static bool fails_half(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	memory_apply(server->dev, rq, answer);
	if (rq->sector / 128 % 2) {
		answer->result = -EIO;
		answer->length = rq->length > 4096 ? 4096 : 0;
	}
	return true;
}

CASE(idle_after_errors)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, fails_half, NULL);
	uint8_t *buf = buffer_new(65536);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	for (int i = 0; i < 40; i++) {
		ssize_t want = i % 2 ? -1 : 32768;

		check_eq(pread(fd, buf, 32768, i * 65536 % MIB), want);
		check_eq(pwrite(fd, buf, 32768, i * 65536 % MIB), want);
	}
	check_idle(dev->name);
	close(fd);
	device_down(dev);
}

CASE(idle_after_timeouts)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct io *ios[6];
	int fd;

	spec.timeout_ms = 300;
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int i = 0; i < 6; i++)
		ios[i] = io_start(i % 2 ? IO_READ : IO_WRITE, fd, buffer_new(4096), 4096, i * 65536);
	for (int i = 0; i < 6; i++)
		check_eq(io_finish(ios[i], 20), -ETIMEDOUT);
	check_idle(dev->name);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(idle_after_a_load)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	spec.queues = 2;
	spec.depth = 4;
	dev = device_up(&spec, NULL, NULL);
	load_stop(load_start(dev, 6, 50));
	check_idle(dev->name);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(counters_count_what_was_done),
		TEST(a_held_request_is_in_flight),
		TEST(idle_after_errors),
		TEST(idle_after_timeouts),
		TEST(idle_after_a_load),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
