// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hard times: a cgroup with little memory and much to write back, a server
 * that is stopped for longer than its requests may take, several that destroy
 * a device at once while it is in use.
 */
#include "harness.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#endif

#define BOUND	20	/* seconds */
#define MUCH	(48 * MIB)
/* From here on its tasks are made to wait; at the most, they are killed. */
#define LITTLE	"8M"
#define MOST	"40M"

static void make_ext4(const char *path)
{
	const char *const argv[] = { "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path, NULL };

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	check_eq(run_program(argv, 60), 0);
}

static void mount_ext4(const char *path, char *target, size_t size)
{
	if (mount_tracked(path, "ext4", MS_NOATIME, NULL, target, size)) {
		if (errno == ENODEV)
			skip("no ext4 in this kernel");
		fail("mount %s: %s", path, errno_name(errno));
	}
}

/* Unmounting after the disk went may report it, must not hang. */
static void unmount_of_the_dead(const char *target)
{
	pid_t pid = fork_case();
	int status;

	if (!pid)
		_exit(umount(target) ? errno : 0);
	step("unmounting %s from a removed disk", target);
	check(wait_child(pid, BOUND, &status), "umount hangs");
	check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EIO),
	      "umount: %s", errno_name(WEXITSTATUS(status)));
}

static void kill_and_wait(struct remote *remote)
{
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, BOUND, NULL), "the killed server is still there after %d s", BOUND);
}

/* ---- a small cgroup ---- */

static char cgroup[200];

static void cgroup_write(const char *directory, const char *file, const char *value)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value), "writing \"%s\" to %s: %s", value,
	      path, errno_name(errno));
	close(fd);
}

/* From memory.events of version 2. */
static unsigned long cgroup_event(const char *name)
{
	char path[300], key[40];
	unsigned long value;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.events", cgroup);
	file = fopen(path, "re");
	check(file, "%s: %s", path, errno_name(errno));
	while (fscanf(file, "%39s %lu", key, &value) == 2)
		if (!strcmp(key, name)) {
			fclose(file);
			return value;
		}
	fail("no \"%s\" in %s", name, path);
}

static void cgroup_make(void)
{
	char root[64], path[200];

	if (mount_tracked("none", "cgroup2", 0, NULL, root, sizeof(root))) {
		if (errno == ENODEV)
			skip("no cgroup2 in this kernel");
		fail("mounting cgroup2: %s", errno_name(errno));
	}
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	{
		char controllers[200] = "";
		FILE *file = fopen(path, "re");

		check(file, "%s: %s", path, errno_name(errno));
		if (!fgets(controllers, sizeof(controllers), file) || !strstr(controllers, "memory"))
			skip("no memory controller for cgroup2: %s", controllers);
		fclose(file);
	}
	cgroup_write(root, "cgroup.subtree_control", "+memory");
	snprintf(cgroup, sizeof(cgroup), "%s/dblock-test-%d", root, getpid());
	check_ok(mkdir(cgroup, 0700));
	cgroup_write(cgroup, "memory.high", LITTLE);
	cgroup_write(cgroup, "memory.max", MOST);
}

static void cgroup_enter(void)
{
	cgroup_write(cgroup, "cgroup.procs", "0");
}

/* When its processes are dead. */
static void cgroup_remove(void)
{
	check_wait(10, !rmdir(cgroup), "removing %s: %s", cgroup, errno_name(errno));
}

/* Writes much through the page cache, in the cgroup; its status is what failed first: the errno, ENOSPC if cut short. */
struct written {
	atomic_uint bytes;
	atomic_bool enough;		/* sync, and no more of it */
};

static pid_t writer_start(const char *path, struct written *written)
{
	pid_t pid = fork_case();
	uint8_t *buf;
	int fd;

	if (pid)
		return pid;
	cgroup_enter();
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0, "open %s: %s", path, errno_name(errno));
	buf = buffer_new(65536);
	for (uint64_t at = 0; at < MUCH && !written->enough; at += 65536) {
		ssize_t n;

		pattern_fill(buf, 65536, at, 3);
		n = pwrite(fd, buf, 65536, at);
		if (n != 65536)
			_exit(n < 0 ? errno : ENOSPC);
		written->bytes += 65536;
	}
	_exit(fsync(fd) ? errno : 0);
}

static void check_written(const char *path)
{
	uint8_t *buf = buffer_new(65536);
	int fd = check_ok(open(path, O_RDONLY | O_CLOEXEC));

	/* It is clean. */
	check_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	for (uint64_t at = 0; at < MUCH; at += 65536) {
		check_eq(pread(fd, buf, 65536, at), 65536);
		check_eq(pattern_check(buf, 65536, at, 3), -1);
	}
	close(fd);
	free(buf);
}

static void check_pressure(void)
{
	unsigned long hits = cgroup_event("high");

	note("short of memory %lu times", hits);
	check(hits > 0, "the cgroup was never short of memory, with %s", LITTLE);
	check_eq(cgroup_event("oom_kill"), 0);
}

/* What a careful server does: no allocation of its own waits for I/O. */
static void in_the_cgroup(struct device *dev)
{
	(void)dev;
	check_ok(prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
	cgroup_enter();
	self->value = 1;
}

/* Keeps nothing, for which it had no room, but looks at it. */
static bool looks_at_data(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	(void)server;
	if (self->hold) {
		self->held++;
		return false;
	}
	if (rq->op == DBLOCK_OP_WRITE) {
		check_eq(pattern_check((void *)(uintptr_t)rq->data, rq->length, rq->sector * 512, 3), -1);
		atomic_fetch_add(&self->requests, rq->length / 4096);
	} else if (rq->op == DBLOCK_OP_READ) {
		answer->flags = DBLOCK_ANS_ZEROES;
	}
	return true;
}

static void more_dirty_data_than_the_cgroup_has_memory(const void *arg)
{
	bool inside = *(const bool *)arg;
	struct dblock_create spec = spec_of(MUCH);
	struct remote *remote;
	struct written *written = shared_page(sizeof(*written));
	double start;
	pid_t pid;
	int status;

	cgroup_make();
	if (inside)
		remote = remote_up(&spec, looks_at_data, in_the_cgroup);
	else
		remote = remote_up(&spec, NULL, NULL);
	if (inside)
		check_wait(10, remote->value == 1, "the server to enter the cgroup");
	start = now();
	pid = writer_start(remote->path, written);
	step("writing %llu MiB with %s of memory", MUCH / MIB, LITTLE);
	check(wait_child(pid, 60, &status), "not done after 60 s, %u bytes", written->bytes);
	check(!status, "status %#x after %u bytes, killed for want of memory: %lu", status, written->bytes,
	      cgroup_event("oom_kill"));
	note("%.1f s", now() - start);
	check_pressure();
	if (inside)
		check(remote->requests >= MUCH / 4096, "the server saw %u pages", remote->requests);
	else
		check_written(remote->path);
	kill_and_wait(remote);
	await_gone(remote, BOUND);
	cgroup_remove();
}

CASE(more_dirty_files_than_the_cgroup_has_memory)
{
	struct dblock_create spec = spec_of(96 * MIB);
	struct remote *remote;
	struct written *written = shared_page(sizeof(*written));
	char target[64], path[100];
	pid_t pid;
	int status;

	cgroup_make();
	remote = remote_up(&spec, NULL, NULL);
	make_ext4(remote->path);
	mount_ext4(remote->path, target, sizeof(target));
	snprintf(path, sizeof(path), "%s/file", target);
	pid = writer_start(path, written);
	step("writing a file of %llu MiB with %s of memory", MUCH / MIB, LITTLE);
	check(wait_child(pid, 60, &status), "not done after 60 s, %u bytes", written->bytes);
	check(!status, "status %#x after %u bytes, killed for want of memory: %lu", status, written->bytes,
	      cgroup_event("oom_kill"));
	check_pressure();
	check_written(path);
	check_ok(umount(target));
	kill_and_wait(remote);
	await_gone(remote, BOUND);
	cgroup_remove();
}

static bool stands_still(const atomic_uint *count)
{
	unsigned int before = *count;

	nap_ms(400);
	return *count == before;
}

/*
 * All I/O of a dead disk has failed, but a filesystem that has shut itself down
 * for that cleans no pages any more, and the kernel may have a writer wait for
 * fewer dirty ones: nothing that the disk could do about, and a signal ends it.
 */
static bool is_told(pid_t pid, int *status)
{
	char path[64], stack[4096];

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	for (double end = now() + BOUND * slowness; !wait_child(pid, 5, status); ) {
		FILE *file = fopen(path, "re");

		stack[file ? fread(stack, 1, sizeof(stack) - 1, file) : 0] = 0;
		if (file)
			fclose(file);
		if (strstr(stack, "balance_dirty_pages"))
			return false;
		/* User Mode Linux as it is does not tell: that the signal ends it has to do there. */
		if (now() > end && !stack[0])
			return false;
		check(now() < end, "the writer hangs: %s", stack);
	}
	return true;
}

/* The writer waits for memory, that for writeback, and that for a server that dies. */
struct pressure {
	bool filesystem;
	answer_fn answer;
	remote_fn also;
};

static void killed_under_memory_pressure(const void *arg)
{
	const struct pressure *pressure = arg;
	struct dblock_create spec = spec_of(96 * MIB);
	struct remote *remote;
	struct written *written = shared_page(sizeof(*written));
	char target[64], path[100];
	double start;
	pid_t pid;
	int status;

	cgroup_make();
	remote = remote_up(&spec, pressure->answer, pressure->also);
	if (pressure->also)
		check_wait(10, remote->value == 1, "the server to enter the cgroup");
	strcpy(path, remote->path);
	if (pressure->filesystem) {
		make_ext4(remote->path);
		mount_ext4(remote->path, target, sizeof(target));
		snprintf(path, sizeof(path), "%s/file", target);
	}
	pid = writer_start(path, written);
	check_wait(BOUND, written->bytes > 4 * MIB, "the writer to get going");
	remote->hold = true;
	/* Until it waits: for memory, or for fewer dirty pages. */
	check_wait(BOUND, remote->held > 0 && stands_still(&written->bytes), "the writer to wait for the server");
	check(!wait_child(pid, 0, &status), "the writer ended with %#x", status);
	start = now();
	written->enough = true;
	kill_and_wait(remote);
	step("waiting for the writer to be told");
	if (!is_told(pid, &status)) {
		note("the writer waits, for fewer dirty pages");
		check_ok(kill(pid, SIGKILL));
		check(wait_child(pid, BOUND, &status), "the writer that was killed hangs, %u bytes", written->bytes);
		status = W_EXITCODE(EIO, 0);
	}
	note("told after %.2f s, %u KiB: %s", now() - start, written->bytes / 1024, errno_name(WEXITSTATUS(status)));
	check(WIFEXITED(status) && WEXITSTATUS(status), "the writer was told that all is well, or killed: %#x", status);
	if (pressure->filesystem)
		unmount_of_the_dead(target);
	await_gone(remote, BOUND);
	cgroup_remove();
}

/* ---- stopped for longer than a request may take ---- */

static bool answers_when_let(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	self->requests++;
	if (self->hold) {
		self->held++;
		while (self->hold)
			nap_ms(1);
	}
	memory_apply(server->dev, rq, answer);
	return true;
}

CASE(stopped_server_loses_its_requests_and_serves_again_when_it_goes_on)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	struct hammer *hammer;
	uint8_t *buf = buffer_new(4096);
	struct io *io;
	int fd;

	spec.timeout_ms = 500;
	remote = remote_up(&spec, answers_when_let, NULL);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	/* One that it has fetched, under load. */
	hammer = hammer_start(remote->path, 3);
	check_wait(BOUND, hammer_count(hammer) > 20, "I/O to get going");
	remote->hold = true;
	check_wait(BOUND, remote->held > 0, "the server to hold a request");
	check_ok(kill(remote->pid, SIGSTOP));
	check_eq(hammer_join(hammer, BOUND), ETIMEDOUT);
	/* And one that nobody fetches. */
	io = io_start(IO_READ, fd, buf, 4096, MIB);
	check_eq(io_finish(io, BOUND), -ETIMEDOUT);
	check(device_exists(remote->name), "the device of a server that lives is gone");
	remote->hold = false;
	check_ok(kill(remote->pid, SIGCONT));
	check_wait(BOUND, remote->refused > 0, "its late answer to be refused");
	for (int i = 0; i < 20; i++)
		check_eq(pread(fd, buf, 4096, i * 4096), 4096);
	close(fd);
	kill_and_wait(remote);
	await_gone(remote, BOUND);
}

CASE(stopped_server_is_killed)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote = remote_up(&spec, NULL, NULL);
	struct hammer *hammer = hammer_start(remote->path, 3);

	check_wait(BOUND, hammer_count(hammer) > 20, "I/O to get going");
	check_ok(kill(remote->pid, SIGSTOP));
	nap_ms(100);
	kill_and_wait(remote);
	check_eq(hammer_join(hammer, BOUND), EIO);
	await_gone(remote, BOUND);
}

/* In good order it waits for what is dirty, so at most until that has timed out; by force not even that. */
static void destroyed_while_the_server_is_stopped(const void *arg)
{
	uint32_t flags = *(const uint32_t *)arg;
	struct dblock_create spec = spec_of(16 * MIB);
	struct remote *remote;
	uint8_t *buf = buffer_new(MIB);
	double start;
	pid_t pid;
	int fd, status;

	spec.timeout_ms = flags ? 0 : 500;
	remote = remote_up(&spec, NULL, NULL);
	fd = remote_open(remote, O_RDWR);
	check_eq(pwrite(fd, buf, MIB, 0), MIB);
	check_ok(kill(remote->pid, SIGSTOP));
	start = now();
	pid = fork_case();
	if (!pid) {
		if (!flags)
			close(fd);
		_exit(ctl_destroy(session_open(), remote->id, flags) ? errno : 0);
	}
	if (!flags)
		close(fd);	/* waits for what is dirty itself */
	check(wait_child(pid, BOUND, &status), "destroying hangs");
	/* Busy in good order: the last close is just waiting. */
	for (int i = 0; !flags && WEXITSTATUS(status) == EBUSY && i < 100; i++) {
		nap_ms(20);
		pid = fork_case();
		if (!pid)
			_exit(ctl_destroy(session_open(), remote->id, 0) ? errno : 0);
		check(wait_child(pid, BOUND, &status), "destroying hangs");
	}
	check(status == 0, "%s", errno_name(WEXITSTATUS(status)));
	note("destroyed after %.2f s", now() - start);
	await_gone(remote, BOUND);
	if (flags)
		close(fd);
	check_ok(kill(remote->pid, SIGCONT));
	kill_and_wait(remote);
}

/* ---- several destroyers of a device in use ---- */

static pid_t destroyer_start(const struct remote *remote, uint32_t flags, unsigned int delay_us)
{
	pid_t pid = fork_case();

	if (!pid) {
		int session = session_open();

		usleep(delay_us);
		_exit(ctl_destroy(session, remote->id, flags) ? errno : 0);
	}
	return pid;
}

static void two_destroyers(const void *arg)
{
	bool dies = *(const bool *)arg;
	struct rng rng = rng_new(21);

	for (int round = 0; round < 3; round++) {
		struct dblock_create spec = spec_of(16 * MIB);
		struct remote *remote = remote_up(&spec, NULL, NULL);
		struct hammer *hammer;
		unsigned int successes = 0;
		char target[64], path[100];
		pid_t pids[3];
		uint8_t *buf = buffer_new(MIB);
		int fd, status;

		make_ext4(remote->path);
		mount_ext4(remote->path, target, sizeof(target));
		snprintf(path, sizeof(path), "%s/file", target);
		fd = check_ok(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
		check_eq(write(fd, buf, MIB), MIB);
		hammer = hammer_start(path, 3);
		for (int i = 0; i < 3; i++)
			pids[i] = destroyer_start(remote, i ? DBLOCK_DESTROY_FORCE : 0, rng_below(&rng, 20000));
		if (dies) {
			usleep(rng_below(&rng, 20000));
			check_ok(kill(remote->pid, SIGKILL));
		}
		for (int i = 0; i < 3; i++) {
			step("round %d: waiting for destroyer %d", round, i);
			check(wait_child(pids[i], BOUND, &status), "destroyer %d hangs", i);
			check(WIFEXITED(status), "status %#x", status);
			status = WEXITSTATUS(status);
			successes += !status;
			/* In good order it is busy, being mounted. */
			check(!status || status == EALREADY || status == ENODEV || (status == EBUSY && !i),
			      "destroyer %d: %s", i, errno_name(status));
		}
		check(successes == 1 || (dies && !successes), "%u of them destroyed it", successes);
		step("round %d: fsync on a removed disk", round);
		check(fsync(fd) == -1, "fsync succeeded on a removed disk");
		close(fd);
		hammer_join(hammer, BOUND);
		unmount_of_the_dead(target);
		if (!dies)
			check_ok(kill(remote->pid, SIGKILL));
		check(wait_child(remote->pid, BOUND, NULL), "the server is still there");
		await_gone(remote, BOUND);
		free(buf);
	}
	check_wait(BOUND, module_users() == 0, "the module to have no users (%d)", module_users());
}

int main(int argc, char **argv)
{
	static const bool no, yes = true;
	static const struct pressure data = { false, holding_answer, NULL }, files = { true, holding_answer, NULL },
				     both = { false, looks_at_data, in_the_cgroup };
	static const uint32_t orderly, forced = DBLOCK_DESTROY_FORCE;
	static const struct test tests[] = {
		{ "more_dirty_data_than_the_cgroup_has_memory", more_dirty_data_than_the_cgroup_has_memory, &no, 120 },
		{ "more_dirty_data_than_memory_with_the_server_in_the_cgroup",
		  more_dirty_data_than_the_cgroup_has_memory, &yes, 120 },
		TEST_FOR(more_dirty_files_than_the_cgroup_has_memory, 120),
		{ "killed_under_memory_pressure_of_dirty_data", killed_under_memory_pressure, &data, 90 },
		{ "killed_under_memory_pressure_of_dirty_files", killed_under_memory_pressure, &files, 90 },
		{ "killed_under_memory_pressure_that_it_is_under_too", killed_under_memory_pressure, &both, 90 },
		TEST_FOR(stopped_server_loses_its_requests_and_serves_again_when_it_goes_on, 90),
		TEST_FOR(stopped_server_is_killed, 60),
		{ "destroyed_in_good_order_while_the_server_is_stopped", destroyed_while_the_server_is_stopped,
		  &orderly, 90 },
		{ "destroyed_by_force_while_the_server_is_stopped", destroyed_while_the_server_is_stopped, &forced, 90 },
		{ "two_destroyers_of_a_mounted_device_under_io", two_destroyers, &no, 120 },
		{ "two_destroyers_and_a_death_of_a_mounted_device_under_io", two_destroyers, &yes, 120 },
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
