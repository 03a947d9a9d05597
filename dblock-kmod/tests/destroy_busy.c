// SPDX-License-Identifier: GPL-2.0-only
/* Destroying what is in use: refused, or by force without anybody left hanging. */
#include "harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* What a removed disk says to those who still have it open. */
static bool gone_errno(int error)
{
	return error == EIO || error == ENXIO || error == ENODEV || error == ENOSPC;
}

static void make_ext4(const char *path)
{
	const char *const argv[] = { "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path, NULL };

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	check_eq(run_program(argv, 30), 0);
}

static void mount_ext4(const char *path, char *target, size_t size)
{
	if (mount_tracked(path, "ext4", MS_NOATIME, NULL, target, size)) {
		if (errno == ENODEV)
			skip("no ext4 in this kernel");
		fail("mount %s: %s", path, errno_name(errno));
	}
}

/* A file with pages that nobody wrote back yet; its fd. */
static int dirty_file(const char *target)
{
	uint8_t *buf = buffer_new(MIB);
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/file", target);
	fd = check_ok(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	check_eq(write(fd, buf, MIB), MIB);
	free(buf);
	return fd;
}

/* Unmounting after the disk went may report it, must not hang. */
static void unmount_of_the_dead(const char *target)
{
	pid_t pid = fork_case();
	int status;

	if (!pid)
		_exit(umount(target) ? errno : 0);
	step("unmounting %s from a removed disk", target);
	check(wait_child(pid, 20, &status), "umount hangs");
	check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EIO),
	      "umount: %s", errno_name(WEXITSTATUS(status)));
}

CASE(open_device_is_ebusy)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	struct dblock_info info;
	uint8_t *buf = buffer_new(4096);
	int fd = device_open(dev, O_RDONLY | O_DIRECT);

	check_fails(EBUSY, ctl_destroy(dev->session, dev->id, 0));
	check_ok(ctl_info(dev->session, dev->id, &info));
	check_eq(info.state, DBLOCK_STATE_LIVE);
	check_eq(pread(fd, buf, 4096, 0), 4096);
	close(fd);
	device_down(dev);
}

CASE(mounted_device_is_ebusy)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	char target[64];

	make_ext4(dev->path);
	mount_ext4(dev->path, target, sizeof(target));
	check_fails(EBUSY, ctl_destroy(dev->session, dev->id, 0));
	close(dirty_file(target));
	check_ok(umount(target));
	device_down(dev);
}

CASE(forced_with_an_open_file)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	uint8_t *buf = buffer_new(4096);
	int fd = device_open(dev, O_RDWR | O_DIRECT), buffered = device_open(dev, O_RDWR);
	char path[64];

	check_eq(pwrite(buffered, buf, 4096, 65536), 4096);	/* dirty */
	strcpy(path, dev->path);
	device_down_forced(dev);
	errno = 0;
	check(pread(fd, buf, 4096, 0) <= 0 && (!errno || gone_errno(errno)), "read: %s", errno_name(errno));
	check(pwrite(fd, buf, 4096, 0) == -1 && gone_errno(errno), "write: %s", errno_name(errno));
	check(open(path, O_RDONLY) == -1 && (errno == ENOENT || errno == ENXIO || errno == ENODEV),
	      "open: %s", errno_name(errno));
	step("closing the files of a removed disk");
	close(fd);
	close(buffered);
}

CASE(forced_with_a_mounted_filesystem_and_dirty_pages)
{
	struct dblock_create spec = spec_of(16 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	char target[64];
	int fd;

	make_ext4(dev->path);
	mount_ext4(dev->path, target, sizeof(target));
	fd = dirty_file(target);
	device_down_forced(dev);
	check(fsync(fd) == -1, "fsync succeeded on a removed disk");
	close(fd);
	unmount_of_the_dead(target);
}

CASE(forced_under_io_ends_every_request_and_every_server)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hammer *hammer;
	int serving, error;
	double start;

	spec.queues = 2;
	dev = device_create(&spec);
	server_start(dev, -1, 0, 4, NULL, NULL);
	server_start(dev, -1, dev->spec.queues - 1, 1, NULL, NULL);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 2, NULL, NULL);
	device_start(dev);
	serving = device_open(dev, O_RDWR);
	server_start(dev, serving, DBLOCK_QUEUE_ANY, 2, NULL, NULL);
	hammer = hammer_start(dev->path, 6);
	check_wait(20, hammer_count(hammer) > 100, "I/O to get going");
	start = now();
	device_down_forced(dev);
	error = hammer_join(hammer, 10);
	note("all told after %.2f s: %s", now() - start, errno_name(error));
	check(gone_errno(error), "%s", errno_name(error));
	close(serving);
}

static bool never(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	(void)server;
	(void)rq;
	(void)answer;
	return false;
}

CASE(forced_with_requests_in_the_servers_hands)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, never, NULL);
	struct hand hand = hand_of(dev);
	struct dblock_answer answer;
	struct io *reading, *writing;
	uint8_t *buf = buffer_new(4096);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	memset(buf, 0xcc, 4096);
	reading = io_start(IO_READ, fd, buf, 4096, MIB);
	writing = io_start(IO_WRITE, fd, buffer_new(4096), 4096, 2 * MIB);
	check_wait(10, dev->logged == 2, "the server to have both");
	answer = answer_of(log_find(dev, DBLOCK_OP_READ, 0), dev->store);
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
	check_eq(io_finish(reading, 10), -EIO);
	check_eq(io_finish(writing, 10), -EIO);
	/* Answered after the end: told so, and without effect. */
	{
		struct dblock_serve serve = serve_call(&hand, NULL, 0, 0);

		serve.answers = (uintptr_t)&answer;
		serve.nr_answers = 1;
		check(ioctl(hand.fd, DBLOCK_SERVE, &serve) == -1 || serve.state == DBLOCK_SERVE_END,
		      "an answer was taken after the end");
		check_eq(serve.consumed, 0);
	}
	check(all_bytes(buf, 4096, 0xcc), "written into the reader's memory");
	close(fd);
	servers_join(dev, 10);
	check(dev->servers[0]->ended, "no END but %s", errno_name(dev->servers[0]->error));
}

struct destroyer {
	uint32_t id, flags;
	int result;
	atomic_bool done;
};

static void *destroyer(void *arg)
{
	struct destroyer *d = arg;

	d->result = ctl_destroy(session_open(), d->id, d->flags) ? errno : 0;
	d->done = true;
	return NULL;
}

CASE(two_destroyers_at_once)
{
	for (int round = 0; round < 20; round++) {
		struct dblock_create spec = spec_of(MIB);
		struct device *dev = device_up(&spec, NULL, NULL);
		struct destroyer d[3] = { { .id = dev->id, .flags = round % 2 }, { .id = dev->id },
					  { .id = dev->id, .flags = DBLOCK_DESTROY_FORCE } };
		unsigned int successes = 0;
		pthread_t threads[3];

		for (int i = 0; i < 3; i++)
			pthread_create(&threads[i], NULL, destroyer, &d[i]);
		for (int i = 0; i < 3; i++) {
			check_wait(15, d[i].done, "destroyer %d", i);
			pthread_join(threads[i], NULL);
			successes += d[i].result == 0;
			check(!d[i].result || d[i].result == EALREADY || d[i].result == ENODEV,
			      "destroyer %d: %s", i, errno_name(d[i].result));
		}
		check_eq(successes, 1);
		servers_join(dev, 10);
		check(!device_exists(dev->name), "still there");
		device_free(dev);
	}
}

struct starter {
	struct device *dev;
	int result;
	atomic_bool done;
};

static void *starter(void *arg)
{
	struct starter *s = arg;

	s->result = ctl_start(s->dev->session, s->dev->id) ? errno : 0;
	s->done = true;
	return NULL;
}

/* START waits for a partition scan that nobody answers. */
static void destroyed_while_it_starts(const void *arg)
{
	bool served = *(const int *)arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct starter s = { 0 };
	struct dblock_info info;
	pthread_t thread;
	double start;

	spec.flags = DBLOCK_F_WRITE_CACHE;
	s.dev = device_create(&spec);
	if (served)
		server_start(s.dev, -1, DBLOCK_QUEUE_ANY, 4, never, NULL);
	pthread_create(&thread, NULL, starter, &s);
	check_wait(10, !ctl_info(s.dev->session, s.dev->id, &info) && info.pending, "the partition scan to begin");
	check(!s.done, "the start did not wait");
	check_fails(EALREADY, ctl_start(s.dev->session, s.dev->id));
	check_fails(EBUSY, ctl_destroy(s.dev->session, s.dev->id, 0));
	start = now();
	check_ok(ctl_destroy(s.dev->session, s.dev->id, DBLOCK_DESTROY_FORCE));
	check_wait(10, s.done, "the start to return");
	note("destroyed in %.2f s, the start said %s", now() - start, s.result ? errno_name(s.result) : "0");
	check(!device_exists(s.dev->name), "still there");
	servers_join(s.dev, 10);
}

CASE(answers_after_the_end_are_refused_through_the_disk_too)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_request rq;
	struct dblock_serve serve;

	spec.flags |= DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	hand = hand_of(dev);
	hand.fd = device_open(dev, O_RDWR);
	hand.device = 0;
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
	serve = serve_call(&hand, &rq, 1, -1);
	check_ok(ioctl(hand.fd, DBLOCK_SERVE, &serve));
	check_eq(serve.state, DBLOCK_SERVE_END);
	close(hand.fd);
}

/* Openers come and go while it is destroyed: refused or removed, nothing between. */
static void *opener(void *arg)
{
	struct destroyer *d = arg;
	char path[64];

	snprintf(path, sizeof(path), "/dev/dblockrace");
	while (!d->done) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

CASE(opening_races_with_destroying)
{
	struct destroyer stop = { 0 };
	pthread_t threads[2];
	unsigned int busy = 0;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, opener, &stop);
	for (int round = 0; round < 12; round++) {
		struct dblock_create spec = spec_of(MIB);
		struct device *dev;
		int ret;

		strcpy(spec.name, "dblockrace");
		dev = device_up(&spec, NULL, NULL);
		while ((ret = ctl_destroy(dev->session, dev->id, 0)) && errno == EBUSY)
			busy++;
		check_ok(ret);
		servers_join(dev, 10);
		check(dev->servers[0]->ended, "no END but %s", errno_name(dev->servers[0]->error));
		device_free(dev);
	}
	stop.done = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	note("refused as busy %u times", busy);
}

/*
 * A removed disk that is still open keeps its name: who looks at /dev or at
 * /proc/mounts would take another for it.
 */
CASE(name_is_kept_until_the_last_user_has_closed)
{
	struct dblock_create spec = spec_of(16 * MIB), again = spec_of(MIB), automatic = spec_of(MIB);
	struct device *dev;
	char target[64], name[DBLOCK_NAME_LEN];
	int session = session_open(), fd;

	/* The name that the kernel would pick next. */
	dev = device_up(&spec, NULL, NULL);
	strcpy(name, dev->name);
	make_ext4(dev->path);
	mount_ext4(dev->path, target, sizeof(target));
	fd = dirty_file(target);
	check_ok(umount2(target, MNT_DETACH));
	device_down_forced(dev);
	strcpy(again.name, name);
	check_fails(EBUSY, ctl_create(session, &again));
	check_ok(ctl_create(session, &automatic));
	check(strcmp(automatic.name, name), "%s was given away", name);
	check_ok(ctl_destroy_patiently(session, automatic.id));
	step("closing the last file");
	close(fd);
	again = spec_of(MIB);
	strcpy(again.name, name);
	check_ok(ctl_create_patiently(session, &again));
	check_ok(ctl_start(session, again.id));
	check_wait(10, node_exists(name), "waiting for /dev/%s", name);
	check_ok(ctl_destroy_patiently(session, again.id));
}

CASE(name_of_an_open_removed_disk_is_kept)
{
	struct dblock_create spec = spec_of(MIB), again = spec_of(MIB), part = spec_of(MIB);
	struct device *dev;
	int session = session_open(), fd;

	strcpy(spec.name, "dblockkept");
	dev = device_up(&spec, NULL, NULL);
	fd = device_open(dev, O_RDWR);
	device_down_forced(dev);
	strcpy(again.name, "dblockkept");
	check_fails(EBUSY, ctl_create(session, &again));
	strcpy(part.name, "dblockkept1");
	check_fails(EBUSY, ctl_create(session, &part));
	close(fd);
	check_ok(ctl_create_patiently(session, &again));
	check_ok(ctl_destroy_patiently(session, again.id));
}

CASE(mapped_device_is_removed_by_force)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR);
	uint8_t *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	memset(map, 1, 65536);
	device_down_forced(dev);
	step("unmapping a removed disk");
	munmap(map, MIB);
	close(fd);
}

int main(int argc, char **argv)
{
	static const int no = 0, yes = 1;
	static const struct test tests[] = {
		TEST(open_device_is_ebusy),
		TEST(mounted_device_is_ebusy),
		TEST(forced_with_an_open_file),
		TEST(forced_with_a_mounted_filesystem_and_dirty_pages),
		TEST(forced_under_io_ends_every_request_and_every_server),
		TEST(forced_with_requests_in_the_servers_hands),
		TEST(two_destroyers_at_once),
		{ "destroyed_while_its_start_waits_for_a_server", destroyed_while_it_starts, &yes, 0 },
		{ "destroyed_while_its_start_waits_and_nobody_serves", destroyed_while_it_starts, &no, 0 },
		TEST(answers_after_the_end_are_refused_through_the_disk_too),
		TEST(opening_races_with_destroying),
		TEST(name_is_kept_until_the_last_user_has_closed),
		TEST(name_of_an_open_removed_disk_is_kept),
		TEST(mapped_device_is_removed_by_force),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
