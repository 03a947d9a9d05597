// SPDX-License-Identifier: GPL-2.0-only
/* Signals end a wait, lose nothing, and stay what they are: a JVM lives on them. */
#include "harness.h"

#include <signal.h>
#include <sys/time.h>

static atomic_uint handled;
static atomic_int last_value;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	handled++;
	last_value = info->si_value.sival_int;
}

static void handle(int signal, int flags)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags };

	sigemptyset(&action.sa_mask);
	check_ok(sigaction(signal, &action, NULL));
}

/* A thread in one SERVE call. */
struct caller {
	struct hand hand;
	struct dblock_serve serve;
	struct dblock_request rq;
	sigset_t blocked;
	int error;
	atomic_int tid;
	atomic_bool done, leave;
	sigset_t pending;	/* after the call */
	pthread_t thread;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	pthread_sigmask(SIG_BLOCK, &c->blocked, NULL);
	c->tid = gettid();
	c->error = ioctl(c->hand.fd, DBLOCK_SERVE, &c->serve) ? errno : 0;
	sigpending(&c->pending);
	c->done = true;
	while (!c->leave)
		nap_ms(1);
	return NULL;
}

static void start_call(struct caller *c, struct device *dev, int timeout_ms)
{
	c->hand = hand_of(dev);
	c->serve = serve_call(&c->hand, &c->rq, 1, timeout_ms);
	check(!pthread_create(&c->thread, NULL, call, c), "pthread_create");
	check_wait(10, c->tid && sleeps(c->tid), "the call to block");
}

static void signal_ends_the_wait(const void *arg)
{
	const int *flags = arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct caller c = { 0 };

	handle(SIGUSR1, *flags);
	start_call(&c, dev, -1);
	check_eq(pthread_kill(c.thread, SIGUSR1), 0);
	check_wait(10, c.done, "the call to return");
	check_eq(c.error, EINTR);
	check_eq(c.serve.nr_requests, 0);
	check_eq(c.serve.consumed, 0);
	check_eq(c.serve.state, 0);
	check_eq(handled, 1);
	c.leave = true;
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(answers_before_the_signal_are_taken)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct caller c = { 0 };
	struct dblock_answer answer;
	struct io *io;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	handle(SIGUSR1, 0);
	io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
	c.rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
	answer = answer_of(&c.rq, dev->store);
	c.hand = hand;
	c.serve = serve_call(&hand, &c.rq, 1, -1);
	c.serve.answers = (uintptr_t)&answer;
	c.serve.nr_answers = 1;
	check(!pthread_create(&c.thread, NULL, call, &c), "pthread_create");
	check_eq(io_finish(io, 10), 4096);
	check_wait(10, sleeps(c.tid), "the call to block");
	check_eq(pthread_kill(c.thread, SIGUSR1), 0);
	check_wait(10, c.done, "the call to return");
	check_eq(c.error, EINTR);
	check_eq(c.serve.consumed, 1);
	check_eq(c.serve.nr_requests, 0);
	/* Given again, it is stale: not doubled. */
	check_fails(ESTALE, answer_now(&hand, &answer));
	c.leave = true;
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(blocked_signals_do_not_disturb_and_stay_pending)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct caller c = { 0 };

	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	handle(SIGRTMIN, 0);
	sigfillset(&c.blocked);
	start_call(&c, dev, -1);
	check_eq(pthread_kill(c.thread, SIGUSR1), 0);
	check_eq(pthread_kill(c.thread, SIGUSR2), 0);
	check_eq(pthread_kill(c.thread, SIGRTMIN), 0);
	nap_ms(200);
	check(!c.done, "a blocked signal ended the wait");
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_wait(10, c.done, "the end to arrive");
	check_eq(c.error, 0);
	check_eq(c.serve.state, DBLOCK_SERVE_END);
	check_eq(handled, 0);
	check(sigismember(&c.pending, SIGUSR1) && sigismember(&c.pending, SIGUSR2) &&
	      sigismember(&c.pending, SIGRTMIN), "a pending signal is gone");
	c.leave = true;
}

CASE(ignored_signals_do_not_end_the_wait)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct caller c = { 0 };

	signal(SIGUSR1, SIG_IGN);
	start_call(&c, dev, -1);
	check_eq(pthread_kill(c.thread, SIGUSR1), 0);
	nap_ms(200);
	check(!c.done, "an ignored signal ended the wait");
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_wait(10, c.done, "the end to arrive");
	check_eq(c.serve.state, DBLOCK_SERVE_END);
	c.leave = true;
}

/* Queued signals arrive each once, in order, although calls return in between. */
CASE(no_queued_signal_is_lost)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);

	handle(SIGRTMIN, 0);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	for (int i = 1; i <= 200; i++) {
		union sigval value = { .sival_int = i };
		int ret;

		while ((ret = pthread_sigqueue(dev->servers[0]->thread, SIGRTMIN, value)) == EAGAIN)
			nap_ms(1);
		check_eq(ret, 0);
	}
	check_wait(20, handled == 200, "waiting for 200 signals (%u so far)", handled);
	check_eq(last_value, 200);
	device_down(dev);
	check_eq(handled, 200);
}

struct storm {
	struct device *dev;
	atomic_bool stop;
	atomic_uint sent;
};

static void *storm(void *arg)
{
	struct storm *s = arg;
	struct rng rng = rng_new(77);

	while (!s->stop) {
		struct server *server = s->dev->servers[rng_below(&rng, s->dev->nr_servers)];

		if (server->running && !pthread_kill(server->thread, SIGUSR1))
			s->sent++;
		if (rng_below(&rng, 4) == 0)
			usleep(rng_below(&rng, 300));
	}
	return NULL;
}

static void storm_loses_and_doubles_nothing(const void *arg)
{
	const int *flags = arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct storm s = { 0 };
	unsigned int interrupted = 0, done;
	pthread_t thread;

	spec.depth = 8;
	s.dev = device_create(&spec);
	handle(SIGUSR1, *flags);
	for (int i = 0; i < 3; i++)
		server_start(s.dev, -1, DBLOCK_QUEUE_ANY, 1 + i, NULL, NULL);
	device_start(s.dev);
	check(!pthread_create(&thread, NULL, storm, &s), "pthread_create");
	done = load_stop(load_start(s.dev, 4, 100));
	s.stop = true;
	pthread_join(thread, NULL);
	for (int i = 0; i < 3; i++) {
		check_eq(s.dev->servers[i]->refused, 0);
		interrupted += s.dev->servers[i]->interrupted;
	}
	note("%u signals, %u calls interrupted, %u I/O", s.sent, interrupted, done);
	check(interrupted > 0, "no call was interrupted");
	device_down(s.dev);
}

int main(int argc, char **argv)
{
	static const int plain = 0, restart = SA_RESTART;
	static const struct test tests[] = {
		{ "signal_ends_the_wait", signal_ends_the_wait, &plain, 0 },
		{ "signal_ends_the_wait_with_SA_RESTART_too", signal_ends_the_wait, &restart, 0 },
		TEST(answers_before_the_signal_are_taken),
		TEST(blocked_signals_do_not_disturb_and_stay_pending),
		TEST(ignored_signals_do_not_end_the_wait),
		TEST(no_queued_signal_is_lost),
		{ "storm_loses_and_doubles_nothing", storm_loses_and_doubles_nothing, &plain, 60 },
		{ "storm_with_SA_RESTART_loses_and_doubles_nothing", storm_loses_and_doubles_nothing, &restart, 60 },
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
