// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server yields to who makes its requests on the same processor, but not where
 * they then wait for somebody else. That it gets more of them at once depends on the
 * scheduler: the benchmarks measure it.
 */
#include "harness.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define REQUESTS	1024

static atomic_long slept;	/* how often the server has */

static bool counting_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	struct rusage usage;

	check_ok(getrusage(RUSAGE_THREAD, &usage));
	slept = usage.ru_nvcsw;
	return memory_answer(server, rq, answer);
}

/* For the threads made from now on, too. */
static void stay_on_this_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(check_ok(sched_getcpu()), &one);
	check_ok(sched_setaffinity(0, sizeof(one), &one));
}

/*
 * Reads one by one. The server must have slept at times: for 256 requests after each
 * that had waited for long.
 */
static void read_and_let_sleep(struct device *dev)
{
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);
	long before;

	check_eq(pread(fd, buf, 4096, 0), 4096);
	before = slept;
	for (unsigned int i = 0; i < REQUESTS; i++)
		check_eq(pread(fd, buf, 4096, i % 512 * 4096), 4096);
	close(fd);
	free(buf);
	check(slept - before > REQUESTS / 8, "%ld of %u", slept - before, REQUESTS);
}

CASE(a_server_sleeps_where_others_need_the_processor)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	pid_t busy;

	stay_on_this_processor();
	dev = device_up(&spec, counting_answer, NULL);
	busy = fork_case();
	if (!busy)
		for (;;)
			;
	read_and_let_sleep(dev);
	check_ok(kill(busy, SIGKILL));
	check(wait_child(busy, 10, NULL), "killed");
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST_FOR(a_server_sleeps_where_others_need_the_processor, 120),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
