// SPDX-License-Identifier: GPL-2.0-only
/* Discard and write-zeroes: how they arrive, their limits, and the page cache. */
#include "harness.h"

#include <linux/falloc.h>
#include <linux/fs.h>

#define GRANULARITY	16384u

static struct device *capable(uint64_t max_discard, uint64_t max_write_zeroes)
{
	struct dblock_create spec = spec_of(16 * MIB);

	spec.discard_granularity = max_discard ? GRANULARITY : 0;
	spec.max_discard = max_discard;
	spec.max_write_zeroes = max_write_zeroes;
	return device_up(&spec, NULL, NULL);
}

static int range_ioctl(int fd, unsigned long call, uint64_t start, uint64_t length)
{
	uint64_t range[2] = { start, length };

	return ioctl(fd, call, range);
}

/* The logged requests of the operation are [start, start + length), none over the maximum. */
static void check_covered(struct device *dev, int op, uint64_t start, uint64_t length, uint64_t max)
{
	const struct dblock_request *rq;
	uint64_t at = start;

	/* They have no order. */
	while (at < start + length) {
		unsigned int i = 0;

		while ((rq = log_find(dev, op, i)) && rq->sector * 512 != at)
			i++;
		check(rq, "nothing for byte %llu of %llu to %llu", (unsigned long long)at,
		      (unsigned long long)start, (unsigned long long)(start + length));
		check(rq->length && rq->length <= max, "%llu bytes, at most %llu",
		      (unsigned long long)rq->length, (unsigned long long)max);
		check_eq(rq->data, 0);
		at += rq->length;
	}
	check_eq(at, start + length);
}

CASE(discard_arrives)
{
	struct device *dev = capable(MIB, 0);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	memset(dev->store, 0x77, dev->spec.size);
	log_reset(dev);
	check_ok(range_ioctl(fd, BLKDISCARD, MIB, 65536));
	check_covered(dev, DBLOCK_OP_DISCARD, MIB, 65536, MIB);
	check(all_bytes(dev->store + MIB, 65536, 0), "not discarded");
	check(all_bytes(dev->store + MIB - 4096, 4096, 0x77) &&
	      all_bytes(dev->store + MIB + 65536, 4096, 0x77), "more than asked for");
	check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 0);
	close(fd);
	device_down(dev);
}

CASE(large_discard_is_split_at_the_maximum_and_at_the_granularity)
{
	struct device *dev = capable(10 * GRANULARITY, 0);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	const struct dblock_request *rq;

	log_reset(dev);
	check_ok(range_ioctl(fd, BLKDISCARD, 4096, 4 * MIB));
	check_covered(dev, DBLOCK_OP_DISCARD, 4096, 4 * MIB, 10 * GRANULARITY);
	for (unsigned int i = 0; (rq = log_find(dev, DBLOCK_OP_DISCARD, i)); i++)
		check(rq->sector == 8 || rq->sector * 512 % GRANULARITY == 0, "split at sector %llu",
		      (unsigned long long)rq->sector);
	close(fd);
	device_down(dev);
}

CASE(whole_device_is_discarded)
{
	struct device *dev = capable(1ULL << 40, 0);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	log_reset(dev);
	check_ok(range_ioctl(fd, BLKDISCARD, 0, 16 * MIB));
	check_covered(dev, DBLOCK_OP_DISCARD, 0, 16 * MIB, 16 * MIB);
	close(fd);
	device_down(dev);
}

CASE(discard_outside_or_unaligned_is_refused)
{
	struct device *dev = capable(MIB, MIB);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	log_reset(dev);
	check_fails(EINVAL, range_ioctl(fd, BLKDISCARD, 100, 4096));
	check_fails(EINVAL, range_ioctl(fd, BLKDISCARD, 0, 100));
	check_fails(EINVAL, range_ioctl(fd, BLKDISCARD, 16 * MIB, 4096));
	check_fails(EINVAL, range_ioctl(fd, BLKDISCARD, 15 * MIB, 2 * MIB));
	check_fails(EINVAL, range_ioctl(fd, BLKZEROOUT, 16 * MIB, 4096));
	check_eq(dev->logged, 0);
	close(fd);
	device_down(dev);
}

CASE(discard_not_announced_is_refused)
{
	struct device *dev = capable(0, 0);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	log_reset(dev);
	check_fails(EOPNOTSUPP, range_ioctl(fd, BLKDISCARD, 0, MIB));
	check_eq(dev->logged, 0);
	close(fd);
	device_down(dev);
}

CASE(zeroout_arrives_and_keeps_the_space)
{
	struct device *dev = capable(MIB, MIB);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	memset(dev->store, 0x77, dev->spec.size);
	log_reset(dev);
	check_ok(range_ioctl(fd, BLKZEROOUT, MIB, 3 * MIB + 512));
	check_covered(dev, DBLOCK_OP_WRITE_ZEROES, MIB, 3 * MIB + 512, MIB);
	check_eq(log_count(dev, DBLOCK_OP_WRITE_ZEROES, DBLOCK_REQ_NOUNMAP),
		 log_count(dev, DBLOCK_OP_WRITE_ZEROES, 0));
	check(all_bytes(dev->store + MIB, 3 * MIB + 512, 0), "not zero");
	check(all_bytes(dev->store + 4 * MIB + 512, 4096, 0x77), "more than asked for");
	close(fd);
	device_down(dev);
}

CASE(zeroout_without_support_writes_zeros)
{
	struct device *dev = capable(0, 0);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	memset(dev->store, 0x77, dev->spec.size);
	log_reset(dev);
	check_ok(range_ioctl(fd, BLKZEROOUT, MIB, 2 * MIB));
	check_eq(log_count(dev, DBLOCK_OP_WRITE_ZEROES, 0), 0);
	check(log_count(dev, DBLOCK_OP_WRITE, 0) > 0, "nothing written");
	check(all_bytes(dev->store + MIB, 2 * MIB, 0), "not zero");
	check(all_bytes(dev->store + 3 * MIB, 4096, 0x77), "more than asked for");
	close(fd);
	device_down(dev);
}

CASE(fallocate_says_whether_space_may_be_given_back)
{
	struct device *dev = capable(MIB, MIB);
	int fd = device_open(dev, O_RDWR);

	memset(dev->store, 0x77, dev->spec.size);
	log_reset(dev);
	check_ok(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, MIB, 65536));
	check_covered(dev, DBLOCK_OP_WRITE_ZEROES, MIB, 65536, MIB);
	check_eq(log_count(dev, DBLOCK_OP_WRITE_ZEROES, DBLOCK_REQ_NOUNMAP), 1);
	log_reset(dev);
	check_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * MIB, 65536));
	check_covered(dev, DBLOCK_OP_WRITE_ZEROES, 2 * MIB, 65536, MIB);
	check_eq(log_count(dev, DBLOCK_OP_WRITE_ZEROES, DBLOCK_REQ_NOUNMAP), 0);
	check(all_bytes(dev->store + MIB, 65536, 0) && all_bytes(dev->store + 2 * MIB, 65536, 0), "not zero");
	close(fd);
	device_down(dev);
}

CASE(punching_a_hole_without_support_is_refused)
{
	struct device *dev = capable(0, 0);
	int fd = device_open(dev, O_RDWR);

	memset(dev->store, 0x77, dev->spec.size);
	check_fails(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB, 65536));
	check(all_bytes(dev->store, dev->spec.size, 0x77), "something was written");
	close(fd);
	device_down(dev);
}

static void page_cache_is_coherent(const void *arg)
{
	unsigned long call = *(const unsigned long *)arg;
	struct device *dev = capable(16 * MIB, 16 * MIB);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(MIB);

	memset(dev->store, 0x77, dev->spec.size);
	/* Clean pages, and dirty ones: both must go. */
	check_eq(pread(fd, buf, MIB, 0), MIB);
	memset(buf, 0x55, MIB);
	check_eq(pwrite(fd, buf, 65536, 65536), 65536);
	check_ok(range_ioctl(fd, call, 0, 512 * KIB));
	check_eq(pread(fd, buf, MIB, 0), MIB);
	check(all_bytes(buf, 512 * KIB, 0), "stale pages are read");
	check(all_bytes(buf + 512 * KIB, 512 * KIB, 0x77), "too much is gone");
	/* And are not written back over it later. */
	check_ok(fsync(fd));
	check(all_bytes(dev->store, 512 * KIB, 0), "stale pages were written back");
	close(fd);
	device_down(dev);
}

static bool refuse(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	memory_apply(server->dev, rq, answer);
	if (rq->op == DBLOCK_OP_DISCARD || rq->op == DBLOCK_OP_WRITE_ZEROES) {
		answer->result = *(int *)server->arg;
		answer->length = 0;
	}
	return true;
}

CASE(errors_of_discard_and_zeroes_arrive)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	int fd, error = -EIO;

	spec.max_discard = spec.max_write_zeroes = MIB;
	dev = device_up(&spec, refuse, &error);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	check_fails(EIO, range_ioctl(fd, BLKDISCARD, 0, 65536));
	/* BLKZEROOUT of older kernels writes zeros instead, whatever the error. */
	check_fails(EIO, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536));
	error = -ENOSPC;
	check_fails(ENOSPC, range_ioctl(fd, BLKDISCARD, 0, 65536));
	close(fd);
	device_down(dev);
}

/* A server that cannot do it after all: the block layer writes zeros instead. */
CASE(zeroout_refused_as_unsupported_falls_back_to_writes)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	int fd, error = -EOPNOTSUPP;

	spec.max_write_zeroes = MIB;
	dev = device_up(&spec, refuse, &error);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	log_reset(dev);
	check_ok(range_ioctl(fd, BLKZEROOUT, 0, 65536));
	check(log_count(dev, DBLOCK_OP_WRITE_ZEROES, 0) > 0, "was not tried");
	check(log_count(dev, DBLOCK_OP_WRITE, 0) > 0, "no writes");
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const unsigned long discard = BLKDISCARD, zeroout = BLKZEROOUT;
	static const struct test tests[] = {
		TEST(discard_arrives),
		TEST(large_discard_is_split_at_the_maximum_and_at_the_granularity),
		TEST(whole_device_is_discarded),
		TEST(discard_outside_or_unaligned_is_refused),
		TEST(discard_not_announced_is_refused),
		TEST(zeroout_arrives_and_keeps_the_space),
		TEST(zeroout_without_support_writes_zeros),
		TEST(fallocate_says_whether_space_may_be_given_back),
		TEST(punching_a_hole_without_support_is_refused),
		{ "page_cache_is_coherent_after_discard", page_cache_is_coherent, &discard, 0 },
		{ "page_cache_is_coherent_after_zeroout", page_cache_is_coherent, &zeroout, 0 },
		TEST(errors_of_discard_and_zeroes_arrive),
		TEST(zeroout_refused_as_unsupported_falls_back_to_writes),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
