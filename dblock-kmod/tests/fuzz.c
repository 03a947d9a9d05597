// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that a program can do to the module, at random, from many threads
 * of several processes that are killed meanwhile. Nothing hangs, nothing is left,
 * and every error is one that dblock.h tells of.
 *
 *   DBLOCK_FUZZ_CALLS=N	so many ioctls instead of a sample of ten seconds
 *   DBLOCK_TEST_SEED=S		the same choices again: what the n-th call of a
 *				thread is depends on the seed and on nothing else
 */
#include "harness.h"

#include <linux/blkzoned.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SAMPLE		20000
#define SAMPLE_SECONDS	10
/* On a machine so slow that less than everything has happened by then. */
#define MOST_SECONDS	90
#define PROCESSES	3
#define SESSIONS	4
#define OWNED		16
#define ERRORS		134
#define BOARD		32
/* More devices than that are not made. */
#define MANY		24
#define HELD		32
#define ZONE		MIB
#define GOOD		(4 * MIB)
/* Around it, so that a wrong address is seldom that of something else. */
#define GUARD		(sizeof(void *) > 4 ? 512 * MIB : 4 * MIB)
#define MANGLED		(64 * 4096)
/*
 * A request that nobody answers fails after its time and at most a second
 * more; on some devices one after the other.
 */
#define HANG_SECONDS	120

enum kind {
	VERSION, CREATE, START, DESTROY, INFO, LIST, CHANGE, ADOPT, SERVE, SERVE_BY_READ, NO_CALL, KINDS,
};

static const struct {
	const char *name;
	unsigned long cmd;
	/* Besides EFAULT and EINVAL. */
	int errors[12];
} kinds[KINDS] = {
	[VERSION] = { "VERSION", DBLOCK_CTL_VERSION, { 0 } },
	[CREATE] = { "CREATE", DBLOCK_CTL_CREATE, { EEXIST, EBUSY, EPERM, ENOSPC, ENOMEM, EOPNOTSUPP, ENXIO } },
	[START] = { "START", DBLOCK_CTL_START, { EIO, ENODEV, EALREADY, ENXIO } },
	[DESTROY] = { "DESTROY", DBLOCK_CTL_DESTROY, { ENODEV, EBUSY, EALREADY, EPERM } },
	[INFO] = { "INFO", DBLOCK_CTL_INFO, { ENODEV } },
	[LIST] = { "LIST", DBLOCK_CTL_LIST, { 0 } },
	[CHANGE] = { "CHANGE", DBLOCK_CTL_CHANGE, { EOPNOTSUPP, ENODEV, ENXIO, EPERM, EINTR } },
	[ADOPT] = { "ADOPT", DBLOCK_CTL_ADOPT, { ENODEV, EBUSY, ENXIO, EPERM, ENOMEM } },
	[SERVE] = { "SERVE", DBLOCK_SERVE, { EINTR, ESTALE, ENOENT, EBADMSG, ENODEV, EPERM } },
	[SERVE_BY_READ] = { "SERVE by read", 0, { EINTR, ESTALE, ENOENT, EBADMSG, ENODEV, EPERM, EACCES } },
	[NO_CALL] = { "unknown", 0, { 0 } },
};

enum role { CALLER, OTHER_CALLER, WEAK_CALLER, SERVER, OTHER_SERVER, DISK_SERVER, USER, OTHER_USER, POLLER, ROLES };

static const char *const roles[ROLES] = {
	"caller", "caller", "caller without CAP_SYS_ADMIN", "server", "server", "server on the disk", "user", "user", "poller",
};

/* What a thread does now, for whoever looks for hangs. */
struct beat {
	_Atomic(const char *) what;
	_Atomic double since;
};

/* What all processes see. */
static struct {
	atomic_bool stop;
	atomic_ulong calls, good[KINDS], refused[KINDS][ERRORS];
	atomic_ulong fetched, answered, ios, good_ios, polls, kills, exits;
	atomic_uint ids[BOARD], last_id;
	atomic_ullong cookies[BOARD];
	struct beat beats[PROCESSES][ROLES];
	bool zoned;
} *board;

/* This process's. */
static unsigned int number, incarnation;
static atomic_int sessions[SESSIONS];
static atomic_ullong owned[OWNED];	/* the index of the session, and the id */
static atomic_ullong last_owned;
static uint8_t *mangled;
static _Atomic(uint8_t *) mapped;	/* part of a device of ours */

/* One thread. */
struct fuzzer {
	enum role role;
	unsigned long turn;
	struct rng rng;			/* of this turn */
	uint8_t *good;
	uint8_t *writable, *read_only;	/* the same page */
	uint8_t *last;			/* the last page of what is good */
	struct dblock_request held[HELD];
	unsigned int nr_held;
	uint32_t held_of;
	const struct dblock_serve *serve;	/* the structure of a call, unless that is told another */
	int epoll;
};

static uint64_t below(struct fuzzer *f, uint64_t bound)
{
	return rng_below(&f->rng, bound);
}

static bool one_in(struct fuzzer *f, unsigned int n)
{
	return !below(f, n);
}

static void beat(struct fuzzer *f, const char *what)
{
	struct beat *beat = &board->beats[number][f->role];

	beat->since = now();
	beat->what = what;
}

/* ---- values ---- */

static uint64_t some_number(struct fuzzer *f)
{
	switch (below(f, 6)) {
	case 0: return 0;
	case 1: return rng_next(&f->rng);
	case 2: return below(f, 16);
	case 3: return 1ULL << below(f, 64);
	case 4: return -below(f, 4097);
	default: return (1ULL << below(f, 64)) - 1;
	}
}

/* Zeros and small numbers get further than noise. */
static void fill(struct fuzzer *f, void *memory, size_t size)
{
	uint8_t *at = memory;

	for (size_t i = 0; i < size; i++) {
		uint64_t r = rng_next(&f->rng);

		at[i] = r % 4 ? (r % 8 == 1 ? r >> 32 & 7 : 0) : r >> 40;
	}
}

static uint64_t some_address(struct fuzzer *f)
{
	switch (below(f, 16)) {
	case 0: return 0;
	case 1: return rng_next(&f->rng);
	case 2: return -below(f, 65536);
	case 3: return 0xffff888000000000 + below(f, 1 << 30);
	case 4: return (uintptr_t)f->read_only + below(f, 4096);
	case 5: return (uintptr_t)f->last + 4096 - below(f, 512);
	case 6: case 7: return (uintptr_t)mangled + below(f, MANGLED);
	case 8: case 9: return (uintptr_t)mapped + below(f, 32768);
	case 10: return (uintptr_t)f->good + below(f, GOOD);
	default: return (uintptr_t)f->good + below(f, GOOD / 2 / 4096) * 4096;
	}
}

/* Mostly a place in good memory. */
static uint64_t address_or(struct fuzzer *f, uint64_t good)
{
	return one_in(f, 6) ? some_address(f) : good;
}

static uint32_t some_id(struct fuzzer *f)
{
	uint32_t id = board->ids[below(f, BOARD)];

	switch (below(f, 16)) {
	case 0: return 0;
	case 1: return some_number(f);
	default: return id ? id : board->last_id;
	}
}

static void some_name(struct fuzzer *f, char *name)
{
	snprintf(name, DBLOCK_NAME_LEN, "dblockfuzz%u", (unsigned int)below(f, 6));
}

static uint64_t some_owned(struct fuzzer *f)
{
	uint64_t own = owned[below(f, OWNED)];

	return own ? own : last_owned;
}

/* It is there no more: most calls are to be about one that is. */
static void forget(uint32_t id)
{
	for (unsigned int i = 0; i < BOARD; i++)
		if (board->ids[i] == id)
			board->ids[i] = 0;
	for (unsigned int i = 0; i < OWNED; i++)
		if ((uint32_t)owned[i] == id)
			owned[i] = 0;
	if ((uint32_t)last_owned == id)
		last_owned = 0;
}

static int some_session(struct fuzzer *f)
{
	return sessions[below(f, SESSIONS)];
}

/* Changes a word of it, or a bit. */
static void spoil(struct fuzzer *f, void *memory, size_t size)
{
	uint32_t *words = memory;

	for (unsigned int i = below(f, 3); i < 3; i++) {
		uint32_t *word = &words[below(f, size / 4)];

		*word = one_in(f, 2) ? some_number(f) : *word ^ 1U << below(f, 32);
	}
}

/* ---- calls ---- */

static bool expected(enum kind kind, int error)
{
	/* The descriptor may have been closed, and used for something else, by another thread. */
	if (error == EFAULT || error == EINVAL || error == EBADF || error == ENOTTY)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds[kind].errors) && kinds[kind].errors[i]; i++)
		if (error == kinds[kind].errors[i])
			return true;
	return false;
}

/* With the result of the ioctl; 0 where the structure may lie where there is nothing any more. */
static int serve_by_read(struct fuzzer *f, int fd, struct dblock_serve *serve)
{
	bool own = serve == f->serve;
	struct dblock_serve before = own ? *serve : (struct dblock_serve){};
	ssize_t got = pread(fd, serve, sizeof(*serve), below(f, MIB));
	int error = errno;
	struct stat st;

	/* Others close sessions; then this may have been the number of a disk, which was read. */
	if (fstat(fd, &st) || !S_ISCHR(st.st_mode) ||
	    (own && memcmp(&before, serve, offsetof(struct dblock_serve, consumed)))) {
		errno = EINVAL;
		return -1;
	}
	errno = error;
	if (got < 0)
		return -1;
	check_eq(got, sizeof(*serve));
	if (!own || !serve->result)
		return 0;
	errno = -serve->result;
	return -1;
}

static int call(struct fuzzer *f, enum kind kind, unsigned long cmd, int fd, void *arg)
{
	int ret, error;

	beat(f, kinds[kind].name);
	ret = kind == SERVE_BY_READ ? serve_by_read(f, fd, arg) : ioctl(fd, cmd, arg);
	error = errno;
	beat(f, NULL);
	board->calls++;
	if (ret >= 0)
		board->good[kind]++;
	else
		board->refused[kind][error % ERRORS]++;
	check(!ret || (ret < 0 && expected(kind, error)), "%s, turn %lu of a %s: %d, %s", kinds[kind].name, f->turn,
	      roles[f->role], ret, errno_name(error));
	if (f->role == WEAK_CALLER && !ret)
		check(kind != CREATE && kind != DESTROY && kind != CHANGE && kind != ADOPT,
		      "%s without CAP_SYS_ADMIN", kinds[kind].name);
	errno = error;
	return ret;
}

/* With its argument where it may not be readable, writable, or there. */
static int call_anywhere(struct fuzzer *f, enum kind kind, int fd, void *arg, size_t size)
{
	size_t before;
	void *at = arg;

	switch (below(f, 24)) {
	case 0:
		at = (void *)(uintptr_t)some_address(f);
		break;
	case 1:
		memcpy(f->writable, arg, size);
		at = f->read_only;
		break;
	case 2:
		before = 1 + below(f, size - 1);
		at = f->last + 4096 - before;
		memcpy(at, arg, before);
		break;
	case 3:
		at = f->good + GOOD - 16384 + below(f, 4096);
		memcpy(at, arg, size);
		break;
	}
	if (at == arg)
		return call(f, kind, kinds[kind].cmd, fd, arg);
	/* What it says is not looked at. */
	call(f, kind, kinds[kind].cmd, fd, at);
	return -1;
}

static struct dblock_create some_spec(struct fuzzer *f)
{
	static const uint64_t sizes[] = { MIB, 4 * MIB, 65536, 4096 };
	static const uint32_t blocks[] = { 0, 512, 1024, 4096 };
	static const uint32_t depths[] = { 0, 2, 16, 64 };
	static const uint32_t ios[] = { 0, 4096, 65536, MIB };
	static const uint32_t times[] = { 1, 20, 100, 300 };
	struct dblock_create spec = {
		.flags = rng_next(&f->rng) & DBLOCK_F_ALL & ~(uint64_t)DBLOCK_F_READ_ONLY,
		.size = sizes[below(f, 4)],
		.logical_block = blocks[below(f, 4)],
		.queues = below(f, 4),
		.depth = one_in(f, 32) ? 4096 : depths[below(f, 4)],
		.max_io = ios[below(f, 4)],
		.timeout_ms = times[below(f, 4)],
		.recovery_ms = one_in(f, 3) ? 50 + below(f, 350) : 0,
		.max_discard = one_in(f, 2) ? MIB : 0,
		.max_write_zeroes = one_in(f, 2) ? MIB : 0,
	};

	if (one_in(f, 8))
		spec.flags |= DBLOCK_F_READ_ONLY;
	if (!(spec.flags & DBLOCK_F_WRITE_CACHE))
		spec.flags &= ~(uint64_t)DBLOCK_F_FUA;
	if (!spec.recovery_ms)
		spec.flags &= ~(uint64_t)DBLOCK_F_REISSUE;
	/* A scan of what nobody serves takes its time. */
	if (!one_in(f, 8))
		spec.flags |= DBLOCK_F_NO_PARTITIONS;
	if (!one_in(f, 8))
		spec.flags &= ~(uint64_t)DBLOCK_F_OUTLIVE;
	if (one_in(f, 3))
		some_name(f, spec.name);
	if (one_in(f, 6) && board->zoned) {
		spec.zone_size = ZONE;
		spec.size = 8 * ZONE;
		spec.max_append = one_in(f, 2) ? 4096 : 0;
		spec.max_open_zones = one_in(f, 8) ? some_number(f) : below(f, 3);
		spec.flags &= ~(uint64_t)(DBLOCK_F_AUTO_START | DBLOCK_F_READ_ONLY);
	}
	return spec;
}

static void destroy(struct fuzzer *f, uint32_t id)
{
	struct dblock_target target = { .id = id, .flags = one_in(f, 4) ? 0 : DBLOCK_DESTROY_FORCE };

	call(f, DESTROY, DBLOCK_CTL_DESTROY, some_session(f), &target);
}

static void do_create(struct fuzzer *f)
{
	unsigned int index = below(f, SESSIONS), slot = below(f, OWNED), place = below(f, BOARD);
	struct dblock_create spec = some_spec(f);
	uint32_t ids[MANY];
	struct dblock_list list = { .ids = (uintptr_t)ids, .capacity = MANY };

	switch (below(f, 8)) {
	case 0:
		if (one_in(f, 2))
			fill(f, &spec, sizeof(spec));
		break;
	case 1:
		spoil(f, &spec, sizeof(spec));
		break;
	}
	/* Nothing here waits for longer than it must. */
	if (spec.timeout_ms <= DBLOCK_MAX_TIMEOUT_MS)
		spec.timeout_ms = 1 + spec.timeout_ms % 300;
	if (spec.recovery_ms <= DBLOCK_MAX_RECOVERY_MS)
		spec.recovery_ms %= 400;
	if (!call(f, LIST, DBLOCK_CTL_LIST, sessions[index], &list) && list.count >= MANY) {
		destroy(f, ids[below(f, MANY)]);
		return;
	}
	if (call_anywhere(f, CREATE, sessions[index], &spec, sizeof(spec)))
		return;
	board->ids[place] = spec.id;
	board->last_id = spec.id;
	last_owned = (uint64_t)index << 32 | spec.id;
	owned[slot] = (uint64_t)index << 32 | spec.id;
}

static void do_target(struct fuzzer *f, enum kind kind)
{
	uint64_t own = some_owned(f);
	struct dblock_target target = { .id = some_id(f) };
	unsigned int index = below(f, SESSIONS), slot = below(f, OWNED);

	if (kind == START && !one_in(f, 4)) {
		index = own >> 32;
		target.id = own;
	}
	if (kind == DESTROY)
		target.flags = !one_in(f, 3);
	if (one_in(f, 4)) {
		target.id = 0;
		some_name(f, target.name);
	}
	if (one_in(f, 8))
		spoil(f, &target, sizeof(target));
	if (one_in(f, 32))
		fill(f, &target, sizeof(target));
	if (!call_anywhere(f, kind, sessions[index], &target, sizeof(target)) && kind == ADOPT)
		owned[slot] = (uint64_t)index << 32 | target.id;
}

static void do_change(struct fuzzer *f)
{
	struct dblock_change change = { .id = some_id(f), .what = 1 + below(f, 3) };

	if (change.what & DBLOCK_CHANGE_SIZE)
		change.size = one_in(f, 4) ? some_number(f) : (1 + below(f, 64)) * 65536;
	if (change.what & DBLOCK_CHANGE_READ_ONLY)
		change.read_only = one_in(f, 3);
	if (one_in(f, 4)) {
		change.id = 0;
		some_name(f, change.name);
	}
	if (one_in(f, 8))
		spoil(f, &change, sizeof(change));
	call_anywhere(f, CHANGE, some_session(f), &change, sizeof(change));
}

static void do_info(struct fuzzer *f)
{
	struct dblock_info info = { .create.id = some_id(f) };

	if (one_in(f, 4)) {
		info.create.id = 0;
		some_name(f, info.create.name);
	}
	if (one_in(f, 8))
		spoil(f, &info, sizeof(info));
	if (call_anywhere(f, INFO, some_session(f), &info, sizeof(info)))
		return;
	check(info.state >= DBLOCK_STATE_CREATED && info.state <= DBLOCK_STATE_WAITING, "state %u", info.state);
	check(info.oldest <= DBLOCK_OLDEST_HELD && info.oldest_op <= DBLOCK_OP_ZONE_APPEND, "oldest %u, op %u",
	      info.oldest, info.oldest_op);
}

static void do_list(struct fuzzer *f)
{
	struct dblock_list list = { .capacity = below(f, 64) };

	if (one_in(f, 8))
		spoil(f, &list, sizeof(list));
	list.ids = address_or(f, (uintptr_t)f->good);
	call_anywhere(f, LIST, some_session(f), &list, sizeof(list));
}

static void do_version(struct fuzzer *f)
{
	struct dblock_version version;

	if (!call_anywhere(f, VERSION, some_session(f), &version, sizeof(version)))
		check_eq(version.abi, DBLOCK_ABI_VERSION);
}

static void do_unknown(struct fuzzer *f)
{
	unsigned long cmd = _IOC(below(f, 4), DBLOCK_IOC_MAGIC, below(f, 0x20), below(f, 256));

	for (unsigned int kind = 0; kind < KINDS; kind++)
		if (kinds[kind].cmd == cmd)
			return;
	call(f, NO_CALL, cmd, some_session(f), (void *)(uintptr_t)some_address(f));
}

/* ---- serving ---- */

/* A report of empty zones. */
static void fill_report(struct blk_zone *zones, const struct dblock_request *rq)
{
	unsigned int count = rq->length / sizeof(*zones);

	memset(zones, 0, rq->length);
	for (unsigned int i = 0; i < count; i++) {
		zones[i].start = zones[i].wp = rq->sector + i * (ZONE / 512);
		zones[i].len = zones[i].capacity = ZONE / 512;
		zones[i].type = BLK_ZONE_TYPE_SEQWRITE_REQ;
		zones[i].cond = BLK_ZONE_COND_EMPTY;
	}
}

/* The same data in a few segments, most of them good. */
static void some_segments(struct fuzzer *f, struct dblock_answer *answer)
{
	struct dblock_segment *segments = (void *)(f->good + 3 * MIB + 65536);
	uint64_t done = 0;

	answer->flags = DBLOCK_ANS_SEGMENTS;
	for (answer->segments = 0; answer->segments < 16 && done < answer->length; answer->segments++) {
		uint64_t n = answer->segments == 15 ? answer->length - done : 1 + below(f, 2 * answer->length / 8);

		if (n > answer->length - done)
			n = answer->length - done;
		segments[answer->segments].data = one_in(f, 8) ? 0 : (uintptr_t)f->good + MIB + done;
		segments[answer->segments].length = n;
		done += n;
	}
	answer->data = (uintptr_t)segments;
	if (!one_in(f, 4))
		return;
	if (one_in(f, 2))
		answer->data = some_address(f);
	else
		spoil(f, segments, 16 * sizeof(*segments));
}

static struct dblock_answer some_answer(struct fuzzer *f, const struct dblock_request *rq)
{
	static const int errors[] = { EIO, ENOSPC, ETIMEDOUT, EAGAIN, ENODATA, ENOMEM, ETOOMANYREFS, 4095 };
	struct dblock_answer answer = answer_of(rq, f->good + MIB);

	if (rq->op == DBLOCK_OP_ZONE_REPORT && rq->length <= MIB) {
		answer.data = (uintptr_t)f->good + 3 * MIB;
		fill_report((void *)(f->good + 3 * MIB), rq);
	}
	if (rq->op == DBLOCK_OP_ZONE_APPEND)
		answer.data = rq->sector;
	if (!one_in(f, 3))
		return answer;
	switch (below(f, 9)) {
	case 0:
		answer.result = -errors[below(f, ARRAY_SIZE(errors))];
		answer.length = one_in(f, 2) ? 0 : rq->length / 2;
		break;
	case 1:
		answer.flags = DBLOCK_ANS_ZEROES;
		answer.data = some_address(f);
		break;
	case 2:
		answer.flags = DBLOCK_ANS_MORE;
		answer.length = (1 + below(f, 8)) * 512;
		answer.result = one_in(f, 3) ? -EIO : 0;
		break;
	case 3:
		answer.data = some_address(f);
		break;
	case 8:
		some_segments(f, &answer);
		break;
	case 4:
		answer.cookie ^= 1ULL << below(f, 64);
		break;
	case 5:
		answer.cookie = board->cookies[below(f, BOARD)];
		break;
	default:
		spoil(f, &answer, sizeof(answer));
	}
	return answer;
}

/* One DBLOCK_SERVE: answers what is held, or some of it, and fetches. */
static void serve(struct fuzzer *f, int fd, uint32_t device, bool mad)
{
	struct dblock_answer *answers = (void *)f->good;
	struct dblock_request *requests = (void *)(f->good + 65536);
	struct dblock_serve serve = {
		.device = device,
		.queue = one_in(f, 4) ? below(f, 3) : DBLOCK_QUEUE_ANY,
		.answers = (uintptr_t)answers,
		.requests = (uintptr_t)requests,
		.buffer = (uintptr_t)f->good + MIB,
		.buffer_size = 2 * MIB,
		.timeout_ns = below(f, 8) * 1000000,
		.max_requests = below(f, HELD),
	};
	enum kind kind = device && one_in(f, 2) ? SERVE_BY_READ : SERVE;
	unsigned int n = 0, nr_answers;
	int ret;

	if (f->held_of != device)
		f->nr_held = 0;		/* never answered */
	f->held_of = device;
	for (n = 0; n < f->nr_held; n++)
		answers[n] = some_answer(f, &f->held[n]);
	if (mad && one_in(f, 4)) {
		struct dblock_request forged = {
			.cookie = board->cookies[below(f, BOARD)],
			.length = below(f, 16) * 512,
		};

		answers[n++] = some_answer(f, &forged);
	}
	serve.nr_answers = n;
	/* Forgets some, which then time out. */
	if (one_in(f, 16))
		serve.nr_answers = below(f, n + 1);
	if (mad) {
		if (one_in(f, 8))
			spoil(f, &serve, sizeof(serve));
		serve.answers = address_or(f, (uintptr_t)answers);
		serve.requests = address_or(f, (uintptr_t)requests);
		serve.buffer = address_or(f, (uintptr_t)f->good + MIB);
		if (serve.timeout_ns < 0 || serve.timeout_ns > 20000000)
			serve.timeout_ns = 1000000;
	}
	nr_answers = serve.nr_answers;
	n = serve.max_requests;
	f->serve = &serve;
	ret = mad ? call_anywhere(f, kind, fd, &serve, sizeof(serve)) :
		    call(f, kind, kinds[kind].cmd, fd, &serve);
	f->serve = NULL;
	f->nr_held = 0;
	if (device && (ret ? errno == ENODEV : serve.state & DBLOCK_SERVE_END))
		forget(device);
	if (ret)
		return;
	check(serve.consumed <= nr_answers && serve.nr_requests <= n && !(serve.state & ~DBLOCK_SERVE_END),
	      "consumed %u of %u, %u requests of %u, state %#x", serve.consumed, nr_answers, serve.nr_requests, n,
	      serve.state);
	board->answered += serve.consumed;
	board->fetched += serve.nr_requests;
	/* Not of those that are somewhere else. */
	if (serve.requests != (uintptr_t)requests)
		return;
	for (n = 0; n < serve.nr_requests && n < HELD; n++) {
		const struct dblock_request *rq = &requests[n];

		f->held[f->nr_held++] = *rq;
		board->cookies[rq->cookie % BOARD] = rq->cookie;
	}
}

static void serve_own(struct fuzzer *f, bool mad)
{
	uint64_t own = some_owned(f);
	uint32_t id = own;

	/* Some turns with the same one, so that what was fetched is answered. */
	if (f->nr_held && !one_in(f, 8)) {
		for (unsigned int i = 0; i < OWNED; i++)
			if ((uint32_t)owned[i] == f->held_of)
				own = owned[i];
		id = f->held_of;
	}
	if (mad && one_in(f, 8))
		id = some_id(f);
	else if (!id)
		nap_ms(1);
	serve(f, sessions[own >> 32], id, mad);
}

/* The node of a device there is, or -1. */
static int some_disk(struct fuzzer *f, int flags)
{
	struct dblock_info info = { .create.id = some_id(f) };
	char path[64];
	int fd;

	if (call(f, INFO, DBLOCK_CTL_INFO, some_session(f), &info)) {
		if (errno == ENODEV)
			forget(info.create.id);
		return -1;
	}
	if (info.state != DBLOCK_STATE_LIVE && !one_in(f, 4))
		return -1;
	snprintf(path, sizeof(path), "/dev/%.31s", info.create.name);
	beat(f, "open");
	fd = open(path, flags | O_CLOEXEC);
	beat(f, NULL);
	return fd;
}

static void close_disk(struct fuzzer *f, int fd)
{
	beat(f, "close");
	close(fd);
	beat(f, NULL);
}

static void serve_disk(struct fuzzer *f)
{
	int fd = some_disk(f, O_RDWR);
	bool mad = one_in(f, 4);

	if (fd < 0)
		return;
	for (unsigned int i = below(f, 8); i < 8; i++)
		serve(f, fd, 0, mad);
	f->nr_held = 0;
	/* Those for the control node mean nothing here. */
	if (one_in(f, 4)) {
		fill(f, f->good, 256);
		call(f, NO_CALL, kinds[below(f, SERVE)].cmd, fd, f->good);
	}
	close_disk(f, fd);
}

/* ---- what else happens ---- */

/* Makes holes in memory that others pass to the module at this moment, and mends them. */
static void mangle(struct fuzzer *f)
{
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	uint8_t *page = mangled + below(f, MANGLED / 4096) * 4096;

	switch (below(f, 4)) {
	case 0:
		mprotect(page, 4096, protections[below(f, 3)]);
		break;
	case 1:
		munmap(page, 4096);
		break;
	case 2:
		madvise(page, 4096, MADV_DONTNEED);
		break;
	default:
		mmap(mangled, MANGLED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
}

/* Has addresses of ours lie on a device of ours. */
static void map_device(struct fuzzer *f)
{
	int fd = some_disk(f, O_RDWR);
	uint8_t *map, *before;

	if (fd < 0)
		return;
	map = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED) {
		before = atomic_exchange(&mapped, map);
		beat(f, "munmap");
		munmap(before, 32768);
		beat(f, NULL);
	}
	close_disk(f, fd);
}

static void reopen(struct fuzzer *f)
{
	int fd = atomic_exchange(&sessions[below(f, SESSIONS - 1)], session_open());

	beat(f, "close of a session");
	close(fd);
	beat(f, NULL);
}

/* A process that has what this one has, and dies. */
static void fork_briefly(struct fuzzer *f)
{
	bool killed = one_in(f, 2);
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return;
	if (!pid) {
		serve_own(f, false);
		serve_own(f, true);
		if (killed)
			raise(SIGKILL);
		_exit(0);
	}
	beat(f, "waiting for a child");
	waitpid(pid, &status, 0);
	beat(f, NULL);
}

static void do_else(struct fuzzer *f)
{
	switch (below(f, 16)) {
	case 0:
		reopen(f);
		break;
	case 1: case 2: case 3:
		map_device(f);
		break;
	case 6:
		fork_briefly(f);
		break;
	case 7:
		if (!one_in(f, 16))
			break;
		board->exits++;
		_exit(0);
	default:
		mangle(f);
	}
}

static void caller(struct fuzzer *f)
{
	uint64_t choice = below(f, 100);

	if (choice < 16)
		do_create(f);
	else if (choice < 28)
		do_target(f, START);
	else if (choice < 32)
		do_target(f, DESTROY);
	else if (choice < 36)
		do_create(f);
	else if (choice < 42)
		do_target(f, ADOPT);
	else if (choice < 50)
		do_change(f);
	else if (choice < 58)
		do_info(f);
	else if (choice < 62)
		do_list(f);
	else if (choice < 64)
		do_version(f);
	else if (choice < 66)
		do_unknown(f);
	else if (choice < 86)
		serve_own(f, true);
	else if (choice < 90)
		serve_disk(f);
	else
		do_else(f);
}

static void one_io(struct fuzzer *f, int fd)
{
	/* Few pages, so that writing them back to nobody ends soon. */
	uint64_t range[2] = { below(f, 8) * 4096, (1 + below(f, 4)) * 4096 };
	struct blk_zone_range zones = { .sector = below(f, 8) * (ZONE / 512), .nr_sectors = ZONE / 512 };
	struct blk_zone_report *report = (void *)(f->good + 65536);
	uint64_t choice = below(f, 16);
	int read_only = one_in(f, 4);
	long result;

	board->ios++;
	beat(f, choice < 10 ? "read or write" : choice < 12 ? "fsync" : "an ioctl of the block layer's");
	if (choice < 6) {
		result = pread(fd, f->good, range[1], range[0]);
	} else if (choice < 10) {
		result = pwrite(fd, f->good, range[1], range[0]);
	} else if (choice < 12) {
		result = fsync(fd);
	} else if (choice == 12) {
		result = ioctl(fd, one_in(f, 2) ? BLKDISCARD : BLKZEROOUT, range);
	} else if (choice == 13) {
		*report = (struct blk_zone_report){ .sector = zones.sector, .nr_zones = 8 };
		result = ioctl(fd, BLKREPORTZONE, report);
	} else if (choice == 14) {
		result = ioctl(fd, one_in(f, 2) ? BLKRESETZONE : BLKFINISHZONE, &zones);
	} else {
		result = one_in(f, 2) ? ioctl(fd, BLKROSET, &read_only) : ioctl(fd, BLKFLSBUF, 0);
	}
	beat(f, NULL);
	board->good_ios += result >= 0;
}

static void user(struct fuzzer *f)
{
	int fd = some_disk(f, O_RDWR | (one_in(f, 3) ? 0 : O_DIRECT));

	if (fd < 0) {
		nap_ms(1);
		return;
	}
	for (unsigned int i = below(f, 8); i < 8; i++)
		one_io(f, fd);
	close_disk(f, fd);
}

static pthread_t threads[ROLES];

static void poller(struct fuzzer *f)
{
	struct epoll_event event = { .events = EPOLLIN | (one_in(f, 2) ? EPOLLET : 0) }, events[8];
	struct pollfd fds[SESSIONS];

	beat(f, "poll");
	epoll_ctl(f->epoll, one_in(f, 3) ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, some_session(f), &event);
	for (unsigned int i = 0; i < SESSIONS; i++)
		fds[i] = (struct pollfd){ .fd = sessions[i], .events = POLLIN };
	if (one_in(f, 2))
		poll(fds, SESSIONS, below(f, 5));
	else
		epoll_wait(f->epoll, events, ARRAY_SIZE(events), below(f, 5));
	beat(f, NULL);
	board->polls++;
	if (one_in(f, 8))
		pthread_kill(threads[below(f, POLLER)], SIGUSR1);
	if (one_in(f, 64)) {
		close(f->epoll);
		f->epoll = epoll_create1(EPOLL_CLOEXEC);
	}
}

static void *run(void *arg)
{
	struct fuzzer *f = arg;
	int page = memfd_create("page", MFD_CLOEXEC);

	check_ok(ftruncate(page, 4096));
	f->good = mmap(NULL, GOOD + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(f->good != MAP_FAILED, "mmap: %s", errno_name(errno));
	f->good += GUARD;
	check_ok(mprotect(f->good, GOOD, PROT_READ | PROT_WRITE));
	f->last = f->good + GOOD - 4096;
	f->writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
	f->read_only = mmap(NULL, 4096, PROT_READ, MAP_SHARED, page, 0);
	check(f->writable != MAP_FAILED && f->read_only != MAP_FAILED, "mmap: %s", errno_name(errno));
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->role == WEAK_CALLER)
		drop_sys_admin();
	for (f->turn = 0; !board->stop; f->turn++) {
		/* Anew each time: what another thread did must not change the next choice. */
		f->rng = rng_new((((uint64_t)number << 24 | incarnation << 8 | f->role) << 32) + f->turn);
		switch (f->role) {
		case CALLER: case OTHER_CALLER: case WEAK_CALLER:
			caller(f);
			break;
		case SERVER: case OTHER_SERVER:
			serve_own(f, one_in(f, 16));
			break;
		case DISK_SERVER:
			if (one_in(f, 4))
				serve_disk(f);
			else
				serve_own(f, false);
			break;
		case USER: case OTHER_USER:
			user(f);
			break;
		default:
			poller(f);
		}
	}
	beat(f, NULL);
	return NULL;
}

static void on_signal(int signal)
{
	(void)signal;
}

/* The last session is one that all processes have. */
static void run_process(int common)
{
	struct sigaction action = { .sa_handler = on_signal };
	static struct fuzzer fuzzers[ROLES];

	check_ok(sigaction(SIGUSR1, &action, NULL));
	for (unsigned int i = 0; i < SESSIONS - 1; i++)
		sessions[i] = session_open();
	sessions[SESSIONS - 1] = common;
	mangled = mmap(NULL, MANGLED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mapped = mmap(NULL, 32768, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(mangled != MAP_FAILED && mapped != MAP_FAILED, "mmap: %s", errno_name(errno));
	for (unsigned int i = 0; i < ROLES; i++) {
		fuzzers[i].role = i;
		check(!pthread_create(&threads[i], NULL, run, &fuzzers[i]), "pthread_create");
	}
	for (unsigned int i = 0; i < ROLES; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* ---- the one who watches ---- */

static pid_t spawn(unsigned int slot, int common)
{
	pid_t pid;

	memset(&board->beats[slot], 0, sizeof(board->beats[slot]));
	pid = fork_case();
	if (!pid) {
		number = slot;
		run_process(common);
	}
	incarnation++;
	return pid;
}

static void end(pid_t pid)
{
	step("waiting for a killed process");
	check_ok(kill(pid, SIGKILL));
	if (wait_child(pid, HANG_SECONDS, NULL))
		return;
	note_stacks();
	fail("a killed process is still there after %d s", HANG_SECONDS * slowness);
}

static void look_for_hangs(void)
{
	for (unsigned int i = 0; i < PROCESSES; i++)
		for (unsigned int role = 0; role < ROLES; role++) {
			struct beat *beat = &board->beats[i][role];
			const char *what = beat->what;
			double since = beat->since;

			if (!what || now() - since < HANG_SECONDS * slowness || what != beat->what)
				continue;
			note_stacks();
			fail("a %s of process %u is in %s for %.0f s", roles[role], i, what, now() - since);
		}
}

static unsigned long wanted(void)
{
	const char *calls = getenv("DBLOCK_FUZZ_CALLS");

	return calls ? strtoul(calls, NULL, 0) : 0;
}

/* All of them, those that outlive their sessions too. */
static void destroy_all(void)
{
	int session = session_open();
	uint32_t ids[4 * MANY];
	struct dblock_list list = { .ids = (uintptr_t)ids, .capacity = ARRAY_SIZE(ids) };
	double limit = now() + HANG_SECONDS * slowness;

	do {
		check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
		step("destroying what is left (%u)", list.count);
		for (unsigned int i = 0; i < min(list.count, ARRAY_SIZE(ids)); i++)
			ctl_destroy(session, ids[i], DBLOCK_DESTROY_FORCE);
		check(now() < limit, "%u devices are still there", list.count);
	} while (list.count);
	close(session);
}

static void report(double seconds)
{
	note("seed %llu: %lu calls in %.0f s; %lu processes killed, %lu ended", (unsigned long long)test_seed(),
	     board->calls, seconds, board->kills, board->exits);
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		char line[300];
		int n = snprintf(line, sizeof(line), "  %-8s %lu succeeded", kinds[kind].name, board->good[kind]);

		for (int error = 0; error < ERRORS && n < (int)sizeof(line); error++)
			if (board->refused[kind][error])
				n += snprintf(line + n, sizeof(line) - n, ", %lu %s", board->refused[kind][error],
					      errno_name(error));
		note("%s", line);
	}
	note("  requests: %lu fetched, %lu answered; I/O: %lu of %lu succeeded; %lu polls", board->fetched,
	     board->answered, board->good_ios, board->ios, board->polls);
}

/* What never got anywhere shows nothing. The name of what has not. */
static const char *missing(void)
{
	/* Of ADOPT there are few: somebody must have died, and nobody else come. */
	for (unsigned int kind = 0; kind < NO_CALL; kind++)
		if (!board->good[kind] && kind != ADOPT)
			return kinds[kind].name;
	if (board->fetched < 10 || board->answered < 10)
		return "request";
	if (board->good_ios < 10)
		return "I/O";
	return board->kills ? NULL : "kill";
}

static bool enough(unsigned long wanted, double begun)
{
	if (now() > begun + MOST_SECONDS && !wanted)
		return true;
	if (missing())
		return false;
	if (wanted)
		return board->calls >= wanted;
	return board->calls >= SAMPLE || now() > begun + SAMPLE_SECONDS;
}

CASE(random_calls_of_threads_and_processes_that_die)
{
	unsigned long calls = wanted();
	int common = session_open();
	pid_t pids[PROCESSES];
	struct rng rng = rng_new(0);
	unsigned long next = 500;
	double begun = now();
	struct dblock_version version;

	board = shared_page(sizeof(*board));
	check_ok(ioctl(common, DBLOCK_CTL_VERSION, &version));
	board->zoned = version.features & DBLOCK_FEAT_ZONED;
	for (unsigned int i = 0; i < PROCESSES; i++)
		pids[i] = spawn(i, common);
	while (!enough(calls, begun)) {
		step("%lu calls", board->calls);
		nap_ms(20);
		look_for_hangs();
		for (unsigned int i = 0; i < PROCESSES; i++)
			if (wait_child(pids[i], 0, NULL))
				pids[i] = spawn(i, common);
		if (board->calls >= next) {
			unsigned int i = rng_below(&rng, PROCESSES);

			end(pids[i]);
			board->kills++;
			pids[i] = spawn(i, common);
			next = board->calls + rng_below(&rng, 2000);
		}
	}
	board->stop = true;
	for (unsigned int i = 0; i < PROCESSES; i++)
		end(pids[i]);
	report(now() - begun);
	close(common);
	destroy_all();
	check_wait(30, module_users() == 0, "the module to have no users (%d)", module_users());

	check(!missing(), "hardly a %s succeeded", missing());
}

/* Nothing refers to it any more; and what it frees at its end is looked at, too. */
CASE(the_module_can_be_unloaded_then)
{
	const char *path = getenv("DBLOCK_KO");
	int fd;

	if (!path)
		skip("DBLOCK_KO is not set to the module's path");
	check_wait(30, !syscall(SYS_delete_module, "dblock", O_NONBLOCK), "unloading the module (%s)",
		   errno_name(errno));
	fd = check_ok(open(path, O_RDONLY | O_CLOEXEC));
	check_wait(10, !syscall(SYS_finit_module, fd, "", 0), "loading %s: %s", path, errno_name(errno));
	check_wait(10, !access(DBLOCK_CTL_PATH, F_OK), "waiting for %s", DBLOCK_CTL_PATH);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct test tests[] = {
		TEST_FOR(random_calls_of_threads_and_processes_that_die, 4 * HANG_SECONDS + wanted() / 20),
		TEST(the_module_can_be_unloaded_then),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
