// SPDX-License-Identifier: GPL-2.0-only
/* Answers about parts of a request: each sector ends as the server said, whatever was merged with it. */
#include "harness.h"

#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define AT	(1 * MIB)	/* where the cases read and write; udev does not */
#define SECTOR	(AT / 512)
#define SALT	3

/* A started device that the case serves by hand, one request at AT under way. */
struct scene {
	struct device *dev;
	struct hand hand;
	int fd;
	uint8_t *buf;
	size_t length;
	struct io *io;
	struct dblock_request rq;
	uint64_t done;		/* bytes that were answered */
};

static void stage_device(struct scene *s, const struct dblock_create *spec)
{
	memset(s, 0, sizeof(*s));
	s->dev = device_create(spec);
	s->hand = hand_of(s->dev);
	pattern_fill(s->dev->store, spec->size, 0, SALT);
	check_ok(ctl_start(s->dev->session, s->dev->id));
	check_wait(10, node_exists(s->dev->name), "waiting for %s", s->dev->path);
	s->fd = device_open(s->dev, O_RDWR | O_DIRECT);
}

/* On a device there is: the next request. */
static void stage_io(struct scene *s, enum io_kind kind, size_t length)
{
	s->length = length;
	s->done = 0;
	s->buf = buffer_new(length);
	memset(s->buf, 0xcc, length);
	s->io = io_start(kind, s->fd, s->buf, length, AT);
	s->rq = fetch_one(s->dev, &s->hand, kind == IO_READ ? DBLOCK_OP_READ : DBLOCK_OP_WRITE, SECTOR);
	check_eq(s->rq.length, length);
}

static void stage(struct scene *s, enum io_kind kind, size_t length)
{
	struct dblock_create spec = spec_of(4 * MIB);

	stage_device(s, &spec);
	stage_io(s, kind, length);
}

static void check_idle(const char *name)
{
	unsigned long long reads = 1, writes = 1;
	char line[80];

	check_wait(5, sysfs_read(name, "inflight", line, sizeof(line)) &&
		   sscanf(line, "%llu %llu", &reads, &writes) == 2 && !reads && !writes, "inflight to be 0");
}

static void unstage(struct scene *s)
{
	struct dblock_info info;

	check_wait(5, !ctl_info(s->dev->session, s->dev->id, &info) && !info.pending, "pending to be 0");
	check_idle(s->dev->name);
	close(s->fd);
	check_ok(ctl_destroy_patiently(s->dev->session, s->dev->id));
}

/* The answer about the next bytes; from the store if it is a read's. */
static struct dblock_answer part_of(const struct scene *s, uint64_t length, int result)
{
	return (struct dblock_answer){
		.cookie = s->rq.cookie,
		.data = s->rq.op == DBLOCK_OP_READ ? (uintptr_t)s->dev->store + s->rq.sector * 512 + s->done : 0,
		.length = length,
		.result = result,
		.flags = DBLOCK_ANS_MORE,
	};
}

static void give_part(struct scene *s, uint64_t length, int result)
{
	struct dblock_answer answer = part_of(s, length, result);

	check_ok(answer_now(&s->hand, &answer));
	s->done += length;
}

/* The last one, about all that remains. */
static void give_rest(struct scene *s, int result)
{
	struct dblock_answer answer = part_of(s, result ? 0 : s->rq.length - s->done, result);

	answer.flags = 0;
	check_ok(answer_now(&s->hand, &answer));
}

static void refused(struct scene *s, int error, struct dblock_answer answer)
{
	check_fails(error, answer_now(&s->hand, &answer));
}

/* ---- what a part does ---- */

CASE(read_in_parts_is_put_together)
{
	static const unsigned int sizes[] = { 512, 1024, 4096, 7680 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct scene s;

		stage(&s, IO_READ, 65536);
		step("parts of %u bytes", sizes[i]);
		while (s.done + sizes[i] < s.length)
			give_part(&s, sizes[i], 0);
		check(!s.io->done, "done before its last part");
		give_rest(&s, 0);
		check_eq(io_finish(s.io, 10), 65536);
		check_eq(pattern_check(s.buf, 65536, AT, SALT), -1);
		unstage(&s);
	}
}

/* Segments that are no blocks: parts end within them. */
CASE(parts_end_anywhere_in_the_readers_memory)
{
	struct scene s;

	for (int shift = 512; shift < 4096; shift += 1536) {
		stage(&s, IO_READ, 16384);
		give_rest(&s, 0);
		check_eq(io_finish(s.io, 10), 16384);
		s.buf = buffer_new(65536 + 4096) + shift;
		s.io = io_start(IO_READ, s.fd, s.buf, 65536, AT);
		s.rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, SECTOR);
		check_eq(s.rq.length, 65536);
		s.done = 0;
		for (unsigned int n = 1; s.done + n * 512 < 65536; n++)
			give_part(&s, n * 512, 0);
		give_rest(&s, 0);
		check_eq(io_finish(s.io, 10), 65536);
		check_eq(pattern_check(s.buf, 65536, AT, SALT), -1);
		unstage(&s);
	}
}

CASE(write_in_parts_is_done_after_the_last)
{
	struct scene s;

	stage(&s, IO_WRITE, 16384);
	give_part(&s, 4096, 0);
	give_part(&s, 8192, 0);
	nap_ms(50);
	check(!s.io->done, "done before its last part");
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	unstage(&s);
}

CASE(part_of_zeroes)
{
	struct scene s;
	struct dblock_answer answer;

	stage(&s, IO_READ, 16384);
	give_part(&s, 4096, 0);
	answer = part_of(&s, 4096, 0);
	answer.flags |= DBLOCK_ANS_ZEROES;
	answer.data = 0xdead;
	check_ok(answer_now(&s.hand, &answer));
	s.done += 4096;
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	check_eq(pattern_check(s.buf, 4096, AT, SALT), -1);
	check(all_bytes(s.buf + 4096, 4096, 0), "not zeros");
	check_eq(pattern_check(s.buf + 8192, 8192, AT + 8192, SALT), -1);
	unstage(&s);
}

/* The reader gets the error, and no byte of what failed is touched. */
CASE(failed_part_of_a_read)
{
	struct scene s;
	struct dblock_answer answer;

	for (int position = 0; position < 3; position++) {
		stage(&s, IO_READ, 12288);
		step("part %d fails", position);
		for (int i = 0; i < 3; i++) {
			if (i != position) {
				if (i < 2)
					give_part(&s, 4096, 0);
				else
					give_rest(&s, 0);
			} else if (i < 2) {
				/* Its data are not looked at. */
				answer = part_of(&s, 4096, -ENODATA);
				answer.data = position ? 0xdead : answer.data;
				check_ok(answer_now(&s.hand, &answer));
				s.done += 4096;
			} else {
				give_rest(&s, -ENODATA);
			}
		}
		check_eq(io_finish(s.io, 10), -ENODATA);
		for (int i = 0; i < 3; i++) {
			if (i == position)
				check(all_bytes(s.buf + i * 4096, 4096, 0xcc), "bytes that failed were touched");
			else
				check_eq(pattern_check(s.buf + i * 4096, 4096, AT + i * 4096, SALT), -1);
		}
		unstage(&s);
	}
}

CASE(last_error_of_several_is_told)
{
	struct scene s;

	stage(&s, IO_WRITE, 16384);
	give_part(&s, 4096, -ENOSPC);
	give_part(&s, 4096, 0);
	give_part(&s, 4096, -EILSEQ);
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), -EILSEQ);
	/* The next one knows nothing of it. */
	stage_io(&s, IO_WRITE, 16384);
	give_part(&s, 4096, 0);
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	unstage(&s);
}

/* The last answer may say that some of what remains succeeded, as ever. */
CASE(rest_that_fails_in_its_middle)
{
	struct scene s;
	struct dblock_answer answer;

	stage(&s, IO_READ, 16384);
	give_part(&s, 4096, 0);
	answer = part_of(&s, 8192, -ENODATA);
	answer.flags = 0;
	check_ok(answer_now(&s.hand, &answer));
	check_eq(io_finish(s.io, 10), -ENODATA);
	check_eq(pattern_check(s.buf, 12288, AT, SALT), -1);
	check(all_bytes(s.buf + 12288, 4096, 0xcc), "bytes that failed were touched");
	unstage(&s);
}

CASE(errors_of_parts_keep_their_meaning)
{
	static const struct {
		int given, told;
	} errors[] = {
		{ EIO, EIO }, { EOPNOTSUPP, EOPNOTSUPP }, { ETIMEDOUT, ETIMEDOUT }, { ENOSPC, ENOSPC },
		{ ENOLINK, ENOLINK }, { EREMOTEIO, EREMOTEIO }, { EBADE, EBADE }, { ENODATA, ENODATA },
		{ EILSEQ, EILSEQ }, { ENOMEM, ENOMEM }, { EBUSY, EBUSY }, { ENODEV, ENODEV },
		{ EAGAIN, EIO }, { EREMCHG, EIO }, { EINVAL, EIO }, { 512 /* ERESTARTSYS */, EIO },
	};
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;

	stage_device(&s, &spec);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		/* v5.18 gave it a status of its own. */
		int told = errors[i].told == ENODEV && !kernel_at_least(5, 18) ? EIO : errors[i].told;

		stage_io(&s, i % 2 ? IO_WRITE : IO_READ, 8192);
		step("%s", errno_name(errors[i].given));
		give_part(&s, 4096, -errors[i].given);
		give_rest(&s, 0);
		check_eq(io_finish(s.io, 10), -told);
	}
	unstage(&s);
}

CASE(parts_of_one_request_in_one_call)
{
	struct scene s;
	struct dblock_answer answers[4];
	struct dblock_serve serve;

	stage(&s, IO_READ, 16384);
	for (int i = 0; i < 4; i++) {
		answers[i] = part_of(&s, 4096, 0);
		s.done += 4096;
	}
	answers[3].flags = 0;
	/* The third goes beyond the end, and none after it is taken. */
	answers[2].length = 8192;
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.answers = (uintptr_t)answers;
	serve.nr_answers = 4;
	check_fails(EBADMSG, ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 2);
	answers[2].length = 4096;
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.answers = (uintptr_t)(answers + 2);
	serve.nr_answers = 2;
	check_ok(ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.consumed, 2);
	check_eq(io_finish(s.io, 10), 16384);
	check_eq(pattern_check(s.buf, 16384, AT, SALT), -1);
	unstage(&s);
}

/* ---- what was merged ---- */

#define MERGED	4

struct merged {
	aio_context_t context;
	struct iocb iocbs[MERGED];
	uint8_t *bufs[MERGED];
	struct io_event events[MERGED];	/* by number; obj 0: not yet */
};

/* Four reads or writes of 4 KiB that arrive as one request, or the case is skipped. */
static void stage_merged(struct scene *s, struct merged *m, const struct dblock_create *spec, int opcode)
{
	struct iocb *list[MERGED];

	stage_device(s, spec);
	memset(m, 0, sizeof(*m));
	check_ok(syscall(SYS_io_setup, MERGED, &m->context));
	for (int i = 0; i < MERGED; i++) {
		m->bufs[i] = buffer_new(4096);
		memset(m->bufs[i], 0xcc, 4096);
		m->iocbs[i] = (struct iocb){ .aio_data = i, .aio_lio_opcode = opcode, .aio_fildes = s->fd,
			.aio_buf = (uintptr_t)m->bufs[i], .aio_nbytes = 4096, .aio_offset = AT + i * 4096 };
		list[i] = &m->iocbs[i];
	}
	check_eq(syscall(SYS_io_submit, m->context, (long)MERGED, list), MERGED);
	s->rq = fetch_one(s->dev, &s->hand, opcode == IOCB_CMD_PREAD ? DBLOCK_OP_READ : DBLOCK_OP_WRITE, SECTOR);
	s->length = s->rq.length;
	if (s->length != MERGED * 4096)
		skip("not merged: the first request is %llu bytes", (unsigned long long)s->length);
}

/* Waits until so many more are done. */
static void merged_await(struct merged *m, int count)
{
	while (count > 0) {
		struct timespec timeout = { 20, 0 };
		struct io_event event;
		long got;

		step("waiting for %d of the merged ones", count);
		got = check_ok(syscall(SYS_io_getevents, m->context, 1L, 1L, &event, &timeout));
		check(got == 1, "nothing after 20 s");
		m->events[event.data] = event;
		count--;
	}
}

/* An event is told before its request lets go of the disk: this waits for that. */
static void unstage_merged(struct scene *s, struct merged *m)
{
	check_ok(syscall(SYS_io_destroy, m->context));
	unstage(s);
}

static int merged_pending(struct merged *m)
{
	struct timespec none = { 0, 0 };
	struct io_event event;

	nap_ms(30);
	return check_ok(syscall(SYS_io_getevents, m->context, 0L, 1L, &event, &none));
}

CASE(merged_writes_end_differently)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	struct merged m;

	stage_merged(&s, &m, &spec, IOCB_CMD_PWRITE);
	give_part(&s, 4096, 0);
	give_part(&s, 4096, -ENOSPC);
	give_part(&s, 4096, 0);
	give_rest(&s, -EILSEQ);
	merged_await(&m, 4);
	check_eq(m.events[0].res, 4096);
	check_eq(m.events[1].res, -ENOSPC);
	check_eq(m.events[2].res, 4096);
	check_eq(m.events[3].res, -EILSEQ);
	unstage_merged(&s, &m);
}

/* Only the sectors that are named fail, and whoever has one of them. */
CASE(merged_reads_fail_by_sector)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	struct merged m;

	stage_merged(&s, &m, &spec, IOCB_CMD_PREAD);
	/* The last sector of the second and the first of the third. */
	give_part(&s, 4096 + 3584, 0);
	give_part(&s, 1024, -ENODATA);
	give_rest(&s, 0);
	merged_await(&m, 4);
	check_eq(m.events[0].res, 4096);
	check_eq(m.events[1].res, -ENODATA);
	check_eq(m.events[2].res, -ENODATA);
	check_eq(m.events[3].res, 4096);
	check_eq(pattern_check(m.bufs[0], 4096, AT, SALT), -1);
	check_eq(pattern_check(m.bufs[1], 3584, AT + 4096, SALT), -1);
	check(all_bytes(m.bufs[1] + 3584, 512, 0xcc), "bytes that failed were touched");
	check(all_bytes(m.bufs[2], 512, 0xcc), "bytes that failed were touched");
	check_eq(pattern_check(m.bufs[2] + 512, 3584, AT + 8192 + 512, SALT), -1);
	check_eq(pattern_check(m.bufs[3], 4096, AT + 12288, SALT), -1);
	unstage_merged(&s, &m);
}

CASE(merged_ones_are_done_with_their_own_part)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	struct merged m;

	stage_merged(&s, &m, &spec, IOCB_CMD_PREAD);
	check_eq(merged_pending(&m), 0);
	give_part(&s, 4096, 0);
	merged_await(&m, 1);
	check_eq(m.events[0].res, 4096);
	give_part(&s, 2048, 0);
	check_eq(merged_pending(&m), 0);
	give_part(&s, 6144, 0);
	merged_await(&m, 2);
	check_eq(m.events[1].res, 4096);
	check_eq(m.events[2].res, 4096);
	check_eq(merged_pending(&m), 0);
	check_eq(sysfs_number(s.dev->name, "inflight"), 1);
	give_rest(&s, 0);
	merged_await(&m, 1);
	for (int i = 0; i < MERGED; i++)
		check_eq(pattern_check(m.bufs[i], 4096, AT + i * 4096, SALT), -1);
	unstage_merged(&s, &m);
}

/*
 * Two tasks' reads are merged in the scheduler. They have to wait there: the
 * device takes one request at a time, the first of the blockers, and the block
 * layer has taken a second one out already.
 */
CASE(reads_of_different_tasks_fail_separately)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct dblock_request blocker;
	struct io *blockers[3], *ios[2];
	uint8_t *bufs[2] = { buffer_new(4096), buffer_new(4096) };
	char chosen[128];
	struct scene s;

	spec.depth = 1;
	stage_device(&s, &spec);
	/* Before v5.15 the module's disks have no schedulers, and the kernel says nothing when one is asked for. */
	if (!sysfs_write(s.dev->name, "queue/scheduler", "mq-deadline") ||
	    !sysfs_read(s.dev->name, "queue/scheduler", chosen, sizeof(chosen)) || !strstr(chosen, "[mq-deadline]")) {
		unstage(&s);
		skip("no mq-deadline");
	}
	check(sysfs_write(s.dev->name, "queue/nr_requests", "16"), "%s", errno_name(errno));
	blockers[0] = io_start(IO_READ, s.fd, buffer_new(4096), 4096, 2 * MIB);
	blocker = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, 2 * MIB / 512);
	for (size_t i = 1; i < ARRAY_SIZE(blockers); i++) {
		blockers[i] = io_start(IO_READ, s.fd, buffer_new(4096), 4096, 2 * MIB + i * 65536);
		nap_ms(100);
	}
	for (int i = 0; i < 2; i++) {
		ios[i] = io_start(IO_READ, s.fd, bufs[i], 4096, AT + i * 4096);
		nap_ms(100);
	}
	check_wait(10, ({
		char line[300];
		unsigned long long merges = 0;

		sysfs_read(s.dev->name, "stat", line, sizeof(line)) &&
		sscanf(line, "%*u %llu", &merges) == 1 && merges > 0;
	}), "the two reads to be merged");
	answer_well(s.dev, &s.hand, &blocker);
	/* The other blockers are served on the way. */
	s.rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, SECTOR);
	check_eq(s.rq.length, 8192);
	give_part(&s, 4096, -ENOLINK);
	check_eq(io_finish(ios[0], 10), -ENOLINK);
	check(!ios[1]->done, "the second is done with the first's part");
	give_rest(&s, 0);
	check_eq(io_finish(ios[1], 10), 4096);
	check_eq(pattern_check(bufs[1], 4096, AT + 4096, SALT), -1);
	check(all_bytes(bufs[0], 4096, 0), "bytes that failed were touched");
	step("waiting for the blockers");
	while (!blockers[1]->done || !blockers[2]->done)
		if (fetch(&s.hand, &blocker, 1, 50) == 1)
			answer_well(s.dev, &s.hand, &blocker);
	for (size_t i = 0; i < ARRAY_SIZE(blockers); i++)
		check_eq(io_finish(blockers[i], 10), 4096);
	unstage(&s);
}

/* ---- operations besides reads and writes ---- */

struct ranged {
	int fd;
	int op;
	uint64_t range[2];
	int error;
	atomic_bool done;
};

static void *ranged_call(void *arg)
{
	struct ranged *ranged = arg;

	int ret;

	/* Not BLKZEROOUT: after an error that writes zeros instead, on older kernels. */
	if (ranged->op == DBLOCK_OP_DISCARD)
		ret = ioctl(ranged->fd, BLKDISCARD, ranged->range);
	else
		ret = fallocate(ranged->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, ranged->range[0],
				ranged->range[1]);
	ranged->error = ret ? errno : 0;
	ranged->done = true;
	return NULL;
}

static void ranged_case(int op)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;

	spec.max_discard = MIB;
	spec.max_write_zeroes = MIB;
	stage_device(&s, &spec);
	for (int fails = 0; fails < 2; fails++) {
		struct ranged ranged = { .fd = s.fd, .op = op, .range = { AT, 65536 } };
		pthread_t thread;

		check(!pthread_create(&thread, NULL, ranged_call, &ranged), "pthread_create");
		s.rq = fetch_one(s.dev, &s.hand, op, SECTOR);
		check_eq(s.rq.length, 65536);
		s.done = 0;
		give_part(&s, 4096, 0);
		give_part(&s, 32768, fails ? -ENOLINK : 0);
		nap_ms(30);
		check(!ranged.done, "done before its last part");
		give_rest(&s, 0);
		check_wait(10, ranged.done, "the end of the call");
		pthread_join(thread, NULL);
		check_eq(ranged.error, fails ? ENOLINK : 0);
	}
	unstage(&s);
}

CASE(discard_in_parts)
{
	ranged_case(DBLOCK_OP_DISCARD);
}

CASE(write_zeroes_in_parts)
{
	ranged_case(DBLOCK_OP_WRITE_ZEROES);
}

CASE(flush_has_no_parts)
{
	struct dblock_create spec = spec_of(4 * MIB);
	static const uint64_t lengths[] = { 0, 512, 4096, -512ULL };
	struct scene s;

	stage_device(&s, &spec);
	s.io = io_start(IO_FSYNC, s.fd, NULL, 0, 0);
	s.rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_FLUSH, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		refused(&s, EBADMSG, part_of(&s, lengths[i], 0));
		refused(&s, EBADMSG, part_of(&s, lengths[i], -EIO));
	}
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 0);
	unstage(&s);
}

/*
 * A FUA write on a device without FUA: the block layer completes the data
 * first and sends a flush then, so its bio is ended twice.
 */
CASE(fua_write_that_the_block_layer_follows_with_a_flush)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	int fd;

	stage_device(&s, &spec);
	fd = s.fd;
	s.fd = device_open(s.dev, O_RDWR | O_DIRECT | O_DSYNC);
	/* Which part fails: none, the first, the middle, the last. */
	for (int fails = -1; fails < 3; fails++) {
		struct dblock_request flush;
		int flushes = 0;

		step("part %d fails", fails);
		stage_io(&s, IO_WRITE, 12288);
		give_part(&s, 4096, fails == 0 ? -EILSEQ : 0);
		give_part(&s, 4096, fails == 1 ? -EILSEQ : 0);
		check(!s.io->done, "done before its last part");
		give_rest(&s, fails == 2 ? -EILSEQ : 0);
		while (!s.io->done) {
			if (fetch(&s.hand, &flush, 1, 50) != 1)
				continue;
			if (flush.op == DBLOCK_OP_FLUSH)
				flushes++;
			answer_well(s.dev, &s.hand, &flush);
		}
		note("part %d fails: %d flushes", fails, flushes);
		check_eq(io_finish(s.io, 10), fails < 0 ? 12288 : -EILSEQ);
		if (fails < 0)
			check(flushes > 0, "no flush followed");
	}
	close(fd);
	unstage(&s);
}

/* ---- what is refused ---- */

CASE(parts_are_validated)
{
	static const uint64_t lengths[] = {
		0, 1, 511, 513, 4095, 8191, 8192, 8193, 8704, 65536, 1ULL << 32, (1ULL << 32) + 4096, 1ULL << 63,
		-1ULL, -512ULL, -4096ULL,
	};
	static const int results[] = { 1, EIO, INT32_MAX, -4096, INT32_MIN };
	struct dblock_answer answer;
	struct scene s;

	for (int kind = 0; kind < 2; kind++) {
		stage(&s, kind ? IO_WRITE : IO_READ, 8192 + 4096);
		/* As well in the middle as at the start. */
		give_part(&s, 4096, 0);
		for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
			step("length %llu", (unsigned long long)lengths[i]);
			refused(&s, EBADMSG, part_of(&s, lengths[i], 0));
			refused(&s, EBADMSG, part_of(&s, lengths[i], -EIO));
		}
		for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
			step("result %d", results[i]);
			refused(&s, EBADMSG, part_of(&s, 4096, results[i]));
		}
		answer = part_of(&s, 4096, -EIO);
		answer.flags |= DBLOCK_ANS_ZEROES;
		refused(&s, EBADMSG, answer);
		if (kind) {
			answer.result = 0;
			refused(&s, EBADMSG, answer);
		}
		for (int bit = 2; bit < 32; bit++) {
			answer = part_of(&s, 4096, 0);
			answer.flags |= 1u << bit;
			refused(&s, EINVAL, answer);
		}
		/* The last answer is about what remains, no more and no less. */
		answer = part_of(&s, 12288, 0);
		answer.flags = 0;
		refused(&s, EBADMSG, answer);
		answer.length = 4096;
		refused(&s, EBADMSG, answer);
		answer.result = -EIO;
		answer.length = 8192;
		refused(&s, EBADMSG, answer);
		if (!kind)
			check(all_bytes(s.buf + 4096, 8192, 0xcc), "a refused answer reached the reader");
		check(!s.io->done, "the I/O is done already");
		give_rest(&s, 0);
		check_eq(io_finish(s.io, 10), 12288);
		refused(&s, ESTALE, part_of(&s, 4096, 0));
		unstage(&s);
	}
}

CASE(parts_are_whole_logical_blocks)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;

	spec.logical_block = 4096;
	stage_device(&s, &spec);
	stage_io(&s, IO_READ, 16384);
	for (int length = 512; length < 12288; length += 512)
		if (length % 4096)
			refused(&s, EBADMSG, part_of(&s, length, 0));
	give_part(&s, 8192, 0);
	refused(&s, EBADMSG, part_of(&s, 512, -EIO));
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	check_eq(pattern_check(s.buf, 16384, AT, SALT), -1);
	unstage(&s);
}

CASE(one_block_has_no_parts)
{
	struct scene s;

	stage(&s, IO_READ, 512);
	refused(&s, EBADMSG, part_of(&s, 512, 0));
	refused(&s, EBADMSG, part_of(&s, 512, -EIO));
	refused(&s, EBADMSG, part_of(&s, 0, 0));
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 512);
	unstage(&s);
}

CASE(bad_data_of_a_part_can_be_mended)
{
	struct dblock_answer answer;
	struct scene s;
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t addresses[] = { 0, 1, (uintptr_t)map + 2048, 0x7ffffffff000, 0xffff888000000000, -1ULL };
	uint8_t *fresh = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check_ok(munmap(map + 4096, 4096));
	stage(&s, IO_READ, 16384);
	give_part(&s, 4096, 0);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		step("address %#llx", (unsigned long long)addresses[i]);
		answer = part_of(&s, 4096, 0);
		answer.data = addresses[i];
		refused(&s, EFAULT, answer);
	}
	/* Memory that was never touched is faulted in, and reads as zeros. */
	answer = part_of(&s, 4096, 0);
	answer.data = (uintptr_t)fresh + 2048;
	check_ok(answer_now(&s.hand, &answer));
	s.done += 4096;
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	check_eq(pattern_check(s.buf, 4096, AT, SALT), -1);
	check(all_bytes(s.buf + 4096, 4096, 0), "not zeros");
	check_eq(pattern_check(s.buf + 8192, 8192, AT + 8192, SALT), -1);
	unstage(&s);
}

struct given {
	struct hand hand;
	struct dblock_answer answer;
	int error;
	atomic_bool done;
};

static void *give_answer(void *arg)
{
	struct given *given = arg;

	given->error = answer_now(&given->hand, &given->answer) ? errno : 0;
	given->done = true;
	return NULL;
}

/* What was copied before the fault lies in the other thread's part then, and must be copied once more. */
CASE(part_given_while_another_answer_faults_its_memory_in)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *page = buffer_new(4096);
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = 4096 };
	struct uffd_msg message;
	struct given given;
	struct pollfd pfd;
	struct scene s;
	pthread_t thread;
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		skip("no userfaultfd: %s", errno_name(errno));
	stage(&s, IO_READ, 16384);
	memset(map, 0x11, 4096);
	memset(page, 0x22, 4096);
	range.range.start = (uintptr_t)map + 4096;
	range.range.len = 4096;
	check_ok(ioctl(uffd, UFFDIO_REGISTER, &range));
	given = (struct given){ .hand = s.hand, .answer = part_of(&s, 8192, 0) };
	given.answer.data = (uintptr_t)map;
	check(!pthread_create(&thread, NULL, give_answer, &given), "pthread_create");
	pfd = (struct pollfd){ uffd, POLLIN, 0 };
	check(poll(&pfd, 1, 10000) == 1, "no fault after 10 s");
	check_eq(read(uffd, &message, sizeof(message)), sizeof(message));
	check_eq(message.event, UFFD_EVENT_PAGEFAULT);
	check(!given.done, "answered without its memory");
	give_part(&s, 4096, 0);
	copy.dst = (uintptr_t)map + 4096;
	check_ok(ioctl(uffd, UFFDIO_COPY, &copy));
	check_wait(10, given.done, "the answer that faulted");
	pthread_join(thread, NULL);
	check_eq(given.error, 0);
	s.done += 8192;
	give_rest(&s, 0);
	check_eq(io_finish(s.io, 10), 16384);
	check_eq(pattern_check(s.buf, 4096, AT, SALT), -1);
	check(all_bytes(s.buf + 4096, 4096, 0x11), "not copied again");
	check(all_bytes(s.buf + 8192, 4096, 0x22), "not what was faulted in");
	check_eq(pattern_check(s.buf + 12288, 4096, AT + 12288, SALT), -1);
	close(uffd);
	unstage(&s);
}

/* ---- the end comes between parts ---- */

CASE(time_out_between_parts_ends_the_rest)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	struct merged m;

	spec.timeout_ms = 500;
	stage_merged(&s, &m, &spec, IOCB_CMD_PREAD);
	give_part(&s, 4096, 0);
	give_part(&s, 4096, -ENODATA);
	merged_await(&m, 4);
	check_eq(m.events[0].res, 4096);
	check_eq(m.events[1].res, -ENODATA);
	check_eq(m.events[2].res, -ETIMEDOUT);
	check_eq(m.events[3].res, -ETIMEDOUT);
	refused(&s, ESTALE, part_of(&s, 4096, 0));
	check(all_bytes(m.bufs[2], 4096, 0xcc), "a late part was written into the reader's memory");
	unstage_merged(&s, &m);
}

/* A server that gives a block now and then does not hold the request for ever. */
CASE(parts_do_not_extend_the_time)
{
	struct dblock_create spec = spec_of(4 * MIB);
	double start;
	struct scene s;
	int given = 0;

	spec.timeout_ms = 500;
	stage_device(&s, &spec);
	stage_io(&s, IO_READ, 65536);
	start = now();
	while (!s.io->done) {
		struct dblock_answer answer = part_of(&s, 512, 0);

		if (answer_now(&s.hand, &answer))
			check(errno == ESTALE, "part %d: %s", given, errno_name(errno));
		else
			s.done += 512;
		given++;
		check(given < 127, "%d parts in %.1f s, and still no time-out", given, now() - start);
		nap_ms(200);
	}
	check_eq(io_finish(s.io, 10), -ETIMEDOUT);
	note("timed out after %.1f s and %d parts, limit 0.5 s", now() - start, given);
	unstage(&s);
}

CASE(forced_end_between_parts)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s;
	struct merged m;
	struct dblock_answer answer;

	stage_merged(&s, &m, &spec, IOCB_CMD_PWRITE);
	give_part(&s, 4096, 0);
	check_ok(ctl_destroy(s.dev->session, s.dev->id, DBLOCK_DESTROY_FORCE));
	merged_await(&m, 4);
	check_eq(m.events[0].res, 4096);
	for (int i = 1; i < 4; i++)
		check(m.events[i].res == -EIO || m.events[i].res == -ENODEV, "%lld", (long long)m.events[i].res);
	answer = part_of(&s, 4096, 0);
	{
		struct dblock_serve serve = serve_call(&s.hand, NULL, 0, 0);

		serve.answers = (uintptr_t)&answer;
		serve.nr_answers = 1;
		check_ok(ioctl(s.hand.fd, DBLOCK_SERVE, &serve));
		check_eq(serve.consumed, 0);
		check_eq(serve.state, DBLOCK_SERVE_END);
	}
	close(s.fd);
}

/* Answers the first block of what it holds, and no more. */
static bool first_block_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	struct hand hand = { .fd = server->fd, .device = server->device };
	struct dblock_answer part = *answer;

	memory_apply(server->dev, rq, &part);
	*answer = part;
	if (!self->hold || rq->length <= 512)
		return true;
	part.length = 512;
	part.flags = DBLOCK_ANS_MORE;
	check_ok(answer_now(&hand, &part));
	self->held++;
	return false;
}

CASE(server_dies_between_parts)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, first_block_answer, NULL);
	int fd = remote_open(remote, O_RDWR | O_DIRECT), status;
	uint8_t *buf = buffer_new(8192);
	struct io *ios[2];

	remote->hold = true;
	memset(buf, 0xcc, 8192);
	ios[0] = io_start(IO_READ, fd, buf, 8192, MIB);
	ios[1] = io_start(IO_WRITE, fd, buffer_new(8192), 8192, 2 * MIB);
	check_wait(10, remote->held == 2, "the server to hold two requests (%u)", remote->held);
	check_ok(kill(remote->pid, SIGKILL));
	for (int i = 0; i < 2; i++)
		check_eq(io_finish(ios[i], 10), -EIO);
	check(all_bytes(buf + 512, 8192 - 512, 0xcc), "bytes that failed were touched");
	step("waiting for the server process to die");
	check(wait_child(remote->pid, 10, &status), "the killed process is still there");
	close(fd);
	await_gone(remote, 10);
	check_wait(10, module_users() == 0, "the module to have no users (%d)", module_users());
}

/* ---- accounting ---- */

CASE(parts_are_counted_as_one_request)
{
	struct dblock_create spec = spec_of(4 * MIB);
	unsigned long long before[11], after[11];
	struct scene s;

	stage_device(&s, &spec);
	for (int round = 0; round < 2; round++) {
		unsigned long long *v = round ? after : before;
		char line[300];

		if (round) {
			stage_io(&s, IO_READ, 16384);
			check_eq(sysfs_number(s.dev->name, "inflight"), 1);
			give_part(&s, 4096, 0);
			give_part(&s, 4096, -EIO);
			check_eq(sysfs_number(s.dev->name, "inflight"), 1);
			give_rest(&s, 0);
			check_eq(io_finish(s.io, 10), -EIO);
			stage_io(&s, IO_WRITE, 16384);
			give_part(&s, 512, 0);
			give_rest(&s, 0);
			check_eq(io_finish(s.io, 10), 16384);
		}
		check(sysfs_read(s.dev->name, "stat", line, sizeof(line)), "/sys/block/%s/stat", s.dev->name);
		check_eq(sscanf(line, "%llu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3],
				&v[4], &v[5], &v[6], &v[7], &v[8]), 9);
	}
	check_eq(after[0] - before[0], 1);		/* reads */
	check_eq(after[2] - before[2], 32);		/* sectors */
	check_eq(after[4] - before[4], 1);		/* writes */
	check_eq(after[6] - before[6], 32);
	check_eq(after[8], 0);				/* under way */
	unstage(&s);
}

/* ---- under load ---- */

/* Every request in parts of random sizes, some of them from another thread's call in the end. */
static bool parts_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	static _Thread_local struct rng rng;
	struct hand hand = { .fd = server->fd, .device = server->device };
	uint64_t done = 0;

	if (!rng.state)
		rng = rng_new((uintptr_t)server);
	memory_apply(server->dev, rq, answer);
	while (rq->length - done > 512 && rng_below(&rng, 4)) {
		struct dblock_answer part = *answer;

		part.length = 512 * (1 + rng_below(&rng, (rq->length - done) / 512 - 1));
		part.data = answer->data ? answer->data + done : 0;
		part.flags = DBLOCK_ANS_MORE;
		if (answer_now(&hand, &part)) {
			check(server->arg && errno == ESTALE, "part at %llu of %llu: %s", (unsigned long long)done,
			      (unsigned long long)rq->length, errno_name(errno));
			return false;
		}
		done += part.length;
		if (server->arg && !rng_below(&rng, 3))
			nap_ms(rng_below(&rng, 40));
	}
	answer->length = rq->length - done;
	answer->data = answer->data ? answer->data + done : 0;
	return true;
}

CASE(load_in_parts)
{
	struct dblock_create spec = spec_of(8 * MIB);
	struct device *dev;

	spec.queues = 2;
	dev = device_create(&spec);
	for (int i = 0; i < 3; i++)
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, parts_answer, NULL);
	device_start(dev);
	note("%u I/Os", load_stop(load_start(dev, 4, 60)));
	check_idle(dev->name);
	device_down(dev);
}

/* Its journal's commits are writes with flushes before and after. */
CASE(filesystem_in_parts)
{
	struct dblock_create spec = spec_of(32 * MIB);
	struct device *dev;
	char target[200], path[300];
	uint8_t *buf = buffer_new(65536);

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	dev = device_create(&spec);
	for (int i = 0; i < 2; i++)
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, parts_answer, NULL);
	device_start(dev);
	{
		const char *mkfs[] = { "mkfs.ext4", "-q", "-F", dev->path, NULL };

		check_eq(run_program(mkfs, 60), 0);
	}
	if (mount_tracked(dev->path, "ext4", 0, NULL, target, sizeof(target)))
		skip("no ext4: %s", errno_name(errno));
	for (int i = 0; i < 20; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/file%d", target, i);
		pattern_fill(buf, 65536, i, SALT);
		fd = check_ok(open(path, O_CREAT | O_RDWR, 0600));
		check_eq(write(fd, buf, 65536), 65536);
		check_ok(fsync(fd));
		close(fd);
	}
	check_ok(umount(target));
	check_ok(mount(dev->path, target, "ext4", 0, NULL));
	for (int i = 0; i < 20; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/file%d", target, i);
		fd = check_ok(open(path, O_RDONLY));
		check_eq(read(fd, buf, 65536), 65536);
		check_eq(pattern_check(buf, 65536, i, SALT), -1);
		close(fd);
	}
	check_ok(umount(target));
	check(dev->count[DBLOCK_OP_FLUSH] > 20, "%lu flushes", dev->count[DBLOCK_OP_FLUSH]);
	device_down(dev);
}

static void *racing_reader(void *arg)
{
	int fd = *(int *)arg;
	struct rng rng = rng_new(gettid());
	uint8_t *buf = buffer_new(16384);
	long counts[2] = { 0, 0 };

	for (int i = 0; i < 60; i++) {
		off_t at = rng_below(&rng, 64) * 16384;
		ssize_t n = pread(fd, buf, 16384, at);

		check(n == 16384 || (n < 0 && errno == ETIMEDOUT), "read: %zd, %s", n, errno_name(errno));
		if (n > 0)
			check_eq(pattern_check(buf, 16384, at, SALT), -1);
		counts[n < 0]++;
	}
	note("%ld read, %ld timed out", counts[0], counts[1]);
	return NULL;
}

CASE(parts_race_with_timeouts)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct dblock_info info;
	pthread_t threads[6];
	int fd;

	spec.timeout_ms = 1;
	dev = device_create(&spec);
	pattern_fill(dev->store, MIB, 0, SALT);
	for (int i = 0; i < 3; i++)
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 2, parts_answer, dev);
	device_start(dev);
	fd = device_open(dev, O_RDONLY | O_DIRECT);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, racing_reader, &fd);
	step("waiting for the readers");
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && !info.pending, "pending to be 0");
	check_idle(dev->name);
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(read_in_parts_is_put_together),
		TEST(parts_end_anywhere_in_the_readers_memory),
		TEST(write_in_parts_is_done_after_the_last),
		TEST(part_of_zeroes),
		TEST(failed_part_of_a_read),
		TEST(last_error_of_several_is_told),
		TEST(rest_that_fails_in_its_middle),
		TEST(errors_of_parts_keep_their_meaning),
		TEST(parts_of_one_request_in_one_call),
		TEST(merged_writes_end_differently),
		TEST(merged_reads_fail_by_sector),
		TEST(merged_ones_are_done_with_their_own_part),
		TEST(reads_of_different_tasks_fail_separately),
		TEST(discard_in_parts),
		TEST(write_zeroes_in_parts),
		TEST(flush_has_no_parts),
		TEST(fua_write_that_the_block_layer_follows_with_a_flush),
		TEST(parts_are_validated),
		TEST(parts_are_whole_logical_blocks),
		TEST(one_block_has_no_parts),
		TEST(bad_data_of_a_part_can_be_mended),
		TEST(part_given_while_another_answer_faults_its_memory_in),
		TEST(time_out_between_parts_ends_the_rest),
		TEST(parts_do_not_extend_the_time),
		TEST(forced_end_between_parts),
		TEST(server_dies_between_parts),
		TEST(parts_are_counted_as_one_request),
		TEST_FOR(load_in_parts, 90),
		TEST_FOR(filesystem_in_parts, 120),
		TEST_FOR(parts_race_with_timeouts, 90),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
