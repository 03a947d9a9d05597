// SPDX-License-Identifier: GPL-2.0-only
/* What is written is what is read, whatever way it takes. */
#include "harness.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* Writes, reads back, and looks into the store. */
static void round_trip(struct device *dev, int fd, size_t length, off_t offset, uint64_t salt)
{
	uint8_t *buf = buffer_new(length);

	step("%zu bytes at %lld", length, (long long)offset);
	pattern_fill(buf, length, offset, salt);
	check_eq(pwrite(fd, buf, length, offset), length);
	check_eq(pattern_check(dev->store + offset, length, offset, salt), -1);
	memset(buf, 0xee, length);
	check_eq(pread(fd, buf, length, offset), length);
	check_eq(pattern_check(buf, length, offset, salt), -1);
	free(buf);
}

static const unsigned int block_512 = 512, block_1024 = 1024, block_4096 = 4096;

static void direct_io(const void *arg)
{
	unsigned int block = *(const unsigned int *)arg;
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(8192);
	int fd;

	spec.logical_block = block;
	dev = device_up(&spec, NULL, NULL);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	round_trip(dev, fd, block, 0, 1);
	round_trip(dev, fd, block, spec.size - block, 2);
	round_trip(dev, fd, 3 * block, 5 * block, 3);
	round_trip(dev, fd, 65536, 65536 + block, 4);
	round_trip(dev, fd, MIB, MIB, 5);
	/* What is not made of whole blocks does not reach the server. */
	log_reset(dev);
	check_fails(EINVAL, pread(fd, buf, block, block / 2));
	check_fails(EINVAL, pread(fd, buf, block / 2, 0));
	check_fails(EINVAL, pwrite(fd, buf, block + block / 2, 0));
	check_eq(dev->logged, 0);
	for (unsigned int i = 0; i < min(dev->logged, (unsigned int)LOG_SIZE); i++)
		check_eq(dev->log[i].length % block, 0);
	close(fd);
	device_down(dev);
}

CASE(buffered_io_reaches_the_store_after_fsync)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(3 * MIB);

	pattern_fill(buf, 3 * MIB, 0, 1);
	check_eq(pwrite(fd, buf, 3 * MIB, MIB), 3 * MIB);
	check_ok(fsync(fd));
	check_eq(pattern_check(dev->store + MIB, 3 * MIB, 0, 1), -1);
	/* Not aligned to anything: read, changed, written back. */
	check_eq(pwrite(fd, "dblock", 6, MIB + 1001), 6);
	drop_page_cache(fd);
	check(!memcmp(dev->store + MIB + 1001, "dblock", 6), "not written");
	memset(buf, 0, 3 * MIB);
	check_eq(pread(fd, buf, 3 * MIB, MIB), 3 * MIB);
	check(!memcmp(buf, dev->store + MIB, 3 * MIB), "read differs from the store");
	close(fd);
	device_down(dev);
}

CASE(mapped_io)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR);
	uint8_t *map;

	pattern_fill(dev->store, 4 * MIB, 0, 6);
	map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(map != MAP_FAILED, "mmap: %s", errno_name(errno));
	check_eq(pattern_check(map, 4 * MIB, 0, 6), -1);
	memset(map + MIB, 0x5a, 65536);
	check_ok(msync(map, 4 * MIB, MS_SYNC));
	check(all_bytes(dev->store + MIB, 65536, 0x5a), "not written");
	munmap(map, 4 * MIB);
	close(fd);
	device_down(dev);
}

/*
 * Direct I/O from memory aligned to 512 only. Blocks then cross pages, so
 * segments are not blocks; kernels that take pieces smaller than a block make
 * them smaller still.
 */
static void in_pieces(struct device *dev, int fd, size_t unit, bool may_be_refused)
{
	uint8_t *memory = buffer_new(512 * KIB);
	struct iovec iov[16];
	size_t length = 0, at = 512;

	step("pieces of %zu bytes", unit);
	for (size_t i = 0; i < ARRAY_SIZE(iov); i++) {
		size_t piece = (i % 2 ? 1 : 3) * unit;

		iov[i] = (struct iovec){ memory + at, piece };
		pattern_fill(memory + at, piece, length, 7);
		length += piece;
		at += piece + 1024;
	}
	check_eq(length % 4096, 0);
	if (pwritev(fd, iov, ARRAY_SIZE(iov), 8192) < 0) {
		check(errno == EINVAL && may_be_refused, "pwritev: %s", errno_name(errno));
		return;
	}
	check_eq(pattern_check(dev->store + 8192, length, 0, 7), -1);
	memset(memory, 0xaa, 512 * KIB);
	check_eq(preadv(fd, iov, ARRAY_SIZE(iov), 8192), length);
	length = 0;
	for (size_t i = 0; i < ARRAY_SIZE(iov); i++) {
		uint8_t *piece = iov[i].iov_base;

		check_eq(pattern_check(piece, iov[i].iov_len, length, 7), -1);
		check(all_bytes(piece - 512, 512, 0xaa) && all_bytes(piece + iov[i].iov_len, 512, 0xaa),
		      "read beyond piece %zu", i);
		length += iov[i].iov_len;
	}
	free(memory);
}

CASE(segments_smaller_than_a_block)
{
	static const unsigned int blocks[] = { 512, 4096 };

	for (size_t b = 0; b < ARRAY_SIZE(blocks); b++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct device *dev;
		int fd;

		spec.logical_block = blocks[b];
		dev = device_up(&spec, NULL, NULL);
		fd = device_open(dev, O_RDWR | O_DIRECT);
		in_pieces(dev, fd, 512, blocks[b] > 512);
		in_pieces(dev, fd, 1536, blocks[b] > 512);
		/* Until v6.0 the memory had to be aligned to the block, too. */
		in_pieces(dev, fd, 4096, blocks[b] > 512 && !kernel_at_least(6, 0));
		in_pieces(dev, fd, 8192, blocks[b] > 512 && !kernel_at_least(6, 0));
		close(fd);
		device_down(dev);
	}
}

CASE(large_io_is_split_at_max_io)
{
	static const unsigned int sizes[] = { 4096, 12288, 65536, 4608 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct dblock_create spec = spec_of(8 * MIB);
		struct device *dev;
		uint64_t total = 0;
		int fd;

		spec.max_io = sizes[i];
		dev = device_up(&spec, NULL, NULL);
		fd = device_open(dev, O_RDWR | O_DIRECT);
		log_reset(dev);
		round_trip(dev, fd, MIB, 4096, i);
		for (unsigned int r = 0; r < dev->logged; r++) {
			check(dev->log[r].length <= sizes[i] && dev->log[r].length,
			      "request of %llu with max_io %u",
			      (unsigned long long)dev->log[r].length, sizes[i]);
			total += dev->log[r].length;
		}
		check(total >= 2 * MIB, "%llu bytes in requests", (unsigned long long)total);
		close(fd);
		device_down(dev);
	}
}

CASE(a_request_of_16_mib)
{
	struct dblock_create spec = spec_of(64 * MIB);
	struct device *dev;
	unsigned int largest = 0;
	int fd;

	spec.max_io = 16 * MIB;
	dev = device_up(&spec, NULL, NULL);
	check(sysfs_write(dev->name, "queue/max_sectors_kb", "16384"), "max_sectors_kb");
	fd = device_open(dev, O_RDWR | O_DIRECT);
	round_trip(dev, fd, 16 * MIB, 16 * MIB, 1);
	for (unsigned int r = 0; r < dev->logged; r++)
		if (dev->log[r].length > largest)
			largest = dev->log[r].length;
	note("largest request %u KiB", largest / 1024);
	close(fd);
	device_down(dev);
}

/* ---- random, against a model ---- */

static void random_io(struct device *dev, unsigned int workers, unsigned int rounds)
{
	load_stop(load_start(dev, workers, rounds));
}

CASE(random_io_one_thread_one_request_at_a_time)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);

	server_start(dev, -1, 0, 1, NULL, NULL);
	device_start(dev);
	random_io(dev, 4, 120);
	device_down(dev);
}

CASE(random_io_one_thread_in_batches)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	spec.logical_block = 4096;
	dev = device_create(&spec);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 32, NULL, NULL);
	device_start(dev);
	random_io(dev, 8, 100);
	note("largest batch %u", dev->servers[0]->largest_batch);
	device_down(dev);
}

CASE(random_io_several_threads_on_one_queue)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev = device_create(&spec);
	unsigned int busy = 0;

	for (int i = 0; i < 4; i++)
		server_start(dev, -1, 0, 1 + 3 * (i % 2), NULL, NULL);
	device_start(dev);
	random_io(dev, 8, 100);
	for (int i = 0; i < 4; i++)
		busy += dev->servers[i]->requests > 0;
	note("%u of 4 server threads had work", busy);
	device_down(dev);
}

CASE(random_io_several_queues_with_a_thread_each)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	spec.queues = 4;
	spec.depth = 8;
	dev = device_create(&spec);
	for (uint32_t q = 0; q < dev->spec.queues; q++)
		server_start(dev, -1, q, 8, NULL, NULL);
	device_start(dev);
	random_io(dev, 8, 100);
	for (unsigned int r = 0; r < min(dev->logged, (unsigned int)LOG_SIZE); r++)
		check(dev->log[r].queue < dev->spec.queues, "queue %u", dev->log[r].queue);
	device_down(dev);
}

CASE(random_io_session_and_block_device_and_mixed_queues)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;
	int serving;

	spec.queues = 2;
	dev = device_create(&spec);
	server_start(dev, -1, 0, 4, NULL, NULL);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	device_start(dev);
	serving = device_open(dev, O_RDWR);
	server_start(dev, serving, DBLOCK_QUEUE_ANY, 2, NULL, NULL);
	random_io(dev, 8, 100);
	device_down(dev);
	close(serving);
}

CASE(random_io_depth_one)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;

	spec.depth = 1;
	dev = device_up(&spec, NULL, NULL);
	random_io(dev, 8, 60);
	check_eq(dev->servers[0]->largest_batch, 1);
	device_down(dev);
}

/* ---- depth ---- */

#define DEPTH	8

/* All of a queue's requests are in the hands of one thread at once, answered backwards. */
CASE(one_thread_holds_several_requests)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_request rqs[DEPTH];
	struct dblock_answer answers[DEPTH];
	struct dblock_serve serve;
	struct io *ios[DEPTH];
	unsigned int n = 0;
	int fd;

	spec.depth = DEPTH;
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	hand = hand_of(dev);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	pattern_fill(dev->store, MIB, 0, 3);
	for (int i = 0; i < DEPTH; i++)
		ios[i] = io_start(IO_READ, fd, buffer_new(4096), 4096, i * 65536);
	while (n < DEPTH) {
		step("waiting for request %u of %u", n, DEPTH);
		n += check_ok(fetch(&hand, rqs + n, DEPTH - n, 10000));
	}
	for (int i = 0; i < DEPTH; i++) {
		const struct dblock_request *rq = &rqs[DEPTH - 1 - i];

		check_eq(rq->op, DBLOCK_OP_READ);
		for (int j = 0; j < i; j++)
			check(answers[j].cookie != rq->cookie, "cookie %#llx twice",
			      (unsigned long long)rq->cookie);
		answers[i] = answer_of(rq, dev->store + rq->sector * 512);
	}
	serve = serve_call(&hand, NULL, 0, 0);
	serve.answers = (uintptr_t)answers;
	serve.nr_answers = DEPTH;
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, DEPTH);
	for (int i = 0; i < DEPTH; i++) {
		uint8_t *buf = ios[i]->buf;

		check_eq(io_finish(ios[i], 10), 4096);
		check_eq(pattern_check(buf, 4096, i * 65536, 3), -1);
	}
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(data_of_a_batch_of_writes_lie_in_its_buffer)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_request rqs[3];
	struct io *ios[3];
	unsigned int n = 0, got;
	int fd;

	spec.max_io = 4096;
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	hand = hand_of(dev);	/* room for two */
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int i = 0; i < 3; i++) {
		uint8_t *buf = buffer_new(4096);
		struct dblock_info info;

		pattern_fill(buf, 4096, i * 65536, 5);
		ios[i] = io_start(IO_WRITE, fd, buf, 4096, i * 65536);
		check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.pending == (unsigned int)i + 1,
			   "write %d to be pending", i);
	}
	got = check_ok(fetch(&hand, rqs, 3, 10000));
	check_eq(got, 2);
	while (got) {
		for (unsigned int i = 0; i < got; i++) {
			const uint8_t *data = (uint8_t *)(uintptr_t)rqs[i].data;

			check(data >= hand.buffer && data + rqs[i].length <= hand.buffer + hand.buffer_size,
			      "data outside of the buffer");
			check_eq(pattern_check(data, rqs[i].length, rqs[i].sector * 512, 5), -1);
			answer_well(dev, &hand, &rqs[i]);
		}
		n += got;
		got = n < 3 ? check_ok(fetch(&hand, rqs, 3, 10000)) : 0;
	}
	for (int i = 0; i < 3; i++)
		check_eq(io_finish(ios[i], 10), 4096);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(a_server_of_one_queue_gets_only_its_requests)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	int fd;

	spec.queues = 2;
	dev = device_create(&spec);
	if (dev->spec.queues < 2)
		skip("one CPU");
	server_start(dev, -1, 0, 4, NULL, NULL);
	server_start(dev, -1, 1, 4, NULL, NULL);
	device_start(dev);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int cpu = 0; cpu < 2; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			skip("no CPU %d", cpu);
		for (int i = 0; i < 8; i++)
			check_eq(pread(fd, buf, 4096, i * 4096), 4096);
	}
	check(dev->servers[0]->requests >= 8 && dev->servers[1]->requests >= 8, "%u and %u requests",
	      dev->servers[0]->requests, dev->servers[1]->requests);
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "direct_io_with_blocks_of_512", direct_io, &block_512, 0 },
		{ "direct_io_with_blocks_of_1024", direct_io, &block_1024, 0 },
		{ "direct_io_with_blocks_of_4096", direct_io, &block_4096, 0 },
		TEST(buffered_io_reaches_the_store_after_fsync),
		TEST(mapped_io),
		TEST(segments_smaller_than_a_block),
		TEST(large_io_is_split_at_max_io),
		TEST(a_request_of_16_mib),
		TEST(random_io_one_thread_one_request_at_a_time),
		TEST(random_io_one_thread_in_batches),
		TEST(random_io_several_threads_on_one_queue),
		TEST(random_io_several_queues_with_a_thread_each),
		TEST(random_io_session_and_block_device_and_mixed_queues),
		TEST(random_io_depth_one),
		TEST(one_thread_holds_several_requests),
		TEST(data_of_a_batch_of_writes_lie_in_its_buffer),
		TEST(a_server_of_one_queue_gets_only_its_requests),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
