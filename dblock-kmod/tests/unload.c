// SPDX-License-Identifier: GPL-2.0-only
/* The module goes when nothing uses it, and not before. DBLOCK_KO names it. */
#include "harness.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int unload(void)
{
	return syscall(SYS_delete_module, "dblock", O_NONBLOCK);
}

static void insert(void)
{
	const char *path = getenv("DBLOCK_KO");
	int fd;

	if (!path)
		skip("DBLOCK_KO is not set to the module's path");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, errno_name(errno));
	/* EBUSY: the last one is still on its way out. */
	check_wait(10, !syscall(SYS_finit_module, fd, "", 0) || errno == EEXIST, "loading %s: %s", path,
		   errno_name(errno));
	close(fd);
}

static void load(void)
{
	insert();
	check_wait(10, !access(DBLOCK_CTL_PATH, F_OK), "waiting for %s", DBLOCK_CTL_PATH);
}

/* There is a moment between the last close and the last reference. */
static void unload_soon(unsigned int seconds)
{
	check_wait(seconds, !unload(), "unloading the module (%s, %d users)", errno_name(errno), module_users());
	check(access("/sys/module/dblock", F_OK), "still there");
	check(access(DBLOCK_CTL_PATH, F_OK), "%s is still there", DBLOCK_CTL_PATH);
}

#define check_in_use()								\
	check(unload() == -1 && (errno == EWOULDBLOCK || errno == EBUSY),	\
	      "unloading while in use: %s", errno_name(errno))

CASE(refused_while_a_session_is_open)
{
	int session;

	load();
	session = session_open();
	check_in_use();
	close(session);
	unload_soon(10);
	load();
}

CASE(refused_while_a_device_exists)
{
	struct dblock_create spec = spec_of(MIB);
	struct remote *remote;
	int session;

	load();
	spec.flags |= DBLOCK_F_OUTLIVE;
	remote = remote_up(&spec, NULL, NULL);
	check_in_use();
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "still there");
	nap_ms(100);
	check_in_use();
	session = session_open();
	check_wait(10, !ctl_destroy(session, remote->id, 0) || errno != EBUSY, "destroying it");
	close(session);
	unload_soon(10);
	load();
}

CASE(refused_while_a_removed_disk_is_open)
{
	struct dblock_create spec = spec_of(MIB);
	struct remote *remote;
	int fd;

	load();
	remote = remote_up(&spec, NULL, NULL);
	fd = remote_open(remote, O_RDWR);
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "still there");
	await_gone(remote, 10);
	check_in_use();
	close(fd);
	unload_soon(10);
	load();
}

CASE(unloads_after_a_killed_server)
{
	load();
	for (int i = 0; i < 3; i++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct remote *remote = remote_up(&spec, NULL, NULL);
		struct hammer *hammer = hammer_start(remote->path, 3);
		double start;

		nap_ms(100);
		start = now();
		check_ok(kill(remote->pid, SIGKILL));
		hammer_join(hammer, 10);
		check(wait_child(remote->pid, 10, NULL), "still there");
		unload_soon(10);
		note("unloaded %.2f s after the kill", now() - start);
		load();
	}
}

CASE(loaded_and_unloaded_twenty_times_with_a_device_each)
{
	load();
	for (int i = 0; i < 20; i++) {
		struct dblock_create spec = spec_of(MIB);
		struct device *dev;
		uint8_t *buf = buffer_new(4096);
		int fd;

		load();
		dev = device_up(&spec, NULL, NULL);
		fd = device_open(dev, O_RDWR | O_DIRECT);
		check_eq(pwrite(fd, buf, 4096, 0), 4096);
		close(fd);
		device_down(dev);
		unload_soon(10);
	}
	load();
}

/* Somebody tries to unload all the time: refused or done, never in between. */
static void *unloader(void *arg)
{
	atomic_int *counts = arg;

	while (!counts[0])
		counts[1 + (unload() != 0)]++;
	return NULL;
}

CASE(unloading_races_with_creating_and_destroying)
{
	atomic_int counts[3] = { 0 };
	pthread_t thread;
	int made = 0;

	load();
	pthread_create(&thread, NULL, unloader, counts);
	for (int i = 0; i < 60; i++) {
		struct dblock_create spec = spec_of(MIB);
		int session = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC);

		if (session < 0) {
			insert();	/* and it may be gone again at once */
			continue;
		}
		if (!ctl_create(session, &spec)) {
			made++;
			if (i % 3 == 0)
				check_ok(ctl_start(session, spec.id));
			if (i % 2)
				check_ok(ctl_destroy_patiently(session, spec.id));
		}
		close(session);
	}
	counts[0] = 1;
	pthread_join(thread, NULL);
	note("%d devices, unloaded %d times, refused %d times", made, counts[1], counts[2]);
	load();
}

/*
 * The same throughout a death under I/O, or a forced destroy: refused until
 * nothing of the device is left, its last user's file included, and then done.
 */
static void unloading_is_tried_throughout(const void *arg)
{
	bool killed = *(const bool *)arg;
	struct rng rng = rng_new(31);
	unsigned int refused = 0;

	for (int round = 0; round < 5; round++) {
		struct dblock_create spec = spec_of(4 * MIB);
		atomic_int counts[3] = { 0 };
		struct remote *remote;
		struct hammer *hammer;
		pthread_t thread;
		int fd, status;

		load();
		remote = remote_up(&spec, NULL, NULL);
		fd = remote_open(remote, O_RDWR | O_DIRECT);
		hammer = hammer_start(remote->path, 3);
		pthread_create(&thread, NULL, unloader, counts);
		usleep(rng_below(&rng, 100000));
		if (killed) {
			check_ok(kill(remote->pid, SIGKILL));
		} else {
			pid_t pid = fork_case();

			if (!pid)
				_exit(ctl_destroy(session_open(), remote->id, DBLOCK_DESTROY_FORCE) ? errno : 0);
			check(wait_child(pid, 10, &status) && !status, "destroying: status %#x", status);
			check_ok(kill(remote->pid, SIGKILL));
		}
		hammer_join(hammer, 10);
		check(wait_child(remote->pid, 10, NULL), "the server is still there");
		check_wait(10, !device_exists(remote->name), "%s to go", remote->name);
		/* Its disk is still open here. */
		check_eq(counts[1], 0);
		check_wait(10, counts[2] > 0, "unloading to be tried");
		close(fd);
		check_wait(10, counts[1] > 0, "the module to be unloaded");
		counts[0] = 1;
		pthread_join(thread, NULL);
		refused += counts[2];
		check(access("/sys/module/dblock", F_OK), "still there");
	}
	note("refused %u times", refused);
	load();
}

int main(int argc, char **argv)
{
	static const bool no, yes = true;
	static const struct test tests[] = {
		TEST(refused_while_a_session_is_open),
		TEST(refused_while_a_device_exists),
		TEST(refused_while_a_removed_disk_is_open),
		TEST_FOR(unloads_after_a_killed_server, 60),
		TEST_FOR(loaded_and_unloaded_twenty_times_with_a_device_each, 60),
		TEST_FOR(unloading_races_with_creating_and_destroying, 60),
		{ "unloading_is_tried_throughout_the_death_of_a_server", unloading_is_tried_throughout, &yes, 60 },
		{ "unloading_is_tried_throughout_a_forced_destroy", unloading_is_tried_throughout, &no, 60 },
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
