// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation that a call leads to fails once, the first, the second, and
 * so on, and every copy from or to the caller's memory too: /proc/self/fail-nth
 * of a kernel with CONFIG_FAULT_INJECTION, such as that of kernels/kernel.sh. The
 * call fails cleanly or succeeds all the same, and works the next time.
 *
 * These are the allocations of the calling task, the block layer's among them.
 */
#include "harness.h"

#include <linux/blkzoned.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

/* More allocations than any call makes. */
#define MOST	5000

/* Copies fail, too: else there are calls in which nothing can. */
static bool copies_fail;

static bool debugfs_write(const char *attribute, const char *value)
{
	char path[120];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

/*
 * Nothing fails below this function. Of kmem_cache_create() it is the one that
 * leaks a name then: it does not put the kobject that it could not add.
 */
#define SPARED		"sysfs_slab_add"

/* Where that is, and what comes after it; false if the kernel has no such function. */
static bool find_spared(unsigned long long *start, unsigned long long *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned long long address;
	char name[512];

	check(symbols, "/proc/kallsyms: %s", errno_name(errno));
	*start = *end = 0;
	while (!*start && fscanf(symbols, "%llx %*c %511s%*[^\n]", &address, name) == 2)
		if (!strcmp(name, SPARED))
			*start = address;
	rewind(symbols);
	while (*start && fscanf(symbols, "%llx %*c %511s%*[^\n]", &address, name) == 2)
		if (address > *start && (!*end || address < *end))
			*end = address;
	fclose(symbols);
	return *end;
}

static void spare(const char *what, unsigned long long start, unsigned long long end)
{
	char attribute[64], value[32];

	snprintf(attribute, sizeof(attribute), "%s/reject-start", what);
	snprintf(value, sizeof(value), "0x%llx", start);
	check(debugfs_write(attribute, value), "%s: %s", attribute, errno_name(errno));
	snprintf(attribute, sizeof(attribute), "%s/reject-end", what);
	snprintf(value, sizeof(value), "0x%llx", end);
	check(debugfs_write(attribute, value), "%s: %s", attribute, errno_name(errno));
}

/* Also those that may wait, and without a stack trace for each. */
static void need_injection(void)
{
	unsigned long long start, end;

	if (access("/proc/self/fail-nth", W_OK))
		skip("the kernel has no CONFIG_FAULT_INJECTION");
	if (!debugfs_write("failslab/ignore-gfp-wait", "N"))
		skip("no debugfs with failslab: %s", errno_name(errno));
	check(debugfs_write("fail_page_alloc/ignore-gfp-wait", "N") &&
	      debugfs_write("fail_page_alloc/ignore-gfp-highmem", "N") &&
	      debugfs_write("fail_page_alloc/min-order", "0"), "fail_page_alloc: %s", errno_name(errno));
	check(debugfs_write("failslab/verbose", "0") && debugfs_write("fail_page_alloc/verbose", "0"),
	      "verbose: %s", errno_name(errno));
	copies_fail = debugfs_write("fail_usercopy/verbose", "0");
	if (find_spared(&start, &end)) {
		spare("failslab", start, end);
		spare("fail_page_alloc", start, end);
	}
}

static int fail_nth_open(void)
{
	return check_ok(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
}

/* The n-th from here on fails. */
static void fail_nth(int fd, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	check_eq(pwrite(fd, text, length, 0), length);
}

/* None any more. Whether it has come to the n-th. */
static bool failed_nth(int fd)
{
	char text[16] = "";

	/* These copies count, too: when it comes to them, nothing before was the n-th, and none is left. */
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return false;
	if (!atoi(text))
		return true;
	if (pwrite(fd, "0", 1, 0) != 1)
		fail_nth(fd, 0);
	return false;
}

/*
 * Does `call` with the n-th allocation failing, for each n there is; `error` is
 * its errno or 0, and says what becomes of it.
 */
#define for_each_failure(call, error)							\
	for (int nth_ = fail_nth_open(), n_ = 1, again_ = 1, error = 0;			\
	     again_ && (step(#call " with failure %d", n_), fail_nth(nth_, n_), errno = 0,	\
			error = (call) < 0 ? errno : 0, again_ = failed_nth(nth_), true);	\
	     again_ ? check_more(++n_) : finish(nth_, #call, n_))

static void check_more(int n)
{
	check(n < MOST, "there is no end to it");
}

static void finish(int fd, const char *call, int n)
{
	close(fd);
	check(n > 1 || !copies_fail, "%s: not one failure", call);
	note("%s: %d failures", call, n - 1);
}

static void check_clean_error(int error)
{
	check(!error || error == ENOMEM || error == EFAULT, "%s", errno_name(error));
}

/* The block layer does not always tell why it could not add a disk. */
static void check_disk_error(int error)
{
	if (error != EINVAL && error != EEXIST && error != EIO)
		check_clean_error(error);
}

static unsigned int device_count(int session)
{
	struct dblock_list list = { .capacity = 0 };

	check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
	return list.count;
}

/* ---- the control node ---- */

CASE(open_of_the_control_node)
{
	int fd = -1;

	need_injection();
	for_each_failure(fd = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC), error) {
		check_clean_error(error);
		check_eq(fd < 0, error != 0);
		if (fd >= 0)
			close(fd);
	}
}

CASE(calls_that_change_nothing)
{
	int session = session_open();
	struct dblock_create spec = spec_of(MIB);
	struct dblock_version version;
	struct dblock_info info;
	uint32_t ids[4];
	struct dblock_list list = { .ids = (uintptr_t)ids, .capacity = 4 };

	need_injection();
	check_ok(ctl_create(session, &spec));
	for_each_failure(ioctl(session, DBLOCK_CTL_VERSION, &version), error)
		check_clean_error(error);
	for_each_failure(ctl_info(session, spec.id, &info), error)
		check_clean_error(error);
	for_each_failure(ioctl(session, DBLOCK_CTL_LIST, &list), error)
		check_clean_error(error);
	check_eq(list.count, 1);
	check_eq(ids[0], spec.id);
	check_ok(ctl_destroy(session, spec.id, 0));
}

/* With everything that needs memory of its own. */
static struct dblock_create large_spec(void)
{
	struct dblock_create spec = spec_of(8 * MIB);

	spec.queues = 2;
	spec.depth = 512;
	spec.max_discard = MIB;
	spec.recovery_ms = 1000;
	return spec;
}

static int create(int session, struct dblock_create *spec)
{
	*spec = large_spec();
	return ctl_create(session, spec);
}

static int create_started(int session, struct dblock_create *spec)
{
	*spec = large_spec();
	spec->flags |= DBLOCK_F_AUTO_START;
	return ctl_create(session, spec);
}

/* What is there after a creation, successful or not. */
static void check_created(int session, int error, const struct dblock_create *spec)
{
	uint32_t id = 0;
	struct dblock_list list = { .ids = (uintptr_t)&id, .capacity = 1 };
	struct dblock_info info;

	check_disk_error(error);
	check_ok(ioctl(session, DBLOCK_CTL_LIST, &list));
	if (error && error != EFAULT)
		check_eq(list.count, 0);
	if (!error)
		check_eq(spec->id, id);
	if (!list.count)
		return;
	/* After EFAULT there may be one: only what it is could not be told. */
	check_ok(ctl_info(session, id, &info));
	check_ok(ctl_destroy_patiently(session, id));
	check_wait(10, !device_exists(info.create.name), "%s to go", info.create.name);
}

CASE(create_and_destroy)
{
	struct dblock_create spec;
	int session = session_open();

	need_injection();
	for_each_failure(create(session, &spec), error)
		check_created(session, error, &spec);
	check_ok(create(session, &spec));
	for_each_failure(ctl_destroy(session, spec.id, 0), error) {
		check_clean_error(error);
		if (!error)
			check_ok(create(session, &spec));
	}
	check_ok(ctl_destroy(session, spec.id, 0));
	close(session);
	check_wait(10, module_users() == 0, "the module to have no users (%d)", module_users());
}

CASE(create_that_starts_at_once)
{
	struct dblock_create spec;
	int session = session_open();

	need_injection();
	for_each_failure(create_started(session, &spec), error)
		check_created(session, error, &spec);
}

static int poll_once(int session)
{
	struct pollfd pfd = { session, POLLIN, 0 };

	return poll(&pfd, 1, 0);
}

/* The disk could not be added: the device has ended, and every call says so. */
static void check_ended(int session, const struct dblock_create *spec)
{
	struct hand hand = { .fd = session, .device = spec->id, .buffer_size = DBLOCK_DEFAULT_IO };
	struct dblock_request rq;
	struct dblock_info info;

	check_fails(ENXIO, ctl_start(session, spec->id));
	check_wait(10, ctl_info(session, spec->id, &info), "device %u to go", spec->id);
	check_eq(errno, ENODEV);
	check_eq(poll_once(session), 1);
	hand.buffer = buffer_new(hand.buffer_size);
	check_fails(ENXIO, fetch(&hand, &rq, 1, 0));	/* by it END is told */
	free(hand.buffer);
	check_eq(poll_once(session), 0);
}

CASE(start)
{
	struct dblock_create spec;
	int session = session_open(), ended = 0;
	struct dblock_info info;

	need_injection();
	check_ok(create(session, &spec));
	for_each_failure(ctl_start(session, spec.id), error) {
		check_disk_error(error);
		check_eq(device_exists(spec.name), !error);
		if (error && error != EFAULT) {
			check_ended(session, &spec);
			ended++;
		} else {
			struct hand hand = { .fd = session, .device = spec.id };
			struct dblock_serve serve = serve_call(&hand, NULL, 0, 0);

			/* What failed was the copy of the arguments, or does not matter. */
			if (error)
				check_ok(ctl_start(session, spec.id));
			check_ok(ctl_info(session, spec.id, &info));
			check_eq(info.state, DBLOCK_STATE_LIVE);
			check_ok(ctl_destroy_patiently(session, spec.id));
			check_ok(ioctl(session, DBLOCK_SERVE, &serve));
			check_eq(serve.state, DBLOCK_SERVE_END);
		}
		check_wait(10, !device_exists(spec.name), "%s to go", spec.name);
		check_ok(create(session, &spec));
	}
	check(ended || !kernel_at_least(5, 15), "no disk could not be added");
}

CASE(change_and_adopt)
{
	struct dblock_create spec;
	int session = session_open(), other;
	struct dblock_change change = { .what = DBLOCK_CHANGE_SIZE | DBLOCK_CHANGE_READ_ONLY };
	struct dblock_target target = { 0 };
	struct dblock_info info;

	need_injection();
	spec = large_spec();
	spec.flags |= DBLOCK_F_OUTLIVE | DBLOCK_F_AUTO_START;
	check_ok(ctl_create(session, &spec));
	change.id = target.id = spec.id;
	for (unsigned int i = 0; i < 2; i++) {
		change.size = (i + 1) * MIB;
		change.read_only = i;
		for_each_failure(ioctl(session, DBLOCK_CTL_CHANGE, &change), error)
			check_clean_error(error);
		check_ok(ctl_info(session, spec.id, &info));
		check_eq(info.create.size, change.size);
		check_eq(sysfs_number(spec.name, "size"), change.size / 512);
		check_eq(sysfs_number(spec.name, "ro"), i);
	}
	close(session);
	other = session_open();
	for_each_failure(ioctl(other, DBLOCK_CTL_ADOPT, &target), error) {
		check_clean_error(error);
		if (error)
			continue;
		/* Given back, for the next failure. */
		close(other);
		other = session_open();
	}
	check_ok(ioctl(other, DBLOCK_CTL_ADOPT, &target));
	check_ok(ctl_destroy_patiently(other, spec.id));
}

static int watch(int session, int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, session, &event);
}

CASE(poll_and_epoll)
{
	int session = session_open(), epoll = check_ok(epoll_create1(EPOLL_CLOEXEC));
	struct dblock_create spec = spec_of(MIB);
	struct epoll_event event;

	need_injection();
	check_ok(ctl_create(session, &spec));
	for_each_failure(poll_once(session), error)
		check_clean_error(error);
	for_each_failure(watch(session, epoll), error) {
		check_clean_error(error);
		if (!error)
			check_ok(epoll_ctl(epoll, EPOLL_CTL_DEL, session, NULL));
	}
	check_ok(watch(session, epoll));
	check_ok(ctl_destroy(session, spec.id, 0));
	/* Nobody has been told the end. */
	check_eq(epoll_wait(epoll, &event, 1, 5000), 1);
	check_eq(poll_once(session), 1);
}

/* ---- requests ---- */

static int serve_nothing(const struct hand *hand)
{
	struct dblock_request rq;

	return fetch(hand, &rq, 1, 0);
}

/* Each time the first call of a process, which is remembered as a server. */
CASE(first_serve)
{
	need_injection();
	for (unsigned int n = 1; ; n++) {
		struct dblock_create spec = spec_of(MIB);
		struct device *dev = device_create(&spec);
		struct hand hand = hand_of(dev);
		int fd = fail_nth_open(), error;
		bool failed;

		step("the first serve with failure %u", n);
		fail_nth(fd, n);
		error = serve_nothing(&hand) ? errno : 0;
		failed = failed_nth(fd);
		close(fd);
		check_clean_error(error);
		/* And it can go on. */
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
		device_start(dev);
		device_down(dev);
		free(hand.buffer);
		if (!failed) {
			check(n > 1, "not one allocation");
			break;
		}
	}
}

/* With the n-th failure in it, or none with n = 0; whether there was one. Fails cleanly, or does it. */
static bool serve_failing(int nth, const struct hand *hand, struct dblock_serve *serve, unsigned int n, int *ret)
{
	bool failed;

	fail_nth(nth, n);
	*ret = ioctl(hand->fd, DBLOCK_SERVE, serve) ? errno : 0;
	failed = n && failed_nth(nth);
	check(!*ret || *ret == ESTALE || *ret == EFAULT || *ret == ENOMEM, "%s", errno_name(*ret));
	return failed;
}

/* Serves until the I/O is done. After a call with a failure there is one without. Whether there was any. */
static bool serve_io(struct device *dev, struct hand *hand, struct io *io, int nth, unsigned int n)
{
	double limit = now() + 20 * slowness;
	bool failed = false, now_failed = false;

	while (!io->done) {
		struct dblock_request rq;
		struct dblock_answer answer;
		struct dblock_serve serve = serve_call(hand, &rq, 1, 10);
		int ret;

		check(now() < limit, "the I/O is not done after %u s", 20 * slowness);
		now_failed = serve_failing(nth, hand, &serve, now_failed ? 0 : n, &ret);
		failed |= now_failed;
		if (ret || !serve.nr_requests)
			continue;
		answer = answer_of(&rq, NULL);
		memory_apply(dev, &rq, &answer);
		serve = serve_call(hand, NULL, 0, 0);
		serve.answers = (uintptr_t)&answer;
		serve.nr_answers = 1;
		failed |= serve_failing(nth, hand, &serve, n, &ret);
		/* Not taken; or taken, and that could not be told. */
		if (ret && ioctl(hand->fd, DBLOCK_SERVE, &serve))
			check_eq(errno, ESTALE);
	}
	return failed;
}

/* Copies fail: nothing that was fetched is lost, nothing is answered twice. */
CASE(serving_requests)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	uint8_t *out = buffer_new(65536), *in = buffer_new(65536);
	unsigned int n = 0;
	bool failed;
	int fd, nth;

	need_injection();
	nth = fail_nth_open();
	device_start(dev);
	quiesce(dev, &hand, 100);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	do {
		struct io *io;

		step("requests with failure %u", ++n);
		pattern_fill(out, 65536, 0, n);
		io = io_start(IO_WRITE, fd, out, 65536, 0);
		failed = serve_io(dev, &hand, io, nth, n);
		check_eq(io_finish(io, 15), 65536);
		io = io_start(IO_READ, fd, in, 65536, 0);
		failed |= serve_io(dev, &hand, io, nth, n);
		check_eq(io_finish(io, 15), 65536);
		check(!memcmp(in, out, 65536), "what was written is not what is read");
		check(n < MOST, "there is no end to it");
	} while (failed);
	check(n > 1, "not one failure");
	note("serving requests: %u failures", n - 1);
	close(fd);
	device_down(dev);
}

CASE(users_of_the_disk)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR | O_DIRECT), buffered = device_open(dev, O_RDWR), disk = -1;
	uint64_t range[2] = { 0, 65536 };
	uint8_t *buf = buffer_new(65536);

	need_injection();
	for_each_failure(disk = open(dev->path, O_RDWR | O_CLOEXEC), error) {
		check_clean_error(error);
		if (!error)
			close(disk);
	}
	for_each_failure(pwrite(fd, buf, 65536, 0), error)
		check_clean_error(error);
	for_each_failure(pread(fd, buf, 65536, 0), error)
		check_clean_error(error);
	for_each_failure(pwrite(buffered, buf, 65536, 0), error)
		check_clean_error(error);
	for_each_failure(fsync(buffered), error)
		check_clean_error(error);
	for_each_failure(ioctl(fd, BLKZEROOUT, range), error)
		check_clean_error(error);
	check_eq(pread(fd, buf, 65536, 0), 65536);
	check(all_bytes(buf, 65536, 0), "not zeros");
	close(fd);
	close(buffered);
	device_down(dev);
}

/* ---- zones ---- */

#define ZONE_SIZE	MIB

static bool answer_zones(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	static _Thread_local struct blk_zone zones[256];

	if (rq->op != DBLOCK_OP_ZONE_REPORT)
		return memory_answer(server, rq, answer);
	memset(zones, 0, sizeof(zones));
	for (unsigned int i = 0; i < rq->length / sizeof(*zones); i++)
		zones[i] = (struct blk_zone){
			.start = rq->sector + i * (ZONE_SIZE / 512),
			.wp = rq->sector + i * (ZONE_SIZE / 512),
			.len = ZONE_SIZE / 512,
			.capacity = ZONE_SIZE / 512,
			.type = BLK_ZONE_TYPE_SEQWRITE_REQ,
			.cond = BLK_ZONE_COND_EMPTY,
		};
	answer->data = (uintptr_t)zones;
	return true;
}

CASE(zones)
{
	int session = session_open();
	struct dblock_version version;
	struct blk_zone_report *report = buffer_new(8192);

	need_injection();
	check_ok(ioctl(session, DBLOCK_CTL_VERSION, &version));
	if (!(version.features & DBLOCK_FEAT_ZONED))
		skip("no zoned devices on this kernel");
	for (unsigned int n = 1; ; n++) {
		struct dblock_create spec = spec_of(8 * ZONE_SIZE);
		struct device *dev;
		int nth = fail_nth_open(), error, fd;
		bool failed, ended;

		spec.zone_size = ZONE_SIZE;
		dev = device_create(&spec);
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, answer_zones, NULL);
		step("start of a zoned device with failure %u", n);
		fail_nth(nth, n);
		error = ctl_start(dev->session, dev->id) ? errno : 0;
		failed = failed_nth(nth);
		close(nth);
		check_disk_error(error);
		if (!error && !failed) {
			check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
			fd = device_open(dev, O_RDWR);
			for_each_failure((*report = (struct blk_zone_report){ .nr_zones = 8 },
					  ioctl(fd, BLKREPORTZONE, report)), err)
				check_disk_error(err);
			check_eq(report->nr_zones, 8);
			close(fd);
		}
		/* It may be started again, unless it was the disk that could not be added. */
		ended = error && ctl_start(dev->session, dev->id);
		if (ended) {
			check_eq(errno, ENXIO);
			servers_join(dev, 15);
			check(dev->servers[0]->ended, "no END but %s", errno_name(dev->servers[0]->error));
			device_free(dev);
		} else {
			device_down(dev);
		}
		if (!failed) {
			check(n > 1, "not one allocation");
			note("start of a zoned device: %u failures", n - 1);
			break;
		}
		check(n < MOST, "there is no end to it");
	}
}

/* ---- the module ---- */

static int load(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0);
}

CASE(loading_the_module)
{
	const char *path = getenv("DBLOCK_KO");
	int fd;

	need_injection();
	if (!path)
		skip("DBLOCK_KO is not set to the module's path");
	fd = check_ok(open(path, O_RDONLY | O_CLOEXEC));
	check_wait(10, !syscall(SYS_delete_module, "dblock", O_NONBLOCK), "unloading the module (%s)",
		   errno_name(errno));
	for_each_failure(load(fd), error) {
		check(!error || error == ENOMEM || error == EFAULT || error == EINVAL || error == ENOEXEC, "%s",
		      errno_name(error));
		check_eq(access("/sys/module/dblock", F_OK), error ? -1 : 0);
		if (!error)
			check_wait(10, !syscall(SYS_delete_module, "dblock", O_NONBLOCK), "unloading the module (%s)",
				   errno_name(errno));
	}
	check_ok(load(fd));
	check_wait(10, !access(DBLOCK_CTL_PATH, F_OK), "waiting for %s", DBLOCK_CTL_PATH);
	check_eq(device_count(session_open()), 0);
}

/*
 * Some thousand devices are made and end here, and each end waits for several
 * grace periods, which take most of the time. This is not about races, so none of
 * them needs to be long.
 */
static void short_grace_periods(bool yes)
{
	FILE *file = fopen("/sys/kernel/rcu_expedited", "we");

	if (!file)
		return;
	fputs(yes ? "1" : "0", file);
	fclose(file);
}

int main(int argc, char **argv)
{
	int status;
	static const struct test tests[] = {
		TEST(open_of_the_control_node),
		TEST(calls_that_change_nothing),
		TEST_FOR(create_and_destroy, 300),
		TEST_FOR(create_that_starts_at_once, 600),
		TEST_FOR(start, 600),
		TEST_FOR(change_and_adopt, 120),
		TEST(poll_and_epoll),
		TEST_FOR(first_serve, 120),
		TEST_FOR(serving_requests, 120),
		TEST_FOR(users_of_the_disk, 300),
		TEST_FOR(zones, 600),
		/* Last: it leaves the module loaded anew. */
		TEST_FOR(loading_the_module, 600),
	};

	short_grace_periods(true);
	status = run_tests(argc, argv, tests, ARRAY_SIZE(tests));
	short_grace_periods(false);
	return status;
}
