// SPDX-License-Identifier: GPL-2.0-only
/* Devices that wait for a new server when theirs is gone. */
#include "harness.h"

#include <poll.h>
#include <signal.h>

#define SIZE		(4 * MIB)
#define LONG_MS		60000

/* What all servers of a case answer from; so a new one goes on where the old one ended. */
static uint8_t *common;

static void use_common(struct device *dev)
{
	dev->store = common;
}

static struct dblock_create waiting_spec(uint64_t flags, uint32_t recovery_ms)
{
	struct dblock_create spec = spec_of(SIZE);

	spec.flags |= flags;
	spec.recovery_ms = recovery_ms;
	strcpy(spec.name, "dblockwait");
	return spec;
}

static struct remote *waiting_up(const struct dblock_create *spec)
{
	common = shared_page(SIZE);
	return remote_up(spec, holding_answer, use_common);
}

static void kill_server(struct remote *remote)
{
	check_ok(kill(remote->pid, SIGKILL));
	check(wait_child(remote->pid, 10, NULL), "the killed process is still there");
}

static uint32_t state_of(int session, uint32_t id)
{
	struct dblock_info info;

	return ctl_info(session, id, &info) ? 0 : info.state;
}

static int adopt(int session, uint32_t id)
{
	struct dblock_target target = { .id = id };

	return ioctl(session, DBLOCK_CTL_ADOPT, &target);
}

/* The device as this process's own, on a session that has adopted it; not served yet. */
static struct device *adopted(const struct remote *remote)
{
	struct device *dev = calloc(1, sizeof(*dev));

	dev->spec = spec_of(SIZE);
	dev->spec.max_io = DBLOCK_DEFAULT_IO;
	dev->id = remote->id;
	dev->store = common;
	dev->log = buffer_new(LOG_SIZE * sizeof(*dev->log));
	dev->session = session_open();
	strcpy(dev->name, remote->name);
	strcpy(dev->path, remote->path);
	check_wait(10, !adopt(dev->session, dev->id) || errno != EBUSY, "adopting %s", dev->name);
	check_ok(adopt(dev->session, dev->id));
	return dev;
}

static void down(struct device *dev)
{
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	servers_join(dev, 15);
	for (unsigned int i = 0; i < dev->nr_servers; i++)
		check(dev->servers[i]->ended, "server %u: %s", i, errno_name(dev->servers[i]->error));
}

CASE(what_was_held_is_given_to_the_next_one)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT), session = session_open();
	uint8_t *in = buffer_new(65536), *out = buffer_new(65536);
	struct io *read, *write, *later;
	struct device *dev;

	pattern_fill(common + MIB, 65536, 0, 1);
	pattern_fill(out, 65536, 0, 2);
	remote->hold = true;
	read = io_start(IO_READ, fd, in, 65536, MIB);
	write = io_start(IO_WRITE, fd, out, 65536, 2 * MIB);
	check_wait(10, remote->held == 2, "the server to hold both");
	kill_server(remote);
	check_wait(10, state_of(session, remote->id) == DBLOCK_STATE_WAITING, "the device to wait");
	later = io_start(IO_READ, fd, buffer_new(4096), 4096, 0);
	nap_ms(1500);
	check(!read->done && !write->done && !later->done, "something ended meanwhile");

	dev = adopted(remote);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(io_finish(read, 10), 65536);
	check_eq(io_finish(write, 10), 65536);
	check_eq(io_finish(later, 10), 4096);
	check_eq(pattern_check(in, 65536, 0, 1), -1);
	check_eq(pattern_check(common + 2 * MIB, 65536, 0, 2), -1);
	check_eq(state_of(session, remote->id), DBLOCK_STATE_LIVE);
	close(fd);
	down(dev);
}

CASE(without_reissue_what_was_held_fails_and_the_rest_waits)
{
	struct dblock_create spec = waiting_spec(0, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT);
	struct io *held, *later;
	struct device *dev;

	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	check_eq(io_finish(held, 10), -EIO);
	later = io_start(IO_READ, fd, buffer_new(4096), 4096, 0);
	nap_ms(1000);
	check(!later->done, "it did not wait");
	dev = adopted(remote);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(io_finish(later, 10), 4096);
	close(fd);
	down(dev);
}

CASE(another_comes_through_the_disk)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT), session = session_open();
	struct device dev = { .spec = spec_of(SIZE), .session = session, .store = common };
	struct io *held;

	dev.spec.max_io = DBLOCK_DEFAULT_IO;
	dev.id = remote->id;
	dev.log = buffer_new(LOG_SIZE * sizeof(*dev.log));
	strcpy(dev.name, remote->name);
	strcpy(dev.path, remote->path);
	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	server_start(&dev, remote_open(remote, O_RDWR), DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(io_finish(held, 10), 4096);
	/* Its session is gone, but it is served. */
	check_fails(EBUSY, adopt(session, dev.id));
	close(fd);
	down(&dev);
}

CASE(the_time_without_a_server_does_not_count)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote;
	struct device *dev;
	struct io *held;
	int fd;

	/* Until the server is dead it does count. */
	spec.timeout_ms = 3000;
	remote = waiting_up(&spec);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	/* A time-out comes a second late at most. */
	nap_ms(spec.timeout_ms + 2000);
	check(!held->done, "it ended while nobody served");
	dev = adopted(remote);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(io_finish(held, 10), 4096);
	close(fd);
	down(dev);
}

CASE(a_new_server_has_the_usual_time)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct dblock_request rq;
	struct remote *remote;
	struct device *dev;
	struct hand hand;
	struct io *held;
	int fd;

	spec.timeout_ms = 2000;
	remote = waiting_up(&spec);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	dev = adopted(remote);
	hand = hand_of(dev);
	rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
	check_eq(io_finish(held, 20), -ETIMEDOUT);
	check_fails(ESTALE, answer_now(&hand, &(struct dblock_answer){ .cookie = rq.cookie, .length = 4096,
								       .flags = DBLOCK_ANS_ZEROES }));
	close(fd);
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
}

CASE(ends_when_nobody_comes)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, 1500);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT);
	struct io *held;
	double start;

	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	start = now();
	kill_server(remote);
	check_eq(io_finish(held, 20), -EIO);
	check(now() - start >= 1.4, "it ended after %.2f s", now() - start);
	close(fd);
	await_gone(remote, 10);
}

CASE(one_that_outlives_stays_when_nobody_comes)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE | DBLOCK_F_OUTLIVE, 1000);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT), session = session_open();
	uint8_t *buf = buffer_new(4096);
	struct device *dev;

	kill_server(remote);
	check_fails(EIO, pread(fd, buf, 4096, 0));
	check_eq(state_of(session, remote->id), DBLOCK_STATE_LIVE);
	dev = adopted(remote);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_wait(10, pread(fd, buf, 4096, 0) == 4096, "it to be served again");
	close(fd);
	down(dev);
}

/* Its process lives on, and may even be the next one. */
CASE(a_session_that_is_closed_leaves_it_to_another)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request before, after;
	struct dblock_answer late;
	int fd, session = session_open();
	struct io *held;

	device_start(dev);
	quiesce(dev, &hand, 200);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB / 2);
	before = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 2 / 512);
	close(dev->session);
	check_wait(10, state_of(session, dev->id) == DBLOCK_STATE_WAITING, "the device to wait");

	dev->session = session;
	check_ok(adopt(session, dev->id));
	hand = hand_of(dev);
	after = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 2 / 512);
	late = answer_of(&before, dev->store);
	check_fails(ESTALE, answer_now(&hand, &late));
	answer_well(dev, &hand, &after);
	check_eq(io_finish(held, 10), 4096);
	close(fd);
	check_ok(ctl_destroy(session, dev->id, DBLOCK_DESTROY_FORCE));
}

/* Before the watch has handled what the process held on the session it closed. */
CASE(the_process_that_closed_its_session_comes_again_at_once)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	int fd;

	device_start(dev);
	quiesce(dev, &hand, 200);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int round = 0; round < 20; round++) {
		struct io *held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB / 2);
		struct dblock_request rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 2 / 512);
		int session = session_open();

		close(dev->session);
		dev->session = session;
		check_ok(adopt(session, dev->id));
		hand.fd = session;
		rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 2 / 512);
		answer_well(dev, &hand, &rq);
		check_eq(io_finish(held, 10), 4096);
	}
	close(fd);
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
}

CASE(who_polls_the_session_that_adopts_is_told_what_waits)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT);
	struct pollfd waits = { .events = POLLIN };
	struct device *dev;
	struct io *held;

	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	dev = adopted(remote);
	waits.fd = dev->session;
	check_wait(10, poll(&waits, 1, 0) == 1 && waits.revents & POLLIN, "the session to be ready");
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	check_eq(io_finish(held, 10), 4096);
	check_wait(10, poll(&waits, 1, 0) == 0, "the session to be ready no more");
	close(fd);
	down(dev);
}

CASE(the_session_it_had_is_told_the_end)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct device *dev = device_create(&spec);
	struct hand old = hand_of(dev), new = hand_of(dev), third = hand_of(dev);
	struct pollfd waits = { .fd = dev->session, .events = POLLIN };
	struct dblock_request rq;
	struct dblock_info info;
	pid_t pid = fork_case();

	if (!pid) {
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
		for (;;)
			pause();
	}
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the server to come");
	third.fd = session_open();
	check_fails(ENODEV, fetch(&third, &rq, 1, 0));
	check_ok(kill(pid, SIGKILL));
	check(wait_child(pid, 10, NULL), "the killed process is still there");
	new.fd = session_open();
	check_wait(10, !adopt(new.fd, dev->id), "adopting %s", dev->name);
	check_eq(poll(&waits, 1, 0), 1);
	for (int i = 0; i < 4; i++) {
		check_fails(ENXIO, fetch(i % 2 ? &third : &old, &rq, 1, 0));	/* by it END is told */
		check_eq(poll(&waits, 1, 0), 0);
	}
	/* For its new session it has not ended. */
	check_eq(fetch(&new, &rq, 1, 0), 0);
	waits.fd = new.fd;
	check_eq(poll(&waits, 1, 0), 0);
	check_ok(ctl_destroy_patiently(new.fd, dev->id));
	check_eq(poll(&waits, 1, 0), 1);
	check_fails(ENXIO, fetch(&new, &rq, 1, 0));
	check_eq(poll(&waits, 1, 0), 0);
	check_fails(ENXIO, fetch(&old, &rq, 1, 0));
	waits.fd = dev->session;
	check_eq(poll(&waits, 1, 0), 0);
}

CASE(one_that_is_served_is_not_adopted)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS), other = spec_of(MIB);
	struct remote *remote = waiting_up(&spec);
	int session = session_open();

	check_fails(EBUSY, adopt(session, remote->id));
	check_eq(state_of(session, remote->id), DBLOCK_STATE_LIVE);
	check_fails(ENODEV, adopt(session, 0x7fffffff));
	/* Nor one that was never served while its session is there. */
	check_ok(ctl_create(session_open(), &other));
	check_fails(EBUSY, adopt(session, other.id));
	check_ok(ctl_destroy_patiently(session, remote->id));
	drop_sys_admin();
	check_fails(EPERM, adopt(session, other.id));
}

CASE(without_a_time_it_ends_at_once)
{
	struct dblock_create spec = waiting_spec(0, 0);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT);

	kill_server(remote);
	close(fd);
	note("gone after %.2f s", await_gone(remote, 10));
}

CASE(destroyed_by_force_while_it_waits)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	int fd = remote_open(remote, O_RDWR | O_DIRECT), session = session_open();
	struct io *held, *later;

	remote->hold = true;
	held = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_wait(10, remote->held == 1, "the server to hold it");
	kill_server(remote);
	check_wait(10, state_of(session, remote->id) == DBLOCK_STATE_WAITING, "the device to wait");
	later = io_start(IO_WRITE, fd, buffer_new(4096), 4096, 0);
	nap_ms(100);
	check_ok(ctl_destroy(session, remote->id, DBLOCK_DESTROY_FORCE));
	check_eq(io_finish(held, 10), -EIO);
	check_eq(io_finish(later, 10), -EIO);
	close(fd);
	await_gone(remote, 10);
}

static void new_server(struct device *dev)
{
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 8, NULL, NULL);
}

/* One server after the other dies under load that never gets an error, and nothing is lost. */
CASE(taken_over_again_and_again_under_load)
{
	struct dblock_create spec = waiting_spec(DBLOCK_F_REISSUE, LONG_MS);
	struct remote *remote = waiting_up(&spec);
	struct device view = { .spec = spec_of(SIZE), .store = common };
	struct rng rng = rng_new(1);
	struct load *load;

	view.spec.logical_block = 512;
	strcpy(view.name, remote->name);
	strcpy(view.path, remote->path);
	load = load_start(&view, 3, 0);
	nap_ms(200);
	kill_server(remote);
	for (int i = 0; i < 8; i++) {
		struct remote *page = shared_page(sizeof(*page));
		pid_t pid;

		step("server %d", i);
		memcpy(page->name, remote->name, sizeof(page->name));
		memcpy(page->path, remote->path, sizeof(page->path));
		page->id = remote->id;
		pid = fork_case();
		if (!pid) {
			new_server(adopted(page));
			page->ready = true;
			for (;;)
				pause();
		}
		check_wait(20, page->ready, "server %d to adopt it", i);
		nap_ms(rng_below(&rng, 300));
		if (i < 7) {
			check_ok(kill(pid, SIGKILL));
			check(wait_child(pid, 10, NULL), "server %d is still there", i);
		}
	}
	note("%u reads and writes", load_stop(load));
	check_ok(ctl_destroy(session_open(), remote->id, DBLOCK_DESTROY_FORCE));
}

CASE(what_makes_no_sense_is_einval)
{
	struct dblock_create spec = spec_of(MIB);
	int session = session_open();
	struct dblock_target target = { .id = 1, .flags = 1 };

	spec.flags |= DBLOCK_F_REISSUE;
	check_fails(EINVAL, ctl_create(session, &spec));
	spec.recovery_ms = DBLOCK_MAX_RECOVERY_MS + 1;
	check_fails(EINVAL, ctl_create(session, &spec));
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_ADOPT, &target));
	target = (struct dblock_target){ 0 };
	check_fails(EINVAL, ioctl(session, DBLOCK_CTL_ADOPT, &target));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(what_was_held_is_given_to_the_next_one),
		TEST(without_reissue_what_was_held_fails_and_the_rest_waits),
		TEST(another_comes_through_the_disk),
		TEST(the_time_without_a_server_does_not_count),
		TEST(a_new_server_has_the_usual_time),
		TEST(ends_when_nobody_comes),
		TEST(one_that_outlives_stays_when_nobody_comes),
		TEST(a_session_that_is_closed_leaves_it_to_another),
		TEST(the_process_that_closed_its_session_comes_again_at_once),
		TEST(who_polls_the_session_that_adopts_is_told_what_waits),
		TEST(the_session_it_had_is_told_the_end),
		TEST(one_that_is_served_is_not_adopted),
		TEST(without_a_time_it_ends_at_once),
		TEST(destroyed_by_force_while_it_waits),
		TEST_FOR(taken_over_again_and_again_under_load, 120),
		TEST(what_makes_no_sense_is_einval),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
