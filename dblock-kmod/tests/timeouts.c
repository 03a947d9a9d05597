// SPDX-License-Identifier: GPL-2.0-only
/* Servers that hold a request longer than the device allows. */
#include "harness.h"

#include <signal.h>
#include <sys/wait.h>

CASE(stopped_server_times_out_and_its_late_answers_are_stale)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	struct dblock_info info;
	uint8_t *buf = buffer_new(4096);
	int session = session_open(), fd, status = 0;
	struct io *io;

	spec.timeout_ms = 1000;
	remote = remote_up(&spec, holding_answer, NULL);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	check_eq(pread(fd, buf, 4096, 0), 4096);
	check_ok(kill(remote->pid, SIGSTOP));
	/* Until each of its threads has stopped it may still answer. */
	step("waiting for the server process to stop");
	check_eq(waitpid(remote->pid, &status, WUNTRACED), remote->pid);
	check(WIFSTOPPED(status), "status %#x", status);
	io = io_start(IO_READ, fd, buf, 4096, 0);
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	check_ok(ctl_info(session, remote->id, &info));
	check_eq(info.state, DBLOCK_STATE_LIVE);
	check_ok(kill(remote->pid, SIGCONT));
	/* Served again by whoever comes back. */
	check_eq(pread(fd, buf, 4096, 0), 4096);
	close(fd);
	check_ok(ctl_destroy_patiently(session, remote->id));
}

/* Stopped between fetch and answer: the request it then answers is no longer its. */
static bool stops_itself(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	memory_apply(server->dev, rq, answer);
	if (self->hold) {
		self->hold = false;
		self->held++;
		kill(getpid(), SIGSTOP);
		/* Another thread may take the signal; this one does not answer until told. */
		while (!self->value)
			nap_ms(1);
	}
	return true;
}

CASE(server_stopped_between_fetch_and_answer)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	uint8_t *buf = buffer_new(4096);
	int session = session_open(), fd;
	struct io *io;

	spec.timeout_ms = 1000;
	remote = remote_up(&spec, stops_itself, NULL);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	remote->hold = true;
	memset(buf, 0xcc, 4096);
	io = io_start(IO_READ, fd, buf, 4096, MIB);
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	check_eq(remote->held, 1);
	remote->value = 1;
	check_ok(kill(remote->pid, SIGCONT));
	check_wait(10, remote->refused == 1, "the late answer to be refused (%u so far)", remote->refused);
	check(all_bytes(buf, 4096, 0xcc), "a late answer was written into the reader's memory");
	check_eq(pread(fd, buf, 4096, MIB), 4096);
	check_eq(remote->refused, 1);
	close(fd);
	check_ok(ctl_destroy_patiently(session, remote->id));
}

CASE(each_operation_times_out)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	int session = session_open(), fd;
	struct io *ios[3];

	spec.timeout_ms = 500;
	remote = remote_up(&spec, holding_answer, NULL);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	remote->hold = true;
	ios[0] = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	ios[1] = io_start(IO_WRITE, fd, buffer_new(4096), 4096, 2 * MIB);
	ios[2] = io_start(IO_FSYNC, fd, NULL, 0, 0);
	for (int i = 0; i < 3; i++)
		check_eq(io_finish(ios[i], 20), -ETIMEDOUT);
	remote->hold = false;
	check_ok(fsync(fd));
	close(fd);
	check_ok(ctl_destroy_patiently(session, remote->id));
}

CASE(many_at_once_time_out_and_the_tags_come_back)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct remote *remote;
	int session = session_open(), fd;

	spec.timeout_ms = 300;
	spec.depth = 4;
	remote = remote_up(&spec, holding_answer, NULL);
	fd = remote_open(remote, O_RDWR | O_DIRECT);
	for (int round = 0; round < 2; round++) {
		struct io *ios[8];
		uint8_t *buf = buffer_new(4096);

		remote->hold = true;
		for (int i = 0; i < 8; i++)
			ios[i] = io_start(IO_READ, fd, buffer_new(4096), 4096, i * 65536);
		for (int i = 0; i < 8; i++)
			check_eq(io_finish(ios[i], 30), -ETIMEDOUT);
		remote->hold = false;
		for (int i = 0; i < 8; i++)
			check_eq(pread(fd, buf, 4096, i * 65536), 4096);
	}
	close(fd);
	check_ok(ctl_destroy_patiently(session, remote->id));
}

/* The request waits in its own process's hands; the limit alone decides. */
CASE(long_limit_does_not_time_out_early)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hand hand;
	struct dblock_request rq;
	struct io *io;
	int fd;

	spec.timeout_ms = DBLOCK_MAX_TIMEOUT_MS;
	dev = device_create(&spec);
	hand = hand_of(dev);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
	nap_ms(1500);
	check(!io->done, "timed out");
	answer_well(dev, &hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(nobody_serves_at_all)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct io *io;
	int fd;

	spec.timeout_ms = 500;
	dev = device_create(&spec);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* Answers and time-outs race for the same requests: each ends exactly once. */
static bool slow_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	static _Thread_local struct rng rng;

	if (!rng.state)
		rng = rng_new((uintptr_t)server);
	memory_apply(server->dev, rq, answer);
	if (rng_below(&rng, 3) == 0)
		nap_ms(rng_below(&rng, 60));
	return true;
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
			check_eq(pattern_check(buf, 16384, at, 2), -1);
		counts[n < 0]++;
	}
	note("%ld read, %ld timed out", counts[0], counts[1]);
	return NULL;
}

CASE(answers_race_with_timeouts)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	struct dblock_info info;
	pthread_t threads[6];
	int fd;

	/* A jiffy: whatever is looked at by the timer is late. */
	spec.timeout_ms = 1;
	dev = device_create(&spec);
	pattern_fill(dev->store, MIB, 0, 2);
	for (int i = 0; i < 3; i++)
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 2, slow_answer, NULL);
	device_start(dev);
	fd = device_open(dev, O_RDONLY | O_DIRECT);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, racing_reader, &fd);
	step("waiting for the readers");
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && !info.pending, "pending to be 0");
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(stopped_server_times_out_and_its_late_answers_are_stale),
		TEST(server_stopped_between_fetch_and_answer),
		TEST(each_operation_times_out),
		TEST(many_at_once_time_out_and_the_tags_come_back),
		TEST(long_limit_does_not_time_out_early),
		TEST(nobody_serves_at_all),
		TEST_FOR(answers_race_with_timeouts, 90),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
