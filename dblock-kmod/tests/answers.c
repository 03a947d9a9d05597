// SPDX-License-Identifier: GPL-2.0-only
/* Answers and fetches that are wrong, late, twice, forged or cut short. */
#include "harness.h"

#include <sys/mman.h>

#define AT	(64 * KIB)	/* where the cases read and write; udev does not */
#define SECTOR	(AT / 512)

/* A started device that the case serves by hand, one read of 8 KiB under way. */
struct scene {
	struct device *dev;
	struct hand hand;
	int fd;
	uint8_t *buf;
	struct io *io;
	struct dblock_request rq;
	struct dblock_answer good;
};

static void stage(struct scene *s, enum io_kind kind, uint32_t timeout_ms)
{
	struct dblock_create spec = spec_of(4 * MIB);

	spec.max_io = 65536;
	spec.timeout_ms = timeout_ms;
	memset(s, 0, sizeof(*s));
	s->dev = device_create(&spec);
	s->hand = hand_of(s->dev);
	pattern_fill(s->dev->store, 4 * MIB, 0, 1);
	check_ok(ctl_start(s->dev->session, s->dev->id));
	check_wait(10, node_exists(s->dev->name), "waiting for %s", s->dev->path);
	s->fd = device_open(s->dev, O_RDWR | O_DIRECT);
	s->buf = buffer_new(8192);
	memset(s->buf, 0xcc, 8192);
	s->io = io_start(kind, s->fd, s->buf, 8192, AT);
	s->rq = fetch_one(s->dev, &s->hand, kind == IO_READ ? DBLOCK_OP_READ : DBLOCK_OP_WRITE, SECTOR);
	check_eq(s->rq.length, 8192);
	s->good = answer_of(&s->rq, s->dev->store + AT);
}

/* Whatever was tried: the request can still be answered, and is read as answered. */
static void finish(struct scene *s)
{
	check(!s->io->done, "the I/O is done already");
	check_ok(answer_now(&s->hand, &s->good));
	check_eq(io_finish(s->io, 10), 8192);
	if (s->rq.op == DBLOCK_OP_READ)
		check_eq(pattern_check(s->buf, 8192, AT, 1), -1);
	close(s->fd);
	check_ok(ctl_destroy_patiently(s->dev->session, s->dev->id));
}

static void refused(struct scene *s, int error, struct dblock_answer answer)
{
	check_fails(error, answer_now(&s->hand, &answer));
}

CASE(length_must_be_the_requests_own)
{
	static const uint64_t lengths[] = {
		0, 1, 512, 4096, 7680, 8191, 8193, 8704, 65536, 1ULL << 32, (1ULL << 32) + 8192, -1ULL, -8192ULL,
	};
	struct scene s;

	stage(&s, IO_READ, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct dblock_answer answer = s.good;

		answer.length = lengths[i];
		step("length %llu", (unsigned long long)lengths[i]);
		refused(&s, EBADMSG, answer);
	}
	check(all_bytes(s.buf, 8192, 0xcc), "a refused answer reached the reader");
	finish(&s);
}

CASE(length_with_an_error_must_be_whole_blocks_and_less)
{
	static const uint64_t lengths[] = { 1, 511, 513, 8191, 8192, 8704, 1ULL << 32, -512ULL, -1ULL };
	struct scene s;

	stage(&s, IO_READ, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct dblock_answer answer = s.good;

		answer.length = lengths[i];
		answer.result = -EIO;
		step("length %llu", (unsigned long long)lengths[i]);
		refused(&s, EBADMSG, answer);
	}
	finish(&s);
}

CASE(result_must_be_zero_or_a_negative_errno)
{
	static const int results[] = { 1, EIO, 8192, INT32_MAX, -4096, -100000, INT32_MIN };
	struct scene s;

	stage(&s, IO_WRITE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct dblock_answer answer = s.good;

		step("result %d", results[i]);
		answer.result = results[i];
		refused(&s, EBADMSG, answer);
		answer.length = 0;
		refused(&s, EBADMSG, answer);
	}
	finish(&s);
}

CASE(unknown_flags_and_reserved_members_are_refused)
{
	struct scene s;

	stage(&s, IO_READ, 0);
	for (int bit = 1; bit < 32; bit++) {
		struct dblock_answer answer = s.good;

		answer.flags = 1u << bit;
		check(answer_now(&s.hand, &answer) == -1 && (errno == EINVAL || errno == EBADMSG),
		      "flag %d: %s", bit, errno_name(errno));
	}
	for (int i = 0; i < 2; i++) {
		struct dblock_answer answer = s.good;

		if (i)
			answer.reserved1 = 1ULL << 63;
		else
			answer.reserved0 = 1;
		refused(&s, EINVAL, answer);
	}
	finish(&s);
}

CASE(bad_data_address_is_efault_and_can_be_mended)
{
	struct scene s;
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t addresses[] = {
		0, 1, 4096, (uintptr_t)map + 4096 - 512, 0x7fffffffe000, 0x7ffffffff000, 1ULL << 63,
		0xffff888000000000, 0xffffffff81000000, -1ULL, -8192ULL,
	};

	check_ok(munmap(map + 4096, 4096));
	stage(&s, IO_READ, 0);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct dblock_answer answer = s.good;

		answer.data = addresses[i];
		step("address %#llx", (unsigned long long)addresses[i]);
		refused(&s, EFAULT, answer);
	}
	finish(&s);
}

CASE(unreadable_answers_are_efault)
{
	struct scene s;
	struct dblock_answer *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dblock_serve serve;

	check_ok(munmap((uint8_t *)page + 4096, 4096));
	stage(&s, IO_READ, 0);
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.nr_answers = 1;
	for (int i = 0; i < 3; i++) {
		serve.answers = i == 0 ? 0 : i == 1 ? -4096ULL : (uintptr_t)page + 4096 - 24;
		check_fails(EFAULT, ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
		check_eq(serve.consumed, 0);
	}
	finish(&s);
}

/* Eight are copied at a time. */
CASE(answers_before_an_unreadable_one_are_taken)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dblock_answer *last = (void *)(map + 4096 - sizeof(*last));
	struct dblock_serve serve;
	struct scene s;

	check_ok(munmap(map + 4096, 4096));
	stage(&s, IO_READ, 0);
	*last = s.good;
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.nr_answers = 2;
	serve.answers = (uintptr_t)last;
	check_fails(EFAULT, ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 1);
	check_eq(io_finish(s.io, 10), 8192);
	check_eq(pattern_check(s.buf, 8192, AT, 1), -1);
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(second_answer_is_estale)
{
	struct scene s;

	stage(&s, IO_READ, 0);
	check_ok(answer_now(&s.hand, &s.good));
	check_eq(io_finish(s.io, 10), 8192);
	refused(&s, ESTALE, s.good);
	s.good.result = -EIO;
	s.good.length = 0;
	refused(&s, ESTALE, s.good);
	/* Nor does it hit whoever uses the tag now. */
	for (int i = 0; i < 5; i++) {
		struct io *io = io_start(IO_READ, s.fd, s.buf, 8192, AT);
		struct dblock_request rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, SECTOR);

		check(rq.cookie != s.rq.cookie, "cookie used twice");
		refused(&s, ESTALE, s.good);
		answer_well(s.dev, &s.hand, &rq);
		check_eq(io_finish(io, 10), 8192);
	}
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(late_answer_is_estale)
{
	struct scene s;
	double start = now();

	stage(&s, IO_READ, 300);
	check_eq(io_finish(s.io, 20), -ETIMEDOUT);
	note("timed out after %.1f s, limit 0.3 s", now() - start);
	memset(s.buf, 0xcc, 8192);
	refused(&s, ESTALE, s.good);
	check(all_bytes(s.buf, 8192, 0xcc), "a late answer was written into the reader's memory");
	/* The device goes on. */
	s.io = io_start(IO_READ, s.fd, s.buf, 8192, AT);
	s.rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, SECTOR);
	refused(&s, ESTALE, s.good);
	s.good = answer_of(&s.rq, s.dev->store + AT);
	finish(&s);
}

CASE(request_that_timed_out_in_the_queue_is_not_handed_out)
{
	struct scene s;
	struct io *io;
	struct dblock_request rq;

	stage(&s, IO_READ, 300);
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, MIB);
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	check_eq(io_finish(s.io, 20), -ETIMEDOUT);
	check_eq(fetch(&s.hand, &rq, 1, 0), 0);
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(forged_cookies_change_nothing)
{
	struct scene s;
	struct rng rng = rng_new(1);

	stage(&s, IO_READ, 0);
	for (int i = 0; i < 2000; i++) {
		struct dblock_answer answer = s.good;
		uint64_t random = rng_next(&rng);

		/* All random; then near the real one: each field off alone. */
		switch (i % 5) {
		case 0: answer.cookie = random; break;
		case 1: answer.cookie ^= 1ULL << random % 64; break;
		case 2: answer.cookie += random % 65536 + 1; break;
		case 3: answer.cookie = random % 4096; break;
		case 4: answer.cookie = s.rq.cookie & ~0xffffffffULL; answer.cookie |= random & 0xffffffff; break;
		}
		if (answer.cookie == s.rq.cookie)
			continue;
		check(answer_now(&s.hand, &answer) == -1 && (errno == ENOENT || errno == ESTALE),
		      "cookie %#llx (real one %#llx): %s", (unsigned long long)answer.cookie,
		      (unsigned long long)s.rq.cookie, errno_name(errno));
	}
	check(all_bytes(s.buf, 8192, 0xcc), "a forged answer reached the reader");
	finish(&s);
}

CASE(request_not_handed_out_yet_cannot_be_answered)
{
	struct scene s;
	struct dblock_info info;
	struct io *io;

	stage(&s, IO_READ, 0);
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, MIB);
	check_wait(10, !ctl_info(s.dev->session, s.dev->id, &info) && info.pending == 2, "the second read");
	/* Guess its cookie: every tag with every near generation. */
	for (uint64_t tag = 0; tag < 64; tag++) {
		struct dblock_answer answer = { .cookie = (s.rq.cookie & ~0xffffULL) | tag, .length = 4096,
						.data = (uintptr_t)s.dev->store };

		if (answer.cookie == s.rq.cookie)
			continue;
		check(answer_now(&s.hand, &answer) == -1 && (errno == ENOENT || errno == ESTALE),
		      "tag %llu: %s", (unsigned long long)tag, errno_name(errno));
	}
	check(!io->done, "answered before it was handed out");
	{
		struct dblock_request rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, MIB / 512);

		answer_well(s.dev, &s.hand, &rq);
		check_eq(io_finish(io, 10), 4096);
	}
	finish(&s);
}

CASE(another_devices_cookie_is_refused)
{
	struct scene a, b;
	struct dblock_answer answer;

	stage(&a, IO_READ, 0);
	stage(&b, IO_READ, 0);
	check(a.rq.cookie != b.rq.cookie, "the same cookie on two devices");
	answer = b.good;
	check(answer_now(&a.hand, &answer) == -1 && (errno == ENOENT || errno == ESTALE),
	      "%s", errno_name(errno));
	/* And a session serves its own devices only. */
	a.hand.fd = b.hand.fd;
	check_fails(ENODEV, answer_now(&a.hand, &a.good));
	a.hand.fd = a.dev->session;
	finish(&a);
	finish(&b);
}

CASE(zeroes_needs_no_data)
{
	struct scene s;
	struct dblock_answer answer;

	stage(&s, IO_READ, 0);
	answer = s.good;
	answer.flags = DBLOCK_ANS_ZEROES;
	answer.data = 0xdead;
	check_ok(answer_now(&s.hand, &answer));
	check_eq(io_finish(s.io, 10), 8192);
	check(all_bytes(s.buf, 8192, 0), "not zeros");
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(zeroes_is_for_reads_only)
{
	struct scene s;
	struct dblock_answer answer;

	stage(&s, IO_WRITE, 0);
	answer = s.good;
	answer.flags = DBLOCK_ANS_ZEROES;
	refused(&s, EBADMSG, answer);
	finish(&s);
}

/* Four reads under way; the third answer of the batch is bad. */
CASE(consumed_is_right_in_the_middle_of_a_batch)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rqs[4], spare;
	struct dblock_answer answers[4];
	struct dblock_serve serve;
	struct io *ios[4];
	unsigned int n = 0;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int i = 0; i < 4; i++)
		ios[i] = io_start(IO_READ, fd, buffer_new(4096), 4096, AT + i * 65536);
	while (n < 4)
		n += check_ok(fetch(&hand, rqs + n, 4 - n, 10000));
	for (int i = 0; i < 4; i++)
		answers[i] = answer_of(&rqs[i], dev->store);
	answers[2].length = 512;
	serve = serve_call(&hand, &spare, 1, 5000);
	serve.answers = (uintptr_t)answers;
	serve.nr_answers = 4;
	check_fails(EBADMSG, ioctl(hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 2);
	check_eq(serve.nr_requests, 0);
	check_eq(serve.state, 0);
	/* Mended, the rest is taken. */
	answers[2].length = 4096;
	serve = serve_call(&hand, NULL, 0, 0);
	serve.answers = (uintptr_t)(answers + 2);
	serve.nr_answers = 2;
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 2);
	for (int i = 0; i < 4; i++)
		check_eq(io_finish(ios[i], 10), 4096);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* ---- the call itself ---- */

CASE(calls_are_validated)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_serve serve;

#define INVALID(change)							\
	do {								\
		serve = serve_call(&hand, &rq, 1, 0);			\
		serve.consumed = serve.nr_requests = serve.state = 77;	\
		change;							\
		check_fails(EINVAL, ioctl(hand.fd, DBLOCK_SERVE, &serve));\
		check_eq(serve.consumed, 0);				\
		check_eq(serve.nr_requests, 0);				\
		check_eq(serve.state, 0);				\
	} while (0)
	INVALID(serve.flags = 1);
	INVALID(serve.flags = 1u << 31);
	INVALID(serve.result = 1);
	INVALID(serve.reserved0 = 1);
	for (size_t i = 0; i < ARRAY_SIZE(serve.reserved); i++)
		INVALID(serve.reserved[i] = 1);
	INVALID(serve.queue = dev->spec.queues);
	INVALID(serve.queue = DBLOCK_QUEUE_ANY - 1);
	INVALID(serve.max_requests = DBLOCK_MAX_BATCH + 1);
	INVALID(serve.max_requests = -1u);
	INVALID(serve.nr_answers = DBLOCK_MAX_BATCH + 1);
	INVALID(serve.nr_answers = -1u);
	INVALID(serve.buffer_size = 0);
	INVALID(serve.buffer_size = dev->spec.max_io - 1);
	INVALID(serve.buffer_size = -1ULL);
	/* With nothing to fetch no buffer is needed. */
	serve = serve_call(&hand, NULL, 0, 0);
	serve.buffer_size = 0;
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	serve = serve_call(&hand, &rq, 1, 0);
	serve.buffer_size = dev->spec.max_io;
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	serve.device = 0;
	check_fails(ENODEV, ioctl(hand.fd, DBLOCK_SERVE, &serve));
	device_down(dev);
}

CASE(bad_memory_loses_no_request)
{
	uint8_t *page = mmap(NULL, 3 * 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct dblock_request *good = (struct dblock_request *)page;
	struct scene s;
	struct hand bad;
	struct dblock_serve serve;

	stage(&s, IO_WRITE, 0);
	/* A second write waits in the queue, no thread of ours takes it. */
	{
		uint8_t *data = buffer_new(65536);
		struct io *io;
		struct dblock_info info;
		uint64_t buffers[] = { 0, 4096, 0x7fffffff0000, 1ULL << 62, 0xffff888000000000,
				       (uintptr_t)page + 65536 };

		check_ok(mprotect(page + 2 * 65536 - 4096, 65536, PROT_READ));
		pattern_fill(data, 65536, MIB, 8);
		io = io_start(IO_WRITE, s.fd, data, 65536, MIB);
		check_wait(10, !ctl_info(s.dev->session, s.dev->id, &info) && info.pending == 2, "the second write");
		for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
			step("buffer at %#llx", (unsigned long long)buffers[i]);
			bad = s.hand;
			bad.buffer = (void *)(uintptr_t)buffers[i];
			bad.buffer_size = 65536;
			serve = serve_call(&bad, good, 1, 1000);
			check_fails(EFAULT, ioctl(bad.fd, DBLOCK_SERVE, &serve));
			check_eq(serve.nr_requests, 0);
		}
		for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
			step("requests at %#llx", (unsigned long long)buffers[i]);
			serve = serve_call(&s.hand, NULL, 1, 1000);
			serve.requests = i < 5 ? buffers[i] : (uintptr_t)page + 2 * 65536 - 4096 - 32;
			check_fails(EFAULT, ioctl(bad.fd, DBLOCK_SERVE, &serve));
			check_eq(serve.nr_requests, 0);
		}
		check(!io->done, "lost");
		check_eq(fetch(&s.hand, good, 1, 5000), 1);
		check_eq(good->sector, MIB / 512);
		check_eq(pattern_check((void *)(uintptr_t)good->data, 65536, MIB, 8), -1);
		answer_well(s.dev, &s.hand, good);
		check_eq(io_finish(io, 10), 65536);
	}
	finish(&s);
}

static const uint64_t beyond_32_bits[] = { 1ULL << 32, 1ULL << 63, 0xffffffff00000000 };

/* What a 32-bit kernel would take for the memory at `low` if it looked at half of the address. */
#define BEYOND(i, low)	(beyond_32_bits[i] | (uintptr_t)(low))

CASE(data_beyond_32_bits_are_not_those_below)
{
	uint8_t *low = low_memory(8192);
	struct scene s;

	stage(&s, IO_READ, 0);
	for (size_t i = 0; i < ARRAY_SIZE(beyond_32_bits); i++) {
		struct dblock_answer answer = s.good;

		answer.data = BEYOND(i, low);
		step("data at %#llx", (unsigned long long)answer.data);
		refused(&s, EFAULT, answer);
	}
	check(all_bytes(s.buf, 8192, 0xcc), "a refused answer reached the reader");
	finish(&s);
}

CASE(answers_beyond_32_bits_are_not_those_below)
{
	struct dblock_answer *low = low_memory(4096);
	struct scene s;

	stage(&s, IO_READ, 0);
	*low = s.good;
	for (size_t i = 0; i < ARRAY_SIZE(beyond_32_bits); i++) {
		struct dblock_serve serve = serve_call(&s.hand, NULL, 0, 0);

		serve.answers = BEYOND(i, low);
		serve.nr_answers = 1;
		step("answers at %#llx", (unsigned long long)serve.answers);
		check_fails(EFAULT, ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
		check_eq(serve.consumed, 0);
	}
	finish(&s);
}

CASE(memory_beyond_32_bits_is_not_written_to_below)
{
	uint8_t *low = low_memory(2 * 65536), *data = buffer_new(65536);
	struct dblock_request *rq = (struct dblock_request *)(low + 65536);
	struct hand hand;
	struct scene s;
	struct io *io;

	stage(&s, IO_READ, 0);
	pattern_fill(data, 65536, MIB, 8);
	io = io_start(IO_WRITE, s.fd, data, 65536, MIB);
	hand = s.hand;
	hand.buffer = low;
	hand.buffer_size = 65536;
	for (size_t i = 0; i < ARRAY_SIZE(beyond_32_bits); i++) {
		struct dblock_serve serve = serve_call(&hand, rq, 1, 5000);
		struct dblock_list list = { .ids = BEYOND(i, low), .capacity = 4 };

		serve.buffer = BEYOND(i, low);
		step("buffer at %#llx", (unsigned long long)serve.buffer);
		check_fails(EFAULT, ioctl(hand.fd, DBLOCK_SERVE, &serve));
		check_eq(serve.nr_requests, 0);
		check(all_bytes(low, 2 * 65536, 0), "something was written to the memory below");
		serve = serve_call(&hand, rq, 1, 5000);
		serve.requests = BEYOND(i, rq);
		step("requests at %#llx", (unsigned long long)serve.requests);
		check_fails(EFAULT, ioctl(hand.fd, DBLOCK_SERVE, &serve));
		check_eq(serve.nr_requests, 0);
		/* The data may have been copied before that. */
		memset(low, 0, 65536);
		step("ids at %#llx", (unsigned long long)list.ids);
		check_fails(EFAULT, ioctl(hand.fd, DBLOCK_CTL_LIST, &list));
		check(all_bytes(low, 2 * 65536, 0), "something was written to the memory below");
	}
	check_eq(fetch(&hand, rq, 1, 5000), 1);
	check_eq(pattern_check(low, 65536, MIB, 8), -1);
	answer_well(s.dev, &hand, rq);
	check_eq(io_finish(io, 10), 65536);
	finish(&s);
}

/* Memory that is not there yet, or was never touched, is no bad memory. */
CASE(untouched_memory_is_faulted_in)
{
	struct scene s;
	struct hand fresh;
	struct dblock_request *rq;
	uint8_t *data = buffer_new(65536);
	struct io *io;

	stage(&s, IO_READ, 0);
	pattern_fill(data, 65536, MIB, 8);
	io = io_start(IO_WRITE, s.fd, data, 65536, MIB);
	for (int i = 0; i < 2; i++) {
		fresh = s.hand;
		fresh.buffer_size = 65536;
		fresh.buffer = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		rq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		check_eq(fetch(&fresh, rq, 1, 5000), 1);
		if (rq->sector == MIB / 512)
			break;
		answer_well(s.dev, &s.hand, rq);
	}
	check_eq(pattern_check((void *)(uintptr_t)rq->data, 65536, MIB, 8), -1);
	answer_well(s.dev, &s.hand, rq);
	check_eq(io_finish(io, 10), 65536);
	/* A read answered from memory that was never touched: zeros. */
	s.good.data = (uintptr_t)mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check_ok(answer_now(&s.hand, &s.good));
	check_eq(io_finish(s.io, 10), 8192);
	check(all_bytes(s.buf, 8192, 0), "not zeros");
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(timeouts_of_the_call)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_serve serve;
	double start;

	check_eq(fetch(&hand, &rq, 1, 0), 0);
	start = now();
	check_eq(fetch(&hand, &rq, 1, 200), 0);
	check(now() - start >= 0.2, "%f s", now() - start);
	check(now() - start < 10, "%f s", now() - start);
	serve = serve_call(&hand, &rq, 1, 0);
	serve.timeout_ns = 1;
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.nr_requests, 0);
	device_down(dev);
}

struct waiter {
	int fd;
	struct dblock_serve serve;
	int error;
	atomic_bool done;
};

static void *serve_once(void *arg)
{
	struct waiter *waiter = arg;

	waiter->error = ioctl(waiter->fd, DBLOCK_SERVE, &waiter->serve) ? errno : 0;
	waiter->done = true;
	return NULL;
}

/* The longest time is not taken for a moment, nor for one that has passed. */
CASE(longest_timeout_waits_for_the_end)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct waiter waiter = { .fd = hand.fd, .serve = serve_call(&hand, &rq, 1, 0) };
	struct dblock_info info;
	pthread_t thread;

	waiter.serve.timeout_ns = INT64_MAX;
	check(!pthread_create(&thread, NULL, serve_once, &waiter), "pthread_create");
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the server to come");
	nap_ms(100);
	check(!waiter.done, "did not wait");
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_wait(10, waiter.done, "the end to arrive");
	check_eq(waiter.error, 0);
	check_eq(waiter.serve.state, DBLOCK_SERVE_END);
}

CASE(max_requests_0_only_answers)
{
	struct scene s;
	struct dblock_info info;
	struct dblock_serve serve;
	struct dblock_request rq;
	struct io *io;

	stage(&s, IO_READ, 0);
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, MIB);
	check_wait(10, !ctl_info(s.dev->session, s.dev->id, &info) && info.pending == 2, "the second read");
	serve = serve_call(&s.hand, &rq, 0, -1);
	serve.answers = (uintptr_t)&s.good;
	serve.nr_answers = 1;
	check_ok(ioctl(s.hand.fd, DBLOCK_SERVE, &serve));	/* does not wait either */
	check_eq(serve.consumed, 1);
	check_eq(serve.nr_requests, 0);
	check_eq(io_finish(s.io, 10), 8192);
	rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, MIB / 512);
	answer_well(s.dev, &s.hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(answer_and_next_request_in_one_call)
{
	struct scene s;
	struct dblock_request rq;
	struct dblock_serve serve;
	struct dblock_info info;
	struct io *io;

	stage(&s, IO_READ, 0);
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, MIB);
	check_wait(10, !ctl_info(s.dev->session, s.dev->id, &info) && info.pending == 2, "the second read");
	serve = serve_call(&s.hand, &rq, 1, 10000);
	serve.answers = (uintptr_t)&s.good;
	serve.nr_answers = 1;
	check_ok(ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 1);
	check_eq(serve.nr_requests, 1);
	check_eq(rq.sector, MIB / 512);
	check_eq(io_finish(s.io, 10), 8192);
	answer_well(s.dev, &s.hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	close(s.fd);
	check_ok(ctl_destroy_patiently(s.dev->session, s.dev->id));
}

CASE(requests_have_zeroed_reserved_members)
{
	struct scene s;

	stage(&s, IO_READ, 0);
	check_eq(s.rq.reserved0, 0);
	check_eq(s.rq.reserved1, 0);
	check_eq(s.rq.data, 0);
	check_eq(s.rq.queue, 0);
	check(s.rq.cookie != 0, "cookie 0");
	finish(&s);
}

/* The answer to a read may come from the device it is for (mapped): that must not deadlock. */
CASE(data_may_lie_on_a_device_of_ours)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *other = device_up(&spec, NULL, NULL);
	struct scene s;
	int fd = device_open(other, O_RDWR);
	uint8_t *map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	check(map != MAP_FAILED, "mmap: %s", errno_name(errno));
	pattern_fill(other->store, 4 * MIB, 0, 1);
	stage(&s, IO_READ, 0);
	/* Not in memory: the copy has to fault it in, through the other device. */
	s.good.data = (uintptr_t)map + AT;
	finish(&s);
	munmap(map, 4 * MIB);
	close(fd);
	device_down(other);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(length_must_be_the_requests_own),
		TEST(length_with_an_error_must_be_whole_blocks_and_less),
		TEST(result_must_be_zero_or_a_negative_errno),
		TEST(unknown_flags_and_reserved_members_are_refused),
		TEST(bad_data_address_is_efault_and_can_be_mended),
		TEST(unreadable_answers_are_efault),
		TEST(answers_before_an_unreadable_one_are_taken),
		TEST(second_answer_is_estale),
		TEST(late_answer_is_estale),
		TEST(request_that_timed_out_in_the_queue_is_not_handed_out),
		TEST(forged_cookies_change_nothing),
		TEST(request_not_handed_out_yet_cannot_be_answered),
		TEST(another_devices_cookie_is_refused),
		TEST(zeroes_needs_no_data),
		TEST(zeroes_is_for_reads_only),
		TEST(consumed_is_right_in_the_middle_of_a_batch),
		TEST(calls_are_validated),
		TEST(bad_memory_loses_no_request),
		TEST(data_beyond_32_bits_are_not_those_below),
		TEST(answers_beyond_32_bits_are_not_those_below),
		TEST(memory_beyond_32_bits_is_not_written_to_below),
		TEST(untouched_memory_is_faulted_in),
		TEST(timeouts_of_the_call),
		TEST(longest_timeout_waits_for_the_end),
		TEST(max_requests_0_only_answers),
		TEST(answer_and_next_request_in_one_call),
		TEST(requests_have_zeroed_reserved_members),
		TEST(data_may_lie_on_a_device_of_ours),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
