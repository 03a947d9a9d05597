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

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

CASE(a_request_says_when_it_was_issued_and_fetched)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_info info;
	uint64_t start, end;
	struct io *io;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	quiesce(dev, &hand, 20);
	for (int accounted = 1; accounted >= 0; accounted--) {
		step("accounted %d", accounted);
		check(sysfs_write(dev->name, "queue/iostats", accounted ? "1" : "0"), "queue/iostats");
		start = monotonic_ns();
		io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
		check_wait(10, ctl_info(dev->session, dev->id, &info) == 0 && info.oldest_age_ms >= 150,
			   "the read to grow old");
		rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
		end = monotonic_ns();
		check(start <= rq.issued_ns && rq.issued_ns <= rq.fetched_ns && rq.fetched_ns <= end,
		      "%llu to %llu, issued %llu, fetched %llu", (unsigned long long)start,
		      (unsigned long long)end, (unsigned long long)rq.issued_ns,
		      (unsigned long long)rq.fetched_ns);
		if (accounted)
			check(rq.fetched_ns - rq.issued_ns >= 100 * 1000000ull, "%llu ns",
			      (unsigned long long)(rq.fetched_ns - rq.issued_ns));
		answer_well(dev, &hand, &rq);
		check_eq(io_finish(io, 10), 4096);
	}
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* ---- the request that is under way the longest ---- */

static struct dblock_info info_of(struct device *dev)
{
	struct dblock_info info;

	check_ok(ctl_info(dev->session, dev->id, &info));
	check_eq(info.reserved0, 0);
	check_eq(info.reserved1, 0);
	return info;
}

static void check_no_oldest(struct device *dev)
{
	struct dblock_info info = info_of(dev);

	check_eq(info.pending, 0);
	check_eq(info.oldest, DBLOCK_OLDEST_NONE);
	check(all_bytes((void *)&info.oldest_sector, sizeof(info) - offsetof(struct dblock_info, oldest_sector), 0),
	      "it tells of a request");
}

CASE(oldest_request_is_told_until_it_is_answered)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request first, second;
	struct dblock_info info;
	struct io *reading, *writing;
	double start;
	int fd;

	check_no_oldest(dev);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	quiesce(dev, &hand, 20);
	check_no_oldest(dev);

	start = now();
	writing = io_start(IO_WRITE, fd, buffer_new(8192), 8192, MIB);
	check_wait(10, (info = info_of(dev)).pending == 1, "the write to wait");
	check_eq(info.oldest, DBLOCK_OLDEST_WAITING);
	check_eq(info.oldest_op, DBLOCK_OP_WRITE);
	check_eq(info.oldest_sector, MIB / 512);
	check_eq(info.oldest_length, 8192);
	check_eq(info.oldest_queue, 0);
	/* Its age grows, and is not more than the time since. */
	check_wait(10, (info = info_of(dev)).oldest_age_ms >= 150, "it to grow old");
	/* The tick may be 10 ms. */
	check(info.oldest_age_ms <= (now() - start) * 1000 + 20, "%u ms after %.0f ms", info.oldest_age_ms,
	      (now() - start) * 1000);

	/* One that comes later is not the oldest, even if a server has that one only. */
	reading = io_start(IO_READ, fd, buffer_new(4096), 4096, 2 * MIB);
	check_wait(10, info_of(dev).pending == 2, "the read to wait");
	check_eq(info_of(dev).oldest_op, DBLOCK_OP_WRITE);
	first = fetch_one(dev, &hand, DBLOCK_OP_WRITE, MIB / 512);
	info = info_of(dev);
	check_eq(info.oldest, DBLOCK_OLDEST_HELD);
	check_eq(info.oldest_op, DBLOCK_OP_WRITE);
	check_eq(info.oldest_sector, MIB / 512);
	check(info.oldest_age_ms >= 150, "the fetch made it young: %u ms", info.oldest_age_ms);

	answer_well(dev, &hand, &first);
	check_eq(io_finish(writing, 10), 8192);
	info = info_of(dev);
	check_eq(info.oldest, DBLOCK_OLDEST_WAITING);
	check_eq(info.oldest_op, DBLOCK_OP_READ);
	check_eq(info.oldest_sector, 2 * MIB / 512);
	check_eq(info.oldest_length, 4096);
	second = fetch_one(dev, &hand, DBLOCK_OP_READ, 2 * MIB / 512);
	check_eq(info_of(dev).oldest, DBLOCK_OLDEST_HELD);
	answer_well(dev, &hand, &second);
	check_eq(io_finish(reading, 10), 4096);
	check_no_oldest(dev);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(oldest_request_is_told_as_it_came_while_parts_of_it_are_answered)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_answer answer;
	struct dblock_info info;
	struct io *io;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	io = io_start(IO_WRITE, fd, buffer_new(65536), 65536, MIB);
	rq = fetch_one(dev, &hand, DBLOCK_OP_WRITE, MIB / 512);
	answer = answer_of(&rq, NULL);
	answer.flags = DBLOCK_ANS_MORE;
	answer.length = 4096;
	check_ok(answer_now(&hand, &answer));
	info = info_of(dev);
	check_eq(info.oldest, DBLOCK_OLDEST_HELD);
	check_eq(info.oldest_sector, MIB / 512);
	check_eq(info.oldest_length, 65536);
	answer.flags = 0;
	answer.length = 65536 - 4096;
	check_ok(answer_now(&hand, &answer));
	check_eq(io_finish(io, 10), 65536);
	check_no_oldest(dev);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(oldest_request_of_every_kind_and_queue_is_told)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_info info;
	struct io *io;
	uint64_t range[2] = { MIB, 65536 };
	pid_t pid;
	int fd;

	spec.max_discard = MIB;
	spec.max_write_zeroes = MIB;
	spec.queues = 2;
	dev = device_create(&spec);
	hand = hand_of(dev);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	quiesce(dev, &hand, 20);

	io = io_start(IO_FSYNC, fd, NULL, 0, 0);
	check_wait(10, (info = info_of(dev)).pending, "the flush");
	check_eq(info.oldest_op, DBLOCK_OP_FLUSH);
	check_eq(info.oldest_sector, 0);
	check_eq(info.oldest_length, 0);
	check(info.oldest_queue < dev->spec.queues, "queue %u", info.oldest_queue);
	quiesce(dev, &hand, 20);
	check_eq(io_finish(io, 10), 0);

	for (int kind = DBLOCK_OP_DISCARD; kind <= DBLOCK_OP_WRITE_ZEROES; kind++) {
		pid = fork_case();
		if (!pid)
			_exit(ioctl(fd, kind == DBLOCK_OP_DISCARD ? BLKDISCARD : BLKZEROOUT, range) ? 1 : 0);
		check_wait(10, (info = info_of(dev)).pending, "operation %d", kind);
		check_eq(info.oldest_op, kind);
		check_eq(info.oldest_sector, MIB / 512);
		check_eq(info.oldest_length, 65536);
		quiesce(dev, &hand, 20);
		check(wait_child(pid, 10, NULL), "operation %d is not done", kind);
	}
	check_no_oldest(dev);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(oldest_request_is_gone_when_its_time_is_up)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_info info;
	struct io *io;
	unsigned int seen = 0;
	int fd;

	spec.timeout_ms = 700;
	dev = device_create(&spec);
	hand = hand_of(dev);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	quiesce(dev, &hand, 20);
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	step("watching a request until it times out");
	for (double end = now() + 15 * slowness; !io->done; nap_ms(5)) {
		info = info_of(dev);
		if (info.oldest != DBLOCK_OLDEST_NONE)
			seen = info.oldest_age_ms;
		check(now() < end, "no time-out after %u s", 15 * slowness);
	}
	check_eq(io_finish(io, 1), -ETIMEDOUT);
	note("last seen at %u ms", seen);
	check(seen >= 300, "last seen at %u ms", seen);
	check_no_oldest(dev);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

static void *info_all_the_time(void *arg)
{
	struct device *dev = arg;
	unsigned long told = 0;

	while (dev->count[4] == 0) {
		struct dblock_info info = info_of(dev);

		if (info.oldest == DBLOCK_OLDEST_NONE)
			continue;
		check(info.oldest_op <= DBLOCK_OP_FLUSH, "operation %u", info.oldest_op);
		check(info.oldest_sector * 512 + info.oldest_length <= dev->spec.size, "sector %llu, %u bytes",
		      (unsigned long long)info.oldest_sector, info.oldest_length);
		check((info.oldest_op == DBLOCK_OP_FLUSH) == !info.oldest_length, "operation %u, %u bytes",
		      info.oldest_op, info.oldest_length);
		check(info.oldest_age_ms < 60000, "%u ms", info.oldest_age_ms);
		told++;
	}
	note("told of a request %lu times", told);
	check(told > 0, "never told of a request");
	return NULL;
}

CASE(oldest_request_can_be_asked_for_under_load)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;
	pthread_t thread;

	spec.queues = 2;
	spec.depth = 4;
	dev = device_up(&spec, NULL, NULL);
	pthread_create(&thread, NULL, info_all_the_time, dev);
	load_stop(load_start(dev, 6, 50));
	dev->count[4] = 1;
	pthread_join(thread, NULL);
	check_no_oldest(dev);
	device_down(dev);
}

/* ---- errors, time-outs, load ---- */

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
		TEST(a_request_says_when_it_was_issued_and_fetched),
		TEST(oldest_request_is_told_until_it_is_answered),
		TEST(oldest_request_is_told_as_it_came_while_parts_of_it_are_answered),
		TEST(oldest_request_of_every_kind_and_queue_is_told),
		TEST(oldest_request_is_gone_when_its_time_is_up),
		TEST(oldest_request_can_be_asked_for_under_load),
		TEST(idle_after_errors),
		TEST(idle_after_timeouts),
		TEST(idle_after_a_load),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
