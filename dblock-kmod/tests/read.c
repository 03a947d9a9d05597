// SPDX-License-Identifier: GPL-2.0-only
/* DBLOCK_SERVE by read(2): the same calls, the same results. */
#include "harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define AT	(64 * KIB)	/* where the cases read and write; udev does not */

/* 0, or the negative errno that it tells; fails the case if read(2) itself does. */
static int serve_by_read(int fd, struct dblock_serve *serve)
{
	check_eq(check_ok(read(fd, serve, sizeof(*serve))), sizeof(*serve));
	return serve->result;
}

/* A disk that a case serves by hand. */
struct scene {
	struct device *dev;
	struct hand hand;
	int fd;
};

static struct scene stage(void)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct scene s = { .dev = device_create(&spec) };

	s.hand = hand_of(s.dev);
	pattern_fill(s.dev->store, 4 * MIB, 0, 1);
	check_ok(ctl_start(s.dev->session, s.dev->id));
	check_wait(10, node_exists(s.dev->name), "waiting for %s", s.dev->path);
	s.fd = device_open(s.dev, O_RDWR | O_DIRECT);
	quiesce(s.dev, &s.hand, 50);
	return s;
}

static void finish(struct scene *s)
{
	close(s->fd);
	check_ok(ctl_destroy_patiently(s->dev->session, s->dev->id));
}

CASE(requests_are_fetched_and_answered)
{
	struct scene s = stage();
	struct dblock_answer answer;
	struct dblock_request rq;
	struct dblock_serve serve;
	uint8_t *buf = buffer_new(8192);
	struct io *io;

	for (int i = 0; i < 20; i++) {
		bool writes = i % 2;
		bool done = false;

		pattern_fill(buf, 8192, AT, 2 + i);
		io = io_start(writes ? IO_WRITE : IO_READ, s.fd, buf, 8192, AT);
		/* udev may read, too. */
		while (!done) {
			serve = serve_call(&s.hand, &rq, 1, 10000);
			check_eq(serve_by_read(s.hand.fd, &serve), 0);
			check_eq(serve.nr_requests, 1);
			check_eq(serve.consumed, 0);
			check_eq(serve.state, 0);
			done = rq.sector == AT / 512;
			if (done && writes)
				check_eq(pattern_check((void *)(uintptr_t)rq.data, 8192, AT, 2 + i), -1);
			answer = answer_of(&rq, NULL);
			memory_apply(s.dev, &rq, &answer);
			serve = serve_call(&s.hand, NULL, 0, 0);
			serve.answers = (uintptr_t)&answer;
			serve.nr_answers = 1;
			check_eq(serve_by_read(s.hand.fd, &serve), 0);
			check_eq(serve.consumed, 1);
		}
		check_eq(io_finish(io, 10), 8192);
		check_eq(pattern_check(buf, 8192, AT, i == 0 ? 1 : writes ? 2 + i : 1 + i), -1);
	}
	/* At any offset. */
	serve = serve_call(&s.hand, &rq, 1, 0);
	check_eq(pread(s.hand.fd, &serve, sizeof(serve), 12345), sizeof(serve));
	check_eq(serve.result, 0);
	finish(&s);
}

CASE(with_o_nonblock_nothing_is_waited_for)
{
	struct scene s = stage();
	int flags = check_ok(fcntl(s.hand.fd, F_GETFL));
	struct dblock_request rq;
	struct dblock_serve serve;
	struct io *io;
	double start;

	check_ok(fcntl(s.hand.fd, F_SETFL, flags | O_NONBLOCK));
	step("reading without a limit from a non-blocking session");
	do {
		serve = serve_call(&s.hand, &rq, 1, -1);
		check_eq(serve_by_read(s.hand.fd, &serve), 0);
		if (serve.nr_requests)
			answer_well(s.dev, &s.hand, &rq);
	} while (serve.nr_requests);
	check_eq(serve.timeout_ns, -1);
	check_eq(serve.state, 0);
	/* A request that waits already is fetched. */
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, AT);
	step("reading until there is a request");
	do {
		serve = serve_call(&s.hand, &rq, 1, -1);
		check_eq(serve_by_read(s.hand.fd, &serve), 0);
		if (serve.nr_requests)
			answer_well(s.dev, &s.hand, &rq);
	} while (!serve.nr_requests || rq.sector != AT / 512);
	check_eq(io_finish(io, 10), 4096);
	/* The ioctl obeys its timeout alone. */
	for (start = now(); check_ok(fetch(&s.hand, &rq, 1, 200)); start = now())
		answer_well(s.dev, &s.hand, &rq);
	check(now() - start >= 0.2, "the ioctl waited for %f s only", now() - start);
	/* So does a read of a session that is not O_NONBLOCK. */
	check_ok(fcntl(s.hand.fd, F_SETFL, flags));
	for (start = now(); ; start = now()) {
		serve = serve_call(&s.hand, &rq, 1, 200);
		check_eq(serve_by_read(s.hand.fd, &serve), 0);
		if (!serve.nr_requests)
			break;
		answer_well(s.dev, &s.hand, &rq);
	}
	check(now() - start >= 0.2, "it waited for %f s only", now() - start);
	finish(&s);
}

CASE(what_the_ioctl_fails_with_is_in_the_result)
{
	struct scene s = stage();
	struct hand other = s.hand;
	struct dblock_answer answers[2];
	struct dblock_request rq;
	struct dblock_serve serve;
	void *buf = buffer_new(4096);
	struct io *io;

	serve = serve_call(&s.hand, &rq, 1, 0);
	serve.flags = 1;
	check_eq(serve_by_read(s.hand.fd, &serve), -EINVAL);
	serve = serve_call(&s.hand, &rq, 1, 0);
	serve.result = 1;
	check_eq(serve_by_read(s.hand.fd, &serve), -EINVAL);
	/* Another session's. */
	other.fd = session_open();
	serve = serve_call(&other, &rq, 1, 0);
	serve.consumed = serve.nr_requests = serve.state = 3;
	check_eq(serve_by_read(other.fd, &serve), -ENODEV);
	check_eq(serve.consumed | serve.nr_requests | serve.state, 0);

	io = io_start(IO_READ, s.fd, buf, 4096, AT);
	rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, AT / 512);
	answers[0] = answer_of(&rq, NULL);
	answers[0].data = 8;
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.answers = (uintptr_t)answers;
	serve.nr_answers = 1;
	check_eq(serve_by_read(s.hand.fd, &serve), -EFAULT);
	check_eq(serve.consumed, 0);
	answers[0].data = (uintptr_t)s.dev->store + AT;
	answers[1] = answers[0];
	serve = serve_call(&s.hand, NULL, 0, 0);
	serve.answers = (uintptr_t)answers;
	serve.nr_answers = 2;
	check_eq(serve_by_read(s.hand.fd, &serve), -ESTALE);
	check_eq(serve.consumed, 1);
	check_eq(io_finish(io, 10), 4096);
	check_eq(pattern_check(buf, 4096, AT, 1), -1);
	finish(&s);
	/* The end is none. */
	serve = serve_call(&s.hand, &rq, 1, -1);
	check_eq(serve_by_read(s.hand.fd, &serve), 0);
	check_eq(serve.state, DBLOCK_SERVE_END);
	/* Neither does it make a wrong call right. */
	serve = serve_call(&s.hand, &rq, 1, -1);
	serve.result = 1;
	check_eq(serve_by_read(s.hand.fd, &serve), -EINVAL);
	check_eq(serve.consumed | serve.nr_requests | serve.state, 0);
}

CASE(other_counts_are_refused)
{
	static const size_t counts[] = {
		1, 4, sizeof(struct dblock_serve) - 1, sizeof(struct dblock_serve) + 1, 4096, 1 << 20, 1 << 30,
	};
	struct scene s = stage();
	struct dblock_request rq;
	struct iovec parts[2];
	struct dblock_serve serve;
	void *memory = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		serve = serve_call(&s.hand, &rq, 1, 0);
		memcpy(memory, &serve, sizeof(serve));
		check_fails(EINVAL, read(s.hand.fd, memory, counts[i]));
	}
	check_fails(EINVAL, read(s.hand.fd, memory, 0));
	/* In pieces it is none, either. */
	serve = serve_call(&s.hand, &rq, 1, 0);
	parts[0] = (struct iovec){ &serve, 64 };
	parts[1] = (struct iovec){ (uint8_t *)&serve + 64, sizeof(serve) - 64 };
	check_fails(EINVAL, readv(s.hand.fd, parts, 2));
	check_fails(EINVAL, write(s.hand.fd, &serve, sizeof(serve)));
	finish(&s);
}

CASE(bad_memory_is_efault_and_loses_no_request)
{
	struct scene s = stage();
	struct dblock_request rq;
	struct dblock_serve *serve = buffer_new(4096);
	void *buf = buffer_new(4096);
	void *volatile nowhere = NULL;	/* not known to the compiler, which would warn */
	struct io *io;

	check_fails(EFAULT, read(s.hand.fd, nowhere, sizeof(*serve)));
	nowhere = (void *)8;
	check_fails(EFAULT, read(s.hand.fd, nowhere, sizeof(*serve)));
	io = io_start(IO_READ, s.fd, buf, 4096, AT);
	*serve = serve_call(&s.hand, &rq, 1, 5000);
	check_ok(mprotect(serve, 4096, PROT_READ));
	check_fails(EFAULT, read(s.hand.fd, serve, sizeof(*serve)));
	/* Nor can it be told that it is wrong. */
	check_ok(mprotect(serve, 4096, PROT_READ | PROT_WRITE));
	serve->flags = 1;
	check_ok(mprotect(serve, 4096, PROT_READ));
	check_fails(EFAULT, read(s.hand.fd, serve, sizeof(*serve)));
	rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, AT / 512);
	answer_well(s.dev, &s.hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	finish(&s);
}

/* 0, or the errno, of a read and of an ioctl of a process that has not opened the session. */
static void in_another_process(struct scene *s, bool changed, int *by_read, int *by_ioctl)
{
	struct dblock_request rq;
	struct dblock_serve serve = serve_call(&s->hand, &rq, 1, 0);
	int *told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	check(told != MAP_FAILED, "mmap");
	pid = check_ok(fork());
	if (!pid) {
		if (changed && (setgid(65534) || setuid(65534)))
			_exit(1);
		told[0] = read(s->hand.fd, &serve, sizeof(serve)) < 0 ? errno : 0;
		told[1] = ioctl(s->hand.fd, DBLOCK_SERVE, &serve) ? errno : 0;
		_exit(0);
	}
	check_eq(check_ok(waitpid(pid, &status, 0)), pid);
	check_eq(status, 0);
	*by_read = told[0];
	*by_ioctl = told[1];
}

CASE(others_cannot_be_made_to_serve_by_it)
{
	struct scene s = stage();
	int by_read, by_ioctl;

	in_another_process(&s, true, &by_read, &by_ioctl);
	check_eq(by_read, EACCES);
	check_eq(by_ioctl, 0);
	in_another_process(&s, false, &by_read, &by_ioctl);
	check_eq(by_read, EACCES);
	check_eq(by_ioctl, 0);
	finish(&s);
}

struct caller {
	int fd;
	struct dblock_serve serve;
	ssize_t got;
	atomic_int tid;
	atomic_bool done;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	c->tid = gettid();
	c->got = read(c->fd, &c->serve, sizeof(c->serve));
	c->done = true;
	return NULL;
}

static void on_signal(int signal)
{
	(void)signal;
}

/* What was answered before is told, which an EINTR of read(2) itself would not do. */
CASE(a_signal_ends_it_and_what_was_answered_is_told)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct scene s = stage();
	struct dblock_answer answer;
	struct dblock_request rq;
	struct caller c = { .fd = s.hand.fd };
	pthread_t thread;
	struct io *io;

	check_ok(sigaction(SIGUSR1, &action, NULL));
	io = io_start(IO_READ, s.fd, buffer_new(4096), 4096, AT);
	rq = fetch_one(s.dev, &s.hand, DBLOCK_OP_READ, AT / 512);
	answer = answer_of(&rq, s.dev->store);
	c.serve = serve_call(&s.hand, &rq, 1, -1);
	c.serve.answers = (uintptr_t)&answer;
	c.serve.nr_answers = 1;
	check(!pthread_create(&thread, NULL, call, &c), "pthread_create");
	check_eq(io_finish(io, 10), 4096);
	check_wait(10, c.tid && sleeps(c.tid), "the call to block");
	check_eq(pthread_kill(thread, SIGUSR1), 0);
	check_wait(10, c.done, "the call to return");
	check_eq(c.got, sizeof(c.serve));
	check_eq(c.serve.result, -EINTR);
	check_eq(c.serve.consumed, 1);
	check_eq(c.serve.nr_requests, 0);
	pthread_join(thread, NULL);
	finish(&s);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(requests_are_fetched_and_answered),
		TEST(with_o_nonblock_nothing_is_waited_for),
		TEST(what_the_ioctl_fails_with_is_in_the_result),
		TEST(other_counts_are_refused),
		TEST(bad_memory_is_efault_and_loses_no_request),
		TEST(others_cannot_be_made_to_serve_by_it),
		TEST(a_signal_ends_it_and_what_was_answered_is_told),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
