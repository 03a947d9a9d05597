// SPDX-License-Identifier: GPL-2.0-only
/* Devices that stay when their server goes. */
#include "harness.h"

#include <signal.h>

static struct remote *outliving(uint32_t timeout_ms)
{
	struct dblock_create spec = spec_of(4 * MIB);

	spec.flags |= DBLOCK_F_OUTLIVE;
	spec.timeout_ms = timeout_ms;
	strcpy(spec.name, "dblockoutlive");
	return remote_up(&spec, holding_answer, NULL);
}

static void destroy_it(struct remote *remote)
{
	int session = session_open();

	check_wait(10, !ctl_destroy_name(session, remote->name, 0) || errno != EBUSY, "destroying %s", remote->name);
	check(!device_exists(remote->name), "still there");
	close(session);
}

CASE(stays_when_its_server_is_killed)
{
	struct remote *remote = outliving(0);
	struct dblock_info info;
	int session = session_open();

	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	nap_ms(1500);
	check(device_exists(remote->name) && node_exists(remote->name), "gone");
	check_ok(ctl_info(session, remote->id, &info));
	check_eq(info.state, DBLOCK_STATE_LIVE);
	check_eq(info.servers, 0);
	check_eq(info.owner, 0);
	destroy_it(remote);
}

CASE(what_the_dead_server_held_fails_soon)
{
	struct remote *remote = outliving(0);
	int fd = remote_open(remote, O_RDWR | O_DIRECT);
	struct io *io;
	double start;

	remote->hold = true;
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	start = now();
	check_ok(kill(remote->pid, SIGKILL));
	check_eq(io_finish(io, 10), -EIO);
	note("failed after %.2f s", now() - start);
	close(fd);
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	destroy_it(remote);
}

CASE(io_fails_at_once_while_nobody_serves)
{
	struct remote *remote = outliving(0);
	uint8_t *buf = buffer_new(4096);
	double start = now();
	int fd;

	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	check_fails(EIO, pread(fd, buf, 4096, 0));
	note("first read failed %.2f s after the death", now() - start);
	check(now() - start < 10, "%f s", now() - start);
	start = now();
	for (int i = 0; i < 20; i++) {
		check_fails(EIO, pread(fd, buf, 4096, 0));
		check_fails(EIO, pwrite(fd, buf, 4096, 0));
		check_fails(EIO, fsync(fd));
	}
	check(now() - start < 10, "60 I/O took %f s", now() - start);
	close(fd);
	destroy_it(remote);
}

CASE(another_process_serves_it_on)
{
	struct remote *remote = outliving(0);
	struct dblock_create spec = spec_of(4 * MIB);
	struct device dev = { .spec = spec, .id = remote->id };
	uint8_t *buf = buffer_new(65536);
	struct dblock_info info;
	int session = session_open(), serving, fd;

	dev.spec.max_io = DBLOCK_DEFAULT_IO;
	dev.store = calloc(1, 4 * MIB);
	dev.log = calloc(LOG_SIZE, sizeof(*dev.log));
	dev.session = session;
	strcpy(dev.name, remote->name);
	strcpy(dev.path, remote->path);
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	check_wait(10, !ctl_info(session, remote->id, &info) && !info.servers, "the death to be noticed");
	/* Through the disk: a session serves only what it made itself. */
	serving = remote_open(remote, O_RDWR);
	server_start(&dev, serving, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_wait(10, !ctl_info(session, remote->id, &info) && info.servers == 1, "the new server to come");
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	pattern_fill(buf, 65536, 0, 1);
	check_eq(pwrite(fd, buf, 65536, MIB), 65536);
	check_eq(pattern_check(dev.store + MIB, 65536, 0, 1), -1);
	check_ok(fsync(fd));
	close(fd);
	destroy_it(remote);
	servers_join(&dev, 10);
	check(dev.servers[0]->ended, "no END but %s", errno_name(dev.servers[0]->error));
}

CASE(destroyed_by_force_under_io_while_nobody_serves)
{
	struct remote *remote = outliving(0);
	int session = session_open(), fd = remote_open(remote, O_RDWR);
	uint8_t *buf = buffer_new(MIB);

	check_eq(pwrite(fd, buf, MIB, 0), MIB);	/* dirty */
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	check_fails(EBUSY, ctl_destroy(session, remote->id, 0));
	check_ok(ctl_destroy(session, remote->id, DBLOCK_DESTROY_FORCE));
	check(!device_exists(remote->name), "still there");
	close(fd);
}

CASE(its_name_stays_taken)
{
	struct remote *remote = outliving(0);
	struct dblock_create spec = spec_of(MIB);
	int session = session_open();

	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	strcpy(spec.name, "dblockoutlive");
	check_fails(EEXIST, ctl_create(session, &spec));
	destroy_it(remote);
	check_ok(ctl_create_patiently(session, &spec));
	check_ok(ctl_destroy_patiently(session, spec.id));
}

CASE(module_stays_loaded_for_it)
{
	struct remote *remote = outliving(0);

	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
	nap_ms(100);
	check(module_users() >= 1, "%d users", module_users());
	destroy_it(remote);
	check_wait(10, module_users() == 0, "the module to have no users (%d)", module_users());
}

/* ---- one server after the other ---- */

/* What a server process that succeeds another shares with its case. */
struct successor {
	pid_t pid;
	atomic_bool open, go, in, ended;
	atomic_uint refused;
};

/* Serves zeros through the disk from `go` on, until it is killed. It does not keep the case's `fd`. */
static struct successor *successor_new(const struct device *dev, int fd)
{
	struct successor *next = shared_page(sizeof(*next));
	struct dblock_answer answers[8];
	struct dblock_request rqs[8];
	struct dblock_serve serve;
	struct hand hand;
	pid_t pid = fork_case();
	int n;

	if (pid) {
		next->pid = pid;
		return next;
	}
	close(fd);
	hand = (struct hand){ .fd = check_ok(open(dev->path, O_RDWR | O_CLOEXEC)), .buffer_size = DBLOCK_DEFAULT_IO };
	hand.buffer = buffer_new(hand.buffer_size);
	next->open = true;
	while (!next->go)
		;
	for (n = 0; ; next->in = true) {
		serve = serve_call(&hand, rqs, ARRAY_SIZE(rqs), next->in ? 1000 : 0);
		serve.answers = (uintptr_t)answers;
		serve.nr_answers = n;
		if (ioctl(hand.fd, DBLOCK_SERVE, &serve)) {
			check(errno == EINTR || errno == ESTALE, "DBLOCK_SERVE: %s", errno_name(errno));
			next->refused += errno == ESTALE;
			n = 0;
			continue;
		}
		if (serve.state & DBLOCK_SERVE_END) {
			next->ended = true;
			_exit(0);
		}
		n = serve.nr_requests;
		for (int i = 0; i < n; i++) {
			answers[i] = answer_of(&rqs[i], NULL);
			answers[i].flags = rqs[i].op == DBLOCK_OP_READ ? DBLOCK_ANS_ZEROES : 0;
		}
	}
}

static struct device *disk_without_server(uint64_t flags)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;

	spec.flags |= flags | DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	return dev;
}

static void kill_successor(struct successor *server)
{
	check_ok(kill(server->pid, SIGKILL));
	check(wait_child(server->pid, 10, NULL), "the killed process is still there");
}

/* The death of its predecessor fails only requests that came before the new server. */
CASE(a_server_that_has_just_come_keeps_its_requests)
{
	struct device *dev = disk_without_server(DBLOCK_F_OUTLIVE);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	struct successor *server = successor_new(dev, fd), *next;
	uint8_t *buf = buffer_new(4096);

	server->go = true;
	for (int round = 0; round < 30; round++) {
		check_wait(10, server->in, "server %d to come", round);
		/* Without a pause, so that a late consequence of the last death hits one of them. */
		for (double end = now() + 0.06; now() < end; )
			check(pread(fd, buf, 4096, 0) == 4096, "read from server %d: %s", round, errno_name(errno));
		check_eq(server->refused, 0);
		next = successor_new(dev, fd);
		kill_successor(server);
		nap_ms(round % 8);
		next->go = true;
		server = next;
	}
	check_wait(10, server->in, "the last server to come");
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_wait(10, server->ended, "the server to see the end");
}

/* A server that is let in keeps the device alive; otherwise it is told the end at once. */
CASE(a_server_is_let_in_or_told_the_end)
{
	int ended = 0;

	for (int round = 0; round < 30; round++) {
		struct device *dev = disk_without_server(0);
		int fd = device_open(dev, O_RDWR | O_DIRECT);
		struct successor *server = successor_new(dev, fd), *next = successor_new(dev, fd);
		uint8_t *buf = buffer_new(4096);

		server->go = true;
		check_wait(10, server->in, "the server to come");
		check_wait(10, next->open, "the next server to open %s", dev->path);
		check_ok(kill(server->pid, SIGKILL));
		if (round % 2)
			nap_ms(round / 6);
		next->go = true;
		check_wait(10, next->in || next->ended, "the next server");
		check(wait_child(server->pid, 10, NULL), "the killed process is still there");
		ended += next->ended;
		for (int i = 0; i < 10 && !next->ended; i++, nap_ms(5))
			check(pread(fd, buf, 4096, 0) == 4096 || next->ended, "read %d: %s", i, errno_name(errno));
		check(next->in != next->ended, "let in, and then told the end");
		close(fd);
		check(!ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE) || errno == ENODEV || errno == EALREADY,
		      "destroying: %s", errno_name(errno));
		check_wait(10, next->ended, "the next server to see the end");
		check_wait(10, !device_exists(dev->name), "%s to go", dev->name);
		free(buf);
	}
	note("%d of 30 came too late", ended);
}

/* How many objects of this slab cache are in use, or -1 if the kernel does not tell. */
static long slab_objects(const char *cache)
{
	size_t length = strlen(cache);
	char line[400];
	long count = -1;
	FILE *file;
	int fd;

	/* What each processor keeps to allocate from counts as in use, some hundred objects, until the cache is shrunk. */
	snprintf(line, sizeof(line), "/sys/kernel/slab/%s/shrink", cache);
	fd = open(line, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		check_ok(write(fd, "1", 1) == 1 ? 0 : -1);
		close(fd);
	}
	file = fopen("/proc/slabinfo", "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, cache, length) && line[length] == ' ')
			count = atol(line + length);
	if (file)
		fclose(file);
	return count;
}

/* The record of a server holds a reference to its pid, so the pids show how many there are. */
CASE(servers_that_are_dead_are_forgotten)
{
	enum { SERVERS = 400 };
	struct hand hand = { .buffer_size = DBLOCK_DEFAULT_IO };
	struct dblock_request rq;
	struct dblock_info info;
	struct device *dev;
	long before;

	if (slowness > 1)
		skip("this kernel delays the freeing of memory");
	if (slab_objects("pid") < 0)
		skip("no slab cache \"pid\" in /proc/slabinfo");
	dev = disk_without_server(DBLOCK_F_OUTLIVE);
	hand.fd = device_open(dev, O_RDWR);
	hand.buffer = buffer_new(hand.buffer_size);
	check_eq(fetch(&hand, &rq, 1, 0), 0);
	before = slab_objects("pid");
	for (int i = 0; i < SERVERS; i++) {
		int status;
		pid_t pid = fork_case();

		if (!pid)
			_exit(fetch(&hand, &rq, 1, 0) ? 1 : 0);
		check(wait_child(pid, 10, &status), "server %d hangs", i);
		check_eq(status, 0);
	}
	check_wait(10, slab_objects("pid") < before + SERVERS / 2, "the pids of most of %d dead servers to be freed", SERVERS);
	note("%ld pids before, %ld after", before, slab_objects("pid"));
	/* The one that lives still counts. */
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "all but one to be dead");
	close(hand.fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(stays_when_its_server_is_killed),
		TEST(what_the_dead_server_held_fails_soon),
		TEST(io_fails_at_once_while_nobody_serves),
		TEST(another_process_serves_it_on),
		TEST(destroyed_by_force_under_io_while_nobody_serves),
		TEST(its_name_stays_taken),
		TEST(module_stays_loaded_for_it),
		TEST_FOR(a_server_that_has_just_come_keeps_its_requests, 120),
		TEST_FOR(a_server_is_let_in_or_told_the_end, 120),
		TEST_FOR(servers_that_are_dead_are_forgotten, 120),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
