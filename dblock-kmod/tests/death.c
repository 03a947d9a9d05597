// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server dies, at any moment and in any state. The promise is 2 s; the
 * bound here is generous, because everything may be emulated, and the time is
 * printed.
 */
#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define BOUND	10	/* seconds */

static void kill_server(struct remote *remote)
{
	check_ok(kill(remote->pid, SIGKILL));
}

static void await_death(struct remote *remote, double since)
{
	int status;

	step("waiting for the server process to die");
	check(wait_child(remote->pid, BOUND, &status), "the killed process is still there after %d s", BOUND);
	note("process dead after %.2f s", now() - since);
}

static void await_end(struct remote *remote, double since)
{
	await_gone(remote, BOUND);
	note("device gone after %.2f s", now() - since);
	check_wait(BOUND, module_users() == 0, "the module to have no users (%d)", module_users());
}

CASE(killed_while_it_waits_for_requests)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, NULL, NULL);
	double start = now();

	kill_server(remote);
	await_death(remote, start);
	await_end(remote, start);
}

CASE(ends_by_itself)
{
	static const int signals[] = { SIGTERM, SIGSEGV, SIGABRT, SIGINT };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct remote *remote = remote_up(&spec, NULL, NULL);
		double start = now();

		check_ok(kill(remote->pid, signals[i]));
		await_death(remote, start);
		await_end(remote, start);
	}
}

CASE(killed_between_fetch_and_answer)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, holding_answer, NULL);
	struct io *ios[3];
	uint8_t *buf = buffer_new(4096);
	double start;
	int fd = remote_open(remote, O_RDWR | O_DIRECT);

	remote->hold = true;
	ios[0] = io_start(IO_READ, fd, buf, 4096, MIB);
	ios[1] = io_start(IO_WRITE, fd, buffer_new(4096), 4096, 2 * MIB);
	ios[2] = io_start(IO_FSYNC, fd, NULL, 0, 0);
	check_wait(10, remote->held == 3, "the server to hold three requests (%u)", remote->held);
	memset(buf, 0xcc, 4096);
	start = now();
	kill_server(remote);
	for (int i = 0; i < 3; i++)
		check_eq(io_finish(ios[i], BOUND), -EIO);
	note("pending I/O failed after %.2f s", now() - start);
	check(all_bytes(buf, 4096, 0xcc), "the reader was given bytes");
	/* The disk is removed although it is open; later I/O fails at once. */
	start = now();
	check(pwrite(fd, buf, 4096, 0) == -1, "a write succeeded");
	check(now() - start < 5, "%f s", now() - start);
	await_death(remote, start);
	close(fd);
	await_end(remote, start);
}

CASE(killed_under_io_of_others)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	struct hammer *hammer;
	double start;

	spec.queues = 2;
	remote = remote_up(&spec, holding_answer, NULL);
	hammer = hammer_start(remote->path, 6);
	check_wait(20, hammer_count(hammer) > 100, "I/O to get going");
	start = now();
	kill_server(remote);
	hammer_join(hammer, BOUND);
	note("all I/O failed after %.2f s", now() - start);
	await_death(remote, start);
	await_end(remote, start);
}

CASE(killed_many_times_at_random_moments)
{
	struct rng rng = rng_new(5);

	for (int i = 0; i < 12; i++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct remote *remote = remote_up(&spec, NULL, NULL);
		struct hammer *hammer = hammer_start(remote->path, 3);

		usleep(rng_below(&rng, 60000));
		kill_server(remote);
		hammer_join(hammer, BOUND);
		check(wait_child(remote->pid, BOUND, NULL), "the killed process is still there");
		await_gone(remote, BOUND);
	}
}

/* ---- the dying process waits for itself ---- */

static void *stuck_fsync(void *arg)
{
	struct device *dev = arg;
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(MIB);

	check_eq(pwrite(fd, buf, MIB, MIB), MIB);
	self->hold = true;
	self->value = 1;
	fsync(fd);
	return NULL;
}

static void *stuck_read(void *arg)
{
	struct device *dev = arg;
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);

	self->hold = true;
	self->value = 1;
	check_eq(pread(fd, buf, 4096, MIB), 4096);
	return NULL;
}

static void *stuck_fault(void *arg)
{
	struct device *dev = arg;
	int fd = device_open(dev, O_RDWR);
	volatile uint8_t *map = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, MIB);

	self->hold = true;
	self->value = 1;
	(void)map[4096];
	return NULL;
}

static void with_stuck_fsync(struct device *dev)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stuck_fsync, dev);
}

static void with_stuck_read(struct device *dev)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stuck_read, dev);
}

static void with_stuck_fault(struct device *dev)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stuck_fault, dev);
}

struct stuck {
	remote_fn also;
};

/*
 * A sibling thread sleeps uninterruptibly on the process's own disk. It keeps
 * the process, and so the session's file, from being closed.
 */
static void killed_with_a_sibling_stuck(const void *arg)
{
	const struct stuck *stuck = arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, holding_answer, stuck->also);
	double start;

	check_wait(10, remote->value && remote->held, "the sibling to be stuck");
	nap_ms(100);
	start = now();
	kill_server(remote);
	await_death(remote, start);
	await_end(remote, start);
}

/* Both of its server threads die with requests, while a third has dirty pages. */
CASE(killed_with_dirty_pages_of_its_own)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	double start;

	remote = remote_up(&spec, holding_answer, with_stuck_fsync);
	check_wait(10, remote->value && remote->held, "the sibling to be stuck");
	{
		/* And another process has dirty pages too. */
		int fd = remote_open(remote, O_RDWR);
		uint8_t *buf = buffer_new(MIB);

		check_eq(pwrite(fd, buf, 65536, 3 * MIB), 65536);
		start = now();
		kill_server(remote);
		step("fsync after the death");
		check(fsync(fd) == -1, "fsync succeeded");
		note("fsync failed after %.2f s", now() - start);
		close(fd);
	}
	await_death(remote, start);
	await_end(remote, start);
}

/* ---- mounts ---- */

static void make_ext4(const char *path)
{
	const char *const argv[] = { "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path, NULL };

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	check_eq(run_program(argv, 30), 0);
}

static void fill_file(const char *target, bool sync_it)
{
	uint8_t *buf = buffer_new(MIB);
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/file", target);
	fd = check_ok(open(path, O_RDWR | O_CREAT, 0600));
	check_eq(write(fd, buf, MIB), MIB);
	if (sync_it)
		check_ok(fsync(fd));
	/* Stays open. */
}

static void with_own_mount(struct device *dev)
{
	char target[64];

	check_ok(unshare(CLONE_NEWNS));
	check_ok(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	make_ext4(dev->path);
	if (mount_tracked(dev->path, "ext4", MS_NOATIME, NULL, target, sizeof(target))) {
		if (errno == ENODEV)
			skip("no ext4 in this kernel");
		fail("mount: %s", errno_name(errno));
	}
	fill_file(target, true);
	fill_file(target, false);
	self->value = 1;
}

/* The last in its mount namespace: the kernel unmounts while it exits. */
CASE(killed_with_its_own_mount_in_its_own_namespace)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct remote *remote = remote_up(&spec, holding_answer, with_own_mount);
	double start;

	check_wait(30, remote->value == 1, "the server process to mount its disk");
	start = now();
	kill_server(remote);
	await_death(remote, start);
	await_end(remote, start);
}

CASE(killed_with_requests_and_its_own_mount)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct remote *remote = remote_up(&spec, holding_answer, with_own_mount);
	double start;

	check_wait(30, remote->value == 1, "the server process to mount its disk");
	remote->hold = true;
	start = now();
	kill_server(remote);
	await_death(remote, start);
	await_end(remote, start);
}

CASE(killed_with_a_mount_of_others)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct remote *remote = remote_up(&spec, holding_answer, NULL);
	char target[64];
	double start;
	pid_t pid;
	int status;

	make_ext4(remote->path);
	if (mount_tracked(remote->path, "ext4", MS_NOATIME, NULL, target, sizeof(target))) {
		if (errno == ENODEV)
			skip("no ext4 in this kernel");
		fail("mount: %s", errno_name(errno));
	}
	pid = fork_case();
	if (!pid) {
		fill_file(target, false);
		_exit(0);
	}
	check(wait_child(pid, 20, &status) && !status, "writing failed");
	start = now();
	kill_server(remote);
	await_death(remote, start);
	pid = fork_case();
	if (!pid)
		_exit(umount(target) ? errno : 0);
	step("unmounting from a dead server");
	check(wait_child(pid, 20, &status), "umount hangs");
	note("unmounted after %.2f s", now() - start);
	await_end(remote, start);
}

/* ---- other ways to go ---- */

CASE(killed_in_its_start)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = shared_page(sizeof(*remote));
	struct dblock_info info;
	double start;
	int session;
	pid_t pid;

	spec.flags = DBLOCK_F_WRITE_CACHE;
	pid = fork_case();
	if (!pid) {
		struct device *dev = device_create(&spec);

		remote->id = dev->id;
		memcpy(remote->name, dev->name, sizeof(remote->name));
		remote->ready = true;
		/* Its partition scan waits: nobody serves. */
		ctl_start(dev->session, dev->id);
		_exit(0);
	}
	remote->pid = pid;
	check_wait(10, remote->ready, "the device");
	session = session_open();
	check_wait(10, !ctl_info(session, remote->id, &info) && info.pending, "the partition scan to begin");
	close(session);
	start = now();
	kill_server(remote);
	await_death(remote, start);
	await_end(remote, start);
}

CASE(owner_dies_but_its_child_serves_on)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = shared_page(sizeof(*remote));
	uint8_t *buf = buffer_new(4096);
	pid_t owner;
	int fd;
	double start;

	owner = fork_case();
	if (!owner) {
		struct device *dev = device_create(&spec);

		/* As a launcher does: the child has the session's file. */
		if (!fork_case()) {
			self = remote;
			remote->pid = getpid();
			server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, holding_answer, NULL);
			device_start(dev);
			remote->id = dev->id;
			memcpy(remote->name, dev->name, sizeof(remote->name));
			memcpy(remote->path, dev->path, sizeof(remote->path));
			remote->ready = true;
			for (;;)
				pause();
		}
		for (;;)
			pause();
	}
	check_wait(20, remote->ready, "the server process");
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	check_eq(pread(fd, buf, 4096, 0), 4096);
	check_ok(kill(owner, SIGKILL));
	check(wait_child(owner, BOUND, NULL), "the owner is still there");
	nap_ms(1500);	/* long enough for the module to take notice */
	check_eq(pread(fd, buf, 4096, 0), 4096);
	close(fd);
	start = now();
	kill_server(remote);
	await_end(remote, start);
}

/* Two processes serve one device. What the dead one had fails; the other goes on. */
CASE(one_of_two_server_processes_dies)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *first = shared_page(sizeof(*first)), *second = shared_page(sizeof(*second));
	struct device *dev = device_create(&spec);
	struct remote *both[2] = { first, second };
	struct dblock_info info;
	struct io *io;
	uint8_t *buf = buffer_new(4096);
	int fd;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork_case();

		if (!pid) {
			self = both[i];
			server_start(dev, -1, DBLOCK_QUEUE_ANY, 1, holding_answer, NULL);
			for (;;)
				pause();
		}
		both[i]->pid = pid;
	}
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 2, "both to serve");
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	first->hold = second->hold = true;
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, first->held + second->held == 1, "a request to be held");
	{
		struct remote *dead = first->held ? first : second, *alive = first->held ? second : first;

		alive->hold = false;
		kill_server(dead);
		check_eq(io_finish(io, BOUND), -EIO);
		check(wait_child(dead->pid, BOUND, NULL), "still there");
		for (int i = 0; i < 5; i++)
			check_eq(pread(fd, buf, 4096, i * 65536), 4096);
	}
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* A server thread ends, its process does not: others of it go on. */
static void *one_fetch(void *arg)
{
	struct device *dev = arg;
	struct hand hand = hand_of(dev);
	struct dblock_request rq;

	fetch(&hand, &rq, 1, 10000);
	return NULL;
}

CASE(thread_ends_with_a_request_in_its_hands)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	pthread_t thread;
	struct io *io;
	int fd;

	spec.timeout_ms = 700;
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	pthread_create(&thread, NULL, one_fetch, dev);
	io = io_start(IO_READ, fd, buf, 4096, MIB);
	pthread_join(thread, NULL);
	/* Its process could still answer: only the limit ends it. */
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(pread(fd, buf, 4096, MIB), 4096);
	close(fd);
	device_down(dev);
}

static void then_execs(struct device *dev)
{
	(void)dev;
	self->value = 1;
	execl("/proc/self/exe", "death", "--sleep", NULL);
	_exit(1);
}

/* The program that served is replaced by another; its files were closed. */
CASE(server_process_executes_another_program)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, NULL, then_execs);
	double start = now();

	await_gone(remote, BOUND);
	note("device gone after %.2f s", now() - start);
	kill_server(remote);
}

int main(int argc, char **argv)
{
	static const struct stuck in_fsync = { with_stuck_fsync }, in_read = { with_stuck_read },
				  in_fault = { with_stuck_fault };
	static const struct test tests[] = {
		TEST(killed_while_it_waits_for_requests),
		TEST(ends_by_itself),
		TEST(killed_between_fetch_and_answer),
		TEST(killed_under_io_of_others),
		TEST_FOR(killed_many_times_at_random_moments, 90),
		{ "killed_with_a_sibling_stuck_in_fsync", killed_with_a_sibling_stuck, &in_fsync, 0 },
		{ "killed_with_a_sibling_stuck_in_a_read", killed_with_a_sibling_stuck, &in_read, 0 },
		{ "killed_with_a_sibling_stuck_in_a_page_fault", killed_with_a_sibling_stuck, &in_fault, 0 },
		TEST(killed_with_dirty_pages_of_its_own),
		TEST_FOR(killed_with_its_own_mount_in_its_own_namespace, 60),
		TEST_FOR(killed_with_requests_and_its_own_mount, 60),
		TEST_FOR(killed_with_a_mount_of_others, 60),
		TEST(killed_in_its_start),
		TEST(owner_dies_but_its_child_serves_on),
		TEST(one_of_two_server_processes_dies),
		TEST(thread_ends_with_a_request_in_its_hands),
		TEST(server_process_executes_another_program),
	};

	if (argc == 2 && !strcmp(argv[1], "--sleep"))
		for (;;)
			pause();
	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
