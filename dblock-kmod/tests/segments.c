// SPDX-License-Identifier: GPL-2.0-only
/* Answers to reads whose data are in several places: DBLOCK_ANS_SEGMENTS. */
#include "harness.h"

#include <sys/mman.h>

#define AT	(64 * KIB)	/* where the cases read and write; udev does not */
#define SECTOR	(AT / 512)
#define LENGTH	65536
#define SALT	5

/* A started device that the case serves by hand, one read or write of LENGTH bytes under way. */
struct scene {
	struct device *dev;
	struct hand hand;
	int fd;
	uint8_t *buf;
	struct io *io;
	struct dblock_request rq;
	struct dblock_segment segments[LENGTH / 512];
	uint32_t count;
};

static void stage(struct scene *s, enum io_kind kind)
{
	struct dblock_create spec = spec_of(4 * MIB);

	memset(s, 0, sizeof(*s));
	s->dev = device_create(&spec);
	s->hand = hand_of(s->dev);
	pattern_fill(s->dev->store, 4 * MIB, 0, SALT);
	check_ok(ctl_start(s->dev->session, s->dev->id));
	check_wait(10, node_exists(s->dev->name), "waiting for %s", s->dev->path);
	s->fd = device_open(s->dev, O_RDWR | O_DIRECT);
	s->buf = buffer_new(LENGTH);
	memset(s->buf, 0xcc, LENGTH);
	s->io = io_start(kind, s->fd, s->buf, LENGTH, AT);
	s->rq = fetch_one(s->dev, &s->hand, kind == IO_READ ? DBLOCK_OP_READ : DBLOCK_OP_WRITE, SECTOR);
	check_eq(s->rq.length, LENGTH);
}

static void unstage(struct scene *s)
{
	close(s->fd);
	check_ok(ctl_destroy_patiently(s->dev->session, s->dev->id));
}

static void add(struct scene *s, const void *data, uint64_t length)
{
	check(s->count < ARRAY_SIZE(s->segments), "too many segments");
	s->segments[s->count++] = (struct dblock_segment){ (uintptr_t)data, length };
}

/* From here on the segments are of another answer. */
static void clear(struct scene *s)
{
	s->count = 0;
}

/* The answer with all segments. */
static struct dblock_answer answer_with(const struct scene *s, uint64_t length)
{
	return (struct dblock_answer){
		.cookie = s->rq.cookie,
		.data = (uintptr_t)s->segments,
		.length = length,
		.flags = DBLOCK_ANS_SEGMENTS,
		.segments = s->count,
	};
}

static void give(struct scene *s, struct dblock_answer answer)
{
	check_ok(answer_now(&s->hand, &answer));
	clear(s);
}

static void refused(struct scene *s, int error, struct dblock_answer answer)
{
	check_fails(error, answer_now(&s->hand, &answer));
}

/* Whatever was tried: the request can still be answered. */
static void finish(struct scene *s)
{
	struct dblock_answer good = answer_of(&s->rq, s->dev->store + AT);

	check(!s->io->done, "the I/O is done already");
	check_ok(answer_now(&s->hand, &good));
	check_eq(io_finish(s->io, 10), LENGTH);
	if (s->rq.op == DBLOCK_OP_READ)
		check_eq(pattern_check(s->buf, LENGTH, AT, SALT), -1);
	unstage(s);
}

/* Pieces of the store in memory of their own, the last first, so that none is where its neighbour ends. */
static void scatter(struct scene *s, uint64_t from, uint64_t length, const unsigned int *sizes, size_t nr_sizes)
{
	uint8_t *to = buffer_new(2 * LENGTH) + 2 * LENGTH;

	for (uint64_t done = 0; done < length; ) {
		uint64_t n = sizes[s->count % nr_sizes];

		n = n < length - done ? n : length - done;
		to -= n;
		memcpy(to, s->dev->store + AT + from + done, n);
		add(s, to, n);
		done += n;
	}
}

CASE(segments_are_put_together)
{
	static const unsigned int sizes[][4] = {
		{ 512, 512, 512, 512 }, { 4096, 4096, 4096, 4096 }, { LENGTH, LENGTH, LENGTH, LENGTH },
		{ 512, 7680, 1024, 12288 }, { 4095, 4097, 1535, 8191 }, { 32768, 1023, 3000, 5 * 4096 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct scene s;

		stage(&s, IO_READ);
		step("segments of %u, %u, ... bytes", sizes[i][0], sizes[i][1]);
		scatter(&s, 0, LENGTH, sizes[i], ARRAY_SIZE(sizes[i]));
		give(&s, answer_with(&s, LENGTH));
		check_eq(io_finish(s.io, 10), LENGTH);
		check_eq(pattern_check(s.buf, LENGTH, AT, SALT), -1);
		unstage(&s);
	}
}

CASE(segments_without_an_address_are_zeros)
{
	struct scene s;

	stage(&s, IO_READ);
	add(&s, NULL, 4096 + 512);
	add(&s, s.dev->store + AT + 4608, 16384);
	add(&s, NULL, 20000);
	add(&s, s.dev->store + AT + 40992, LENGTH - 40992);
	give(&s, answer_with(&s, LENGTH));
	check_eq(io_finish(s.io, 10), LENGTH);
	check(all_bytes(s.buf, 4608, 0), "the first is not zeros");
	check(!memcmp(s.buf + 4608, s.dev->store + AT + 4608, 16384), "the second is wrong");
	check(all_bytes(s.buf + 20992, 20000, 0), "the third is not zeros");
	check(!memcmp(s.buf + 40992, s.dev->store + AT + 40992, LENGTH - 40992), "the last is wrong");
	unstage(&s);
}

CASE(parts_can_be_segments)
{
	static const unsigned int sizes[] = { 512, 4096, 1536 };
	struct dblock_answer answer;
	struct scene s;

	stage(&s, IO_READ);
	for (uint64_t done = 0; done < LENGTH; done += 16384) {
		scatter(&s, done, 16384, sizes, ARRAY_SIZE(sizes));
		answer = answer_with(&s, 16384);
		if (done + 16384 < LENGTH)
			answer.flags |= DBLOCK_ANS_MORE;
		give(&s, answer);
	}
	check_eq(io_finish(s.io, 10), LENGTH);
	check_eq(pattern_check(s.buf, LENGTH, AT, SALT), -1);
	unstage(&s);
}

/* What succeeds of a read that fails in its middle can be segments, too. */
CASE(beginning_of_a_failed_read_can_be_segments)
{
	static const unsigned int sizes[] = { 1536, 2560 };
	struct dblock_answer answer;
	struct scene s;

	stage(&s, IO_READ);
	scatter(&s, 0, 8192, sizes, ARRAY_SIZE(sizes));
	answer = answer_with(&s, 8192);
	answer.result = -EIO;
	give(&s, answer);
	check_eq(io_finish(s.io, 10), -EIO);
	unstage(&s);
}

CASE(segments_are_validated)
{
	struct dblock_answer good, answer;
	struct scene s;

#define REFUSED(error, ...) do {						\
	struct dblock_answer changed = good;					\
										\
	step("%s", #__VA_ARGS__);						\
	answer = changed;							\
	__VA_ARGS__;								\
	refused(&s, error, answer);						\
} while (0)

	stage(&s, IO_READ);
	add(&s, s.dev->store + AT, 4096);
	add(&s, s.dev->store + AT + 4096, LENGTH - 4096);
	good = answer_with(&s, LENGTH);

	REFUSED(EINVAL, answer.segments = 0);
	REFUSED(EINVAL, answer.flags = 0);
	REFUSED(EINVAL, answer.segments = DBLOCK_MAX_SEGMENTS + 1);
	REFUSED(EINVAL, answer.segments = UINT32_MAX);
	REFUSED(EINVAL, answer.reserved0 = 1);
	REFUSED(EINVAL, answer.reserved1 = 1);
	REFUSED(EBADMSG, answer.flags |= DBLOCK_ANS_ZEROES);
	REFUSED(EBADMSG, answer.segments = 1);
	REFUSED(EBADMSG, (answer.length = 4096, answer.flags |= DBLOCK_ANS_MORE, answer.result = -EIO));
	REFUSED(EBADMSG, (answer.length = 4096, answer.flags |= DBLOCK_ANS_MORE));
	REFUSED(EBADMSG, (answer.length = 0, answer.result = -EIO));
	s.segments[2].length = 0;
	REFUSED(EBADMSG, answer.segments = 3);
	s.segments[2] = s.segments[0];
	REFUSED(EBADMSG, answer.segments = 3);

	s.segments[1].length = LENGTH - 4096 - 1;
	REFUSED(EBADMSG, (void)0);
	s.segments[1].length = LENGTH - 4096 + 1;
	REFUSED(EBADMSG, (void)0);
	s.segments[1].length = 0;
	REFUSED(EBADMSG, (void)0);
	s.segments[1].length = -1ULL;
	REFUSED(EFAULT, (void)0);
	s.segments[1].length = LENGTH - 4096;
	s.segments[0].length = 0;
	REFUSED(EBADMSG, (void)0);
	finish(&s);
#undef REFUSED
}

CASE(only_reads_have_segments)
{
	struct scene s;

	stage(&s, IO_WRITE);
	add(&s, s.dev->store + AT, LENGTH);
	refused(&s, EBADMSG, answer_with(&s, LENGTH));
	finish(&s);
}

CASE(bad_addresses_are_efault_and_can_be_mended)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t addresses[] = {
		1, (uintptr_t)map + 4096 - 64, (uintptr_t)map + 4096, 0x7ffffffff000, 1ULL << 63,
		0xffff888000000000, -1ULL, -8192ULL,
	};
	struct dblock_segment *split = (void *)(map + 4096 - sizeof(*split));
	struct dblock_answer answer;
	struct scene s;

	check_ok(munmap(map + 4096, 4096));
	stage(&s, IO_READ);
	add(&s, s.dev->store + AT, 32768);
	add(&s, NULL, LENGTH - 32768);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		step("data at %#llx", (unsigned long long)addresses[i]);
		s.segments[1].data = addresses[i];
		refused(&s, EFAULT, answer_with(&s, LENGTH));
	}
	s.segments[1].data = (uintptr_t)s.dev->store + AT + 32768;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		step("segments at %#llx", (unsigned long long)addresses[i]);
		answer = answer_with(&s, LENGTH);
		answer.data = addresses[i] & -8ULL;
		answer.segments = 64;
		refused(&s, EFAULT, answer);
	}
	step("segments that end where no memory is");
	*split = s.segments[0];
	answer = answer_with(&s, LENGTH);
	answer.data = (uintptr_t)split;
	refused(&s, EFAULT, answer);
	finish(&s);
}

/* Of a file, so that each page has to be faulted in, the segments' own page first. */
CASE(segments_are_faulted_in)
{
	int fd = memfd_create("segments", MFD_CLOEXEC);
	struct dblock_answer answer;
	uint8_t *file, *map;
	struct scene s;

	check(fd >= 0, "memfd_create: %s", errno_name(errno));
	check_ok(ftruncate(fd, 3 * LENGTH));
	stage(&s, IO_READ);
	file = mmap(NULL, 3 * LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map = mmap(NULL, 3 * LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	check(file != MAP_FAILED && map != MAP_FAILED, "mmap: %s", errno_name(errno));
	for (unsigned int i = 0; i < LENGTH / 4096; i++) {
		/* Every second page, and never aligned. */
		uint64_t at = 4096 + i * 8192 + 100;

		memcpy(file + at, s.dev->store + AT + i * 4096, 4096);
		add(&s, map + at, 4096);
	}
	memcpy(file + 8, s.segments, s.count * sizeof(*s.segments));
	answer = answer_with(&s, LENGTH);
	answer.data = (uintptr_t)map + 8;
	give(&s, answer);
	check_eq(io_finish(s.io, 10), LENGTH);
	check_eq(pattern_check(s.buf, LENGTH, AT, SALT), -1);
	close(fd);
	unstage(&s);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(segments_are_put_together),
		TEST(segments_without_an_address_are_zeros),
		TEST(parts_can_be_segments),
		TEST(beginning_of_a_failed_read_can_be_segments),
		TEST(segments_are_validated),
		TEST(only_reads_have_segments),
		TEST(bad_addresses_are_efault_and_can_be_mended),
		TEST(segments_are_faulted_in),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
