// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers that sleep in epoll and not in DBLOCK_SERVE, under load: a request
 * whose wake-up is lost waits until it times out, and fails the case.
 */
#include "harness.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define READY		(EPOLLIN | EPOLLRDNORM)
#define MAX_DEVICES	8

/* Threads that serve devices whose sessions an epoll says are ready. */
struct dispatcher {
	int epoll;
	uint32_t events;		/* armed with */
	unsigned int nr, threads;
	struct device *devs[MAX_DEVICES];
	struct hand hands[MAX_DEVICES][4];	/* a buffer for each thread */
	bool one_session;
	uint32_t batch;
	atomic_uint next, wakeups, requests, ends;
	atomic_bool stop;
	pthread_t thread[4];
};

/* Whatever there is of it. False: its end was told. */
static bool serve_all(struct dispatcher *d, unsigned int i, unsigned int number)
{
	struct dblock_request requests[8];
	int n;

	for (;;) {
		n = fetch(&d->hands[i][number], requests, d->batch, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENXIO)
			return false;
		check_ok(n);
		if (!n)
			return true;
		d->requests += n;
		for (int k = 0; k < n; k++) {
			struct dblock_answer answer = answer_of(&requests[k], NULL);

			memory_apply(d->devs[i], &requests[k], &answer);
			if (answer_now(&d->hands[i][number], &answer) && errno != ESTALE && errno != EIO)
				check(d->stop, "answer: %s", errno_name(errno));
		}
	}
}

static void *dispatch(void *arg)
{
	struct dispatcher *d = arg;
	unsigned int number = atomic_fetch_add(&d->next, 1);
	struct epoll_event event;

	while (!d->stop) {
		int n = epoll_wait(d->epoll, &event, 1, 500);

		if (n < 0 && errno == EINTR)
			continue;
		check_ok(n);
		if (!n)
			continue;
		d->wakeups++;
		for (unsigned int i = 0; i < d->nr; i++)
			if (d->one_session || event.data.u32 == i)
				if (!serve_all(d, i, number))
					d->ends++;
		if (d->events & EPOLLONESHOT) {
			event.events = d->events;
			check_ok(epoll_ctl(d->epoll, EPOLL_CTL_MOD, d->devs[event.data.u32]->session, &event));
		}
	}
	return NULL;
}

static struct dispatcher *dispatcher_start(const struct dblock_create *spec, unsigned int nr, unsigned int threads,
					   uint32_t events, bool one_session, uint32_t batch)
{
	struct dispatcher *d = calloc(1, sizeof(*d));
	int session = session_open();

	d->epoll = check_ok(epoll_create1(EPOLL_CLOEXEC));
	d->events = events;
	d->one_session = one_session;
	d->nr = nr;
	d->threads = threads;
	d->batch = batch;
	for (unsigned int i = 0; i < nr; i++) {
		struct epoll_event event = { .events = events, .data.u32 = i };

		d->devs[i] = one_session ? device_create_on(session, spec) : device_create(spec);
		for (unsigned int k = 0; k < threads; k++)
			d->hands[i][k] = hand_of(d->devs[i]);
		if (!i || !one_session)
			check_ok(epoll_ctl(d->epoll, EPOLL_CTL_ADD, d->devs[i]->session, &event));
	}
	close(session);
	for (unsigned int k = 0; k < threads; k++)
		pthread_create(&d->thread[k], NULL, dispatch, d);
	for (unsigned int i = 0; i < nr; i++)
		device_start(d->devs[i]);
	return d;
}

static void dispatcher_stop(struct dispatcher *d)
{
	for (unsigned int i = 0; i < d->nr; i++)
		check_ok(ctl_destroy_patiently(d->devs[i]->session, d->devs[i]->id));
	check_wait(10, d->ends >= d->nr, "the ends of all devices to be told (%u of %u)", d->ends, d->nr);
	d->stop = true;
	for (unsigned int k = 0; k < d->threads; k++)
		pthread_join(d->thread[k], NULL);
	note("%u requests, %u wake-ups, %u ends", d->requests, d->wakeups, d->ends);
	/* Oneshot, or one thread: an end is told to one, once. */
	if (d->threads == 1 || d->events & EPOLLONESHOT)
		check(d->one_session || d->ends == d->nr, "%u ends of %u devices", d->ends, d->nr);
}

struct kind {
	uint32_t events;
	unsigned int devices, threads;
	bool one_session;
	uint32_t batch;
};

static void load_without_a_lost_wakeup(const void *arg)
{
	const struct kind *kind = arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct load *loads[MAX_DEVICES];
	struct dispatcher *d;

	spec.queues = 2;
	d = dispatcher_start(&spec, kind->devices, kind->threads, kind->events, kind->one_session, kind->batch);
	for (unsigned int i = 0; i < d->nr; i++)
		loads[i] = load_start(d->devs[i], 2, 60);
	for (unsigned int i = 0; i < d->nr; i++)
		load_stop(loads[i]);
	dispatcher_stop(d);
}

/* One after the other, with the server asleep each time. */
CASE(every_single_request_wakes_a_sleeping_dispatcher)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct dispatcher *d = dispatcher_start(&spec, 1, 1, READY | EPOLLONESHOT, false, 4);
	uint8_t *buf = buffer_new(4096);
	int fd = device_open(d->devs[0], O_RDWR | O_DIRECT);

	for (int i = 0; i < 1500; i++) {
		step("request %d", i);
		check_eq(pread(fd, buf, 4096, i % 1000 * 4096), 4096);
	}
	close(fd);
	dispatcher_stop(d);
}

/* Threads in DBLOCK_SERVE, that time out all the time, beside one that polls: nobody falls between. */
struct impatient {
	struct device *dev;
	atomic_bool stop;
	atomic_uint served;
};

static void *impatient(void *arg)
{
	struct impatient *who = arg;
	struct hand hand = hand_of(who->dev);
	struct dblock_serve serve;
	struct dblock_request rq;
	uint64_t spread = 1;

	while (!who->stop) {
		serve = serve_call(&hand, &rq, 1, 0);
		/* 0 to 255 us: it often leaves just when a request comes. */
		spread = spread * 6364136223846793005ULL + 1442695040888963407ULL;
		serve.timeout_ns = (spread >> 56) * 1000;
		if (ioctl(hand.fd, DBLOCK_SERVE, &serve) && errno != EINTR)
			fail("DBLOCK_SERVE: %s", errno_name(errno));
		if (serve.nr_requests) {
			answer_well(who->dev, &hand, &rq);
			who->served++;
		}
	}
	return NULL;
}

CASE(request_is_not_lost_between_threads_in_serve_and_pollers)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct dispatcher *d;
	struct impatient who = { 0 };
	pthread_t threads[2];
	struct load *load;

	spec.queues = 2;
	d = dispatcher_start(&spec, 1, 1, READY | EPOLLET, false, 1);
	who.dev = d->devs[0];
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, impatient, &who);
	load = load_start(d->devs[0], 4, 150);
	load_stop(load);
	who.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	note("%u by threads in DBLOCK_SERVE", who.served);
	/* On one CPU the same may always be the first. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		check(who.served && d->requests, "one of them never served");
	dispatcher_stop(d);
}

/*
 * Requests of two queues that come together, two servers of any queue, one
 * request a call: each server keeps its own until the other has one too. Were
 * the second's wake-up spent on the first server, nobody would come for it.
 */
struct pair {
	struct device *dev;
	atomic_uint fetched;
	atomic_bool stop;
};

static void *one_of_a_pair(void *arg)
{
	struct pair *pair = arg;
	struct hand hand = hand_of(pair->dev);
	struct dblock_request rq;

	while (!pair->stop) {
		unsigned int mine;
		int n = fetch(&hand, &rq, 1, 300);

		if (n < 0 && errno == EINTR)
			continue;
		if (!check_ok(n))
			continue;
		if (rq.op == DBLOCK_OP_READ && rq.sector >= 2 * MIB / 512) {
			mine = atomic_fetch_add(&pair->fetched, 1);
			check_wait(20, pair->fetched / 2 > mine / 2, "the other request of pair %u to be fetched",
				   mine / 2);
		}
		answer_well(pair->dev, &hand, &rq);
	}
	return NULL;
}

struct reader {
	int fd, cpu;
	pthread_barrier_t *barrier;
	unsigned int rounds;
};

static void *reader(void *arg)
{
	struct reader *r = arg;
	uint8_t *buf = buffer_new(4096);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(r->cpu, &cpus);
	check_ok(sched_setaffinity(0, sizeof(cpus), &cpus));
	for (unsigned int i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);
		check_eq(pread(r->fd, buf, 4096, 2 * MIB + r->cpu * 65536), 4096);
	}
	free(buf);
	return NULL;
}

CASE(two_requests_at_once_get_two_servers)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct pair pair = { 0 };
	struct reader readers[2];
	pthread_t servers[2], threads[2];
	pthread_barrier_t barrier;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("needs two CPUs");
	spec.queues = 2;
	pair.dev = device_create(&spec);
	for (int i = 0; i < 2; i++)
		pthread_create(&servers[i], NULL, one_of_a_pair, &pair);
	device_start(pair.dev);
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		readers[i] = (struct reader){ device_open(pair.dev, O_RDONLY | O_DIRECT), i, &barrier, 800 };
		pthread_create(&threads[i], NULL, reader, &readers[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		close(readers[i].fd);
	}
	pair.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(servers[i], NULL);
	check_ok(ctl_destroy_patiently(pair.dev->session, pair.dev->id));
}

/* ---- everything at once ---- */

struct chaos {
	int epoll;
	atomic_int session;		/* the one that is polled just now */
	atomic_bool stop;
	atomic_uint events, polls, devices, sessions, io, served;
};

static void *chaos_poll(void *arg)
{
	struct chaos *c = arg;
	struct epoll_event event;

	while (!c->stop) {
		int n = epoll_wait(c->epoll, &event, 1, 20);

		c->polls++;
		if (n <= 0)
			continue;
		c->events++;
		/* A number that may be another file's by now: then it is refused. */
		event.events = READY | EPOLLONESHOT;
		epoll_ctl(c->epoll, EPOLL_CTL_MOD, event.data.fd, &event);
	}
	return NULL;
}

static void *chaos_io(void *arg)
{
	struct chaos *c = arg;
	uint8_t *buf = buffer_new(4096);
	unsigned int i = 0;

	while (!c->stop) {
		char path[32];
		int fd;

		snprintf(path, sizeof(path), "/dev/dblock%u", i++ % 4);
		fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (pread(fd, buf, 4096, 0) == 4096)
			c->io++;
		if (pwrite(fd, buf, 4096, 4096) == 4096)
			c->io++;
		close(fd);
	}
	free(buf);
	return NULL;
}

static void *chaos_serve(void *arg)
{
	struct device *dev = arg;
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_answer answer;
	struct dblock_serve serve;
	unsigned int pending = 0;
	int err;

	do {
		serve = serve_call(&hand, &rq, 1, 1);
		serve.answers = (uintptr_t)&answer;
		serve.nr_answers = pending;
		err = ioctl(hand.fd, DBLOCK_SERVE, &serve) ? errno : 0;
		/* ESTALE: it was ended with the device, just before that is told. */
		check(!err || err == EINTR || err == ESTALE, "DBLOCK_SERVE: %s", errno_name(err));
		pending = err == ESTALE ? 0 : pending - serve.consumed;
		if (!serve.nr_requests)
			continue;
		answer = answer_of(&rq, NULL);
		memory_apply(dev, &rq, &answer);
		pending = 1;
		dev->logged++;
	} while (!(serve.state & DBLOCK_SERVE_END));
	free(hand.buffer);
	return NULL;
}

/* Sessions are polled by two threads while their devices, and they, come and go under I/O. */
CASE(sessions_and_devices_come_and_go_while_polled)
{
	struct chaos c = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	pthread_t threads[4];
	double end = now() + 6;
	struct rng rng = rng_new(11);

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i < 2 ? chaos_poll : chaos_io, &c);
	/* Where all is slow, nobody may have come to read a thing by then. */
	while (now() < end || (!c.io && now() < end + 60)) {
		struct dblock_create spec = spec_of(MIB);
		int session = session_open(), nr = 1 + rng_below(&rng, 3);
		struct epoll_event event = { .events = READY | EPOLLONESHOT, .data.fd = session };
		pthread_t servers[3];
		struct device *devs[3];

		c.sessions++;
		if (rng_below(&rng, 2))
			check_ok(epoll_ctl(c.epoll, EPOLL_CTL_ADD, session, &event));
		for (int i = 0; i < nr; i++) {
			spec.flags &= ~DBLOCK_F_OUTLIVE;
			if (rng_below(&rng, 4) == 0)
				spec.flags |= DBLOCK_F_OUTLIVE;
			step("device %u of session %u", i, c.sessions);
			devs[i] = device_create_on(session, &spec);
			pthread_create(&servers[i], NULL, chaos_serve, devs[i]);
			check_ok(ctl_start(session, devs[i]->id));
			c.devices++;
		}
		/* EEXIST if it is there already. */
		epoll_ctl(c.epoll, EPOLL_CTL_ADD, session, &event);
		usleep(rng_below(&rng, c.io ? 20000 : 500000));
		for (int i = 0; i < nr; i++) {
			step("end of device %u of session %u", i, c.sessions);
			check_ok(ctl_destroy(session, devs[i]->id, DBLOCK_DESTROY_FORCE));
			if (rng_below(&rng, 2))
				epoll_ctl(c.epoll, EPOLL_CTL_DEL, session, NULL);
			pthread_join(servers[i], NULL);
			c.served += devs[i]->logged;
			device_free(devs[i]);
		}
		close(session);
	}
	c.stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	note("%u sessions, %u devices, %u events, %u polls, %u I/O, %u served", c.sessions, c.devices, c.events,
	     c.polls, c.io, c.served);
	check(c.events && c.io, "nothing was polled, or nothing read");
}

/* The same with the session closed under it all: devices end with their pollers' file. */
CASE(sessions_are_closed_under_io_while_in_an_epoll)
{
	struct chaos c = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	pthread_t threads[4];
	double end = now() + 5;
	int other = session_open();

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i < 2 ? chaos_poll : chaos_io, &c);
	/* Where all is slow, nobody may have come to read a thing by then. */
	while (now() < end || (!c.events && now() < end + 40)) {
		struct dblock_create spec = spec_of(MIB);
		int session = session_open();
		struct epoll_event event = { .events = READY | EPOLLONESHOT, .data.fd = session };
		struct dblock_info info;

		spec.flags |= DBLOCK_F_AUTO_START;
		check_ok(epoll_ctl(c.epoll, EPOLL_CTL_ADD, session, &event));
		check_ok(ctl_create_patiently(session, &spec));
		c.sessions++;
		/* A reader comes, and nobody answers. */
		for (int i = 0; i < (c.events ? 10 : 500); i++) {
			check_ok(ctl_info(other, spec.id, &info));
			if (info.pending)
				break;
			nap_ms(1);
		}
		close(session);
		check_wait(10, ctl_info(other, spec.id, &info) && errno == ENODEV, "the device to go");
	}
	c.stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	note("%u sessions, %u events, %u polls", c.sessions, c.events, c.polls);
	check(c.events > 0, "nothing was polled");
}

int main(int argc, char **argv)
{
	static const struct kind level = { READY, 1, 1, false, 4 }, edge = { READY | EPOLLET, 2, 1, false, 4 },
				 oneshot = { READY | EPOLLONESHOT, 4, 3, false, 1 },
				 crowd = { READY, 2, 3, false, 1 },
				 shared = { READY | EPOLLONESHOT, 6, 2, true, 4 };
	static const struct test tests[] = {
		TEST_FOR(every_single_request_wakes_a_sleeping_dispatcher, 60),
		{ "load_on_a_level_triggered_dispatcher", load_without_a_lost_wakeup, &level, 60 },
		{ "load_on_an_edge_triggered_dispatcher", load_without_a_lost_wakeup, &edge, 60 },
		{ "load_on_oneshot_dispatchers", load_without_a_lost_wakeup, &oneshot, 60 },
		{ "load_on_a_crowd_of_level_triggered_dispatchers", load_without_a_lost_wakeup, &crowd, 60 },
		{ "load_on_many_devices_of_one_session", load_without_a_lost_wakeup, &shared, 60 },
		TEST_FOR(request_is_not_lost_between_threads_in_serve_and_pollers, 60),
		TEST_FOR(two_requests_at_once_get_two_servers, 60),
		TEST_FOR(sessions_and_devices_come_and_go_while_polled, 60),
		TEST_FOR(sessions_are_closed_under_io_while_in_an_epoll, 60),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
