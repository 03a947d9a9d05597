// SPDX-License-Identifier: GPL-2.0-only
/* Polling a session: ready exactly while there is something to fetch, or an end not told yet. */
#include "harness.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>

#define READY	(EPOLLIN | EPOLLRDNORM)

/* What poll(2) says at once. */
static int ready_now(int session)
{
	struct pollfd pfd = { .fd = session, .events = POLLIN | POLLRDNORM | POLLOUT | POLLPRI };

	check_ok(poll(&pfd, 1, 0));
	return pfd.revents;
}

static int epoll_of(int session, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = session };
	int epoll = check_ok(epoll_create1(EPOLL_CLOEXEC));

	check_ok(epoll_ctl(epoll, EPOLL_CTL_ADD, session, &event));
	return epoll;
}

static void rearm(int epoll, int session, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = session };

	check_ok(epoll_ctl(epoll, EPOLL_CTL_MOD, session, &event));
}

/* How many became ready within the time; the last one's events. */
static int await_event(int epoll, int ms, uint32_t *events)
{
	struct epoll_event event = { 0 };
	int n;

	do
		n = epoll_wait(epoll, &event, 1, ms);
	while (n < 0 && errno == EINTR);
	check_ok(n);
	if (events)
		*events = event.events;
	return n;
}

static struct device *unserved(const struct dblock_create *spec)
{
	struct device *dev = device_create(spec);

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	return dev;
}

/* One that waits until somebody serves. */
static struct io *read_waits(int fd)
{
	return io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);
}

/* Serves whatever there is until the io is done. */
static void serve_until_done(struct device *dev, const struct hand *hand, struct io *io)
{
	struct dblock_request rq;

	step("serving until the I/O is done");
	for (double end = now() + 15 * slowness; !io->done; ) {
		if (check_ok(fetch(hand, &rq, 1, 20)))
			answer_well(dev, hand, &rq);
		check(now() < end, "the I/O is not done after %u s", 15 * slowness);
	}
	check_eq(io_finish(io, 1), 4096);
}

CASE(version_tells_that_sessions_can_be_polled)
{
	struct dblock_version version;

	check_ok(ioctl(session_open(), DBLOCK_CTL_VERSION, &version));
	check(version.features & DBLOCK_FEAT_POLL, "features %#llx", (unsigned long long)version.features);
}

CASE(session_without_devices_is_never_ready)
{
	int session = session_open();
	int epoll = epoll_of(session, READY | EPOLLOUT | EPOLLPRI | EPOLLRDHUP);

	check_eq(ready_now(session), 0);
	check_eq(await_event(epoll, 100, NULL), 0);
}

CASE(ready_while_a_request_waits_and_not_while_it_is_served)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct io *io;
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	quiesce(dev, &hand, 20);
	check_eq(ready_now(dev->session), 0);
	io = read_waits(fd);
	check_wait(10, ready_now(dev->session), "the session to be ready");
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	rq = fetch_one(dev, &hand, DBLOCK_OP_READ, MIB / 512);
	check_eq(ready_now(dev->session), 0);
	answer_well(dev, &hand, &rq);
	check_eq(io_finish(io, 10), 4096);
	check_eq(ready_now(dev->session), 0);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* Each way to wait is woken by a request that comes later. */
static int wait_by_poll(int session)
{
	struct pollfd pfd = { .fd = session, .events = POLLIN };

	return poll(&pfd, 1, 10000);
}

static int wait_by_select(int session)
{
	struct timeval limit = { .tv_sec = 10 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(session, &set);
	return select(session + 1, &set, NULL, NULL, &limit);
}

static int wait_by_epoll(int session)
{
	return await_event(epoll_of(session, READY), 10000, NULL);
}

static int wait_by_edge(int session)
{
	return await_event(epoll_of(session, READY | EPOLLET), 10000, NULL);
}

static int wait_by_exclusive(int session)
{
	return await_event(epoll_of(session, EPOLLIN | EPOLLEXCLUSIVE), 10000, NULL);
}

/* An epoll of an epoll. */
static int wait_by_nested(int session)
{
	return await_event(epoll_of(epoll_of(session, READY), EPOLLIN), 10000, NULL);
}

struct way {
	int (*wait)(int session);
};

struct late_io {
	struct device *dev;
	int fd;
	struct io *io;
};

static void *later(void *arg)
{
	struct late_io *late = arg;

	nap_ms(100);
	late->io = read_waits(late->fd);
	return NULL;
}

static void woken_by_a_request(const void *arg)
{
	const struct way *way = arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct late_io late = { .dev = unserved(&spec) };
	struct hand hand = hand_of(late.dev);
	pthread_t thread;
	double start = now();

	late.fd = device_open(late.dev, O_RDWR | O_DIRECT);
	quiesce(late.dev, &hand, 20);
	pthread_create(&thread, NULL, later, &late);
	step("waiting to be woken");
	check_eq(way->wait(late.dev->session), 1);
	note("woken after %.3f s", now() - start);
	pthread_join(thread, NULL);
	serve_until_done(late.dev, &hand, late.io);
	close(late.fd);
	check_ok(ctl_destroy_patiently(late.dev->session, late.dev->id));
}

/* ---- arming ---- */

CASE(oneshot_tells_once_until_it_is_armed_again)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	struct io *first, *second;
	int epoll, fd = device_open(dev, O_RDWR | O_DIRECT);

	quiesce(dev, &hand, 20);
	epoll = epoll_of(dev->session, READY | EPOLLONESHOT);
	first = read_waits(fd);
	check_eq(await_event(epoll, 10000, NULL), 1);
	check_eq(await_event(epoll, 50, NULL), 0);
	/* What comes while it is disarmed is told when it is armed. */
	serve_until_done(dev, &hand, first);
	second = read_waits(fd);
	check_wait(10, ready_now(dev->session), "the second request to wait");
	check_eq(await_event(epoll, 50, NULL), 0);
	rearm(epoll, dev->session, READY | EPOLLONESHOT);
	check_eq(await_event(epoll, 10000, NULL), 1);
	serve_until_done(dev, &hand, second);
	/* Nothing to tell: armed, and quiet until there is. */
	rearm(epoll, dev->session, READY | EPOLLONESHOT);
	check_eq(await_event(epoll, 50, NULL), 0);
	first = read_waits(fd);
	check_eq(await_event(epoll, 10000, NULL), 1);
	serve_until_done(dev, &hand, first);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(every_request_is_an_edge)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_info info;
	struct io *ios[5];
	int epoll, fd = device_open(dev, O_RDWR | O_DIRECT);

	quiesce(dev, &hand, 20);
	epoll = epoll_of(dev->session, READY | EPOLLET);
	check_eq(await_event(epoll, 0, NULL), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ios); i++) {
		ios[i] = io_start(IO_READ, fd, buffer_new(4096), 4096, i * 65536);
		check_eq(await_event(epoll, 10000, NULL), 1);
		check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.pending == i + 1, "request %u", i);
		check_eq(await_event(epoll, 50, NULL), 0);
	}
	/* A fetch that leaves some behind tells of them. */
	check_eq(fetch(&hand, &rq, 1, 0), 1);
	check_eq(await_event(epoll, 10000, NULL), 1);
	answer_well(dev, &hand, &rq);
	quiesce(dev, &hand, 20);
	for (unsigned int i = 0; i < ARRAY_SIZE(ios); i++)
		check_eq(io_finish(ios[i], 10), 4096);
	check_eq(await_event(epoll, 50, NULL), 0);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* The caller's memory is not there: the request goes back, and that is an edge too. */
CASE(request_that_could_not_be_fetched_is_told_again)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io *io;
	int epoll, fd = device_open(dev, O_RDWR | O_DIRECT);

	quiesce(dev, &hand, 20);
	epoll = epoll_of(dev->session, READY | EPOLLET);
	io = read_waits(fd);
	check_eq(await_event(epoll, 10000, NULL), 1);
	check_eq(await_event(epoll, 50, NULL), 0);
	check_fails(EFAULT, fetch(&hand, nowhere, 1, 0));
	check_eq(await_event(epoll, 10000, NULL), 1);
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	serve_until_done(dev, &hand, io);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(request_that_timed_out_is_not_there_any_more)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hand hand;
	struct io *io;
	int fd;

	spec.timeout_ms = 300;
	dev = unserved(&spec);
	hand = hand_of(dev);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	quiesce(dev, &hand, 20);
	io = read_waits(fd);
	check_wait(10, ready_now(dev->session), "the session to be ready");
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	check_eq(ready_now(dev->session), 0);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

/* As dblock.h says: who sleeps in DBLOCK_SERVE comes first. */
CASE(thread_asleep_in_serve_gets_the_request_and_pollers_sleep_on)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	uint8_t *buf = buffer_new(4096);
	int epoll, fd = device_open(dev, O_RDWR | O_DIRECT);

	/* udev's requests may have been more than the thread could sleep for. */
	epoll = epoll_of(dev->session, READY | EPOLLET);
	while (await_event(epoll, 300, NULL))
		;
	for (int i = 0; i < 20; i++) {
		nap_ms(10);
		check_eq(pread(fd, buf, 4096, i * 4096), 4096);
	}
	note("%d events", await_event(epoll, 0, NULL));
	check_eq(ready_now(dev->session), 0);
	close(fd);
	device_down(dev);
}

/* ---- many devices on a session ---- */

#define MANY	24

CASE(one_of_many_devices_makes_the_session_ready)
{
	struct dblock_create spec = spec_of(2 * MIB);
	struct device *devs[MANY];
	struct hand hands[MANY];
	struct rng rng = rng_new(7);
	int session = session_open(), epoll = epoll_of(session, READY);

	for (int i = 0; i < MANY; i++) {
		/* The session is polled already. */
		devs[i] = device_create_on(session, &spec);
		check_ok(ctl_start(session, devs[i]->id));
		check_wait(10, node_exists(devs[i]->name), "waiting for %s", devs[i]->path);
		hands[i] = hand_of(devs[i]);
	}
	for (int i = 0; i < MANY; i++)
		quiesce(devs[i], &hands[i], 5);
	for (int round = 0; round < 30; round++) {
		struct device *dev = devs[rng_below(&rng, MANY)];
		int fd = device_open(dev, O_RDWR | O_DIRECT), found = 0;
		struct io *io = read_waits(fd);
		struct dblock_request rq;

		check_eq(await_event(epoll, 10000, NULL), 1);
		for (int i = 0; i < MANY; i++)
			while (check_ok(fetch(&hands[i], &rq, 1, 0))) {
				check(devs[i] == dev, "a request of %s, not of %s", devs[i]->name, dev->name);
				answer_well(dev, &hands[i], &rq);
				found++;
			}
		check_eq(found, 1);
		check_eq(io_finish(io, 10), 4096);
		check_eq(await_event(epoll, 0, NULL), 0);
		close(fd);
	}
	for (int i = 0; i < MANY; i++)
		check_ok(ctl_destroy_patiently(session, devs[i]->id));
}

CASE(devices_of_other_sessions_do_not_make_it_ready)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	int other = session_open(), epoll = epoll_of(other, READY);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	struct io *io = read_waits(fd);

	check_wait(10, ready_now(dev->session), "its own session to be ready");
	check_eq(await_event(epoll, 50, NULL), 0);
	check_eq(ready_now(other), 0);
	serve_until_done(dev, &hand, io);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_eq(ready_now(other), 0);
}

/* ---- the end ---- */

static bool told_end(const struct hand *hand)
{
	struct dblock_request rq;

	return fetch(hand, &rq, 1, 0) == -1 && errno == ENXIO;
}

/* Ready from the end on, until a DBLOCK_SERVE was told. */
static void check_end_is_told_once(struct device *dev, const struct hand *hand, int epoll)
{
	check_eq(await_event(epoll, 10000, NULL), 1);
	check_eq(await_event(epoll, 10000, NULL), 1);
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	check(told_end(hand), "no END");
	check_eq(ready_now(dev->session), 0);
	check_eq(await_event(epoll, 100, NULL), 0);
	/* Told again, without being asked for. */
	check(told_end(hand), "no END");
	check_eq(ready_now(dev->session), 0);
}

static void end_of_a_device(const void *arg)
{
	uint32_t flags = *(const uint32_t *)arg;
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec), *other;
	struct hand hand = hand_of(dev), others;
	int epoll, fd;
	struct io *io;

	other = device_create_on(dev->session, &spec);
	others = hand_of(other);
	check_ok(ctl_start(dev->session, other->id));
	check_wait(10, node_exists(other->name), "waiting for %s", other->path);
	quiesce(dev, &hand, 20);
	quiesce(other, &others, 20);
	epoll = epoll_of(dev->session, READY);
	check_eq(await_event(epoll, 50, NULL), 0);
	if (flags)
		check_ok(ctl_destroy(session_open(), dev->id, flags));
	else
		check_ok(ctl_destroy_patiently(session_open(), dev->id));
	check_end_is_told_once(dev, &hand, epoll);
	/* The other one goes on. */
	fd = device_open(other, O_RDWR | O_DIRECT);
	io = read_waits(fd);
	check_eq(await_event(epoll, 10000, NULL), 1);
	serve_until_done(other, &others, io);
	close(fd);
	check_eq(await_event(epoll, 0, NULL), 0);
	check_ok(ctl_destroy(dev->session, other->id, DBLOCK_DESTROY_FORCE));
	check_end_is_told_once(other, &others, epoll);
}

/* The end that a sleeping server is told counts, although the removal goes on after it. */
CASE(end_told_to_a_thread_in_serve_is_told)
{
	for (int i = 0; i < 10; i++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct device *dev = device_up(&spec, NULL, NULL);
		int session = check_ok(dup(dev->session)), fd = device_open(dev, O_RDWR);
		uint8_t *buf = buffer_new(65536);

		check_eq(pwrite(fd, buf, 65536, 0), 65536);	/* dirty: the removal has to do */
		device_down_forced(dev);
		check_eq(ready_now(session), 0);
		check_eq(await_event(epoll_of(session, READY), 20, NULL), 0);
		close(fd);
		check_eq(ready_now(session), 0);
		close(session);
		free(buf);
	}
}

CASE(device_that_never_started_and_was_never_served_counts_as_ended)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	int epoll = epoll_of(dev->session, READY);

	check_eq(await_event(epoll, 50, NULL), 0);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	check_end_is_told_once(dev, &hand, epoll);
}

/* A call that was refused, or could not say so, has told nobody. */
CASE(end_that_could_not_be_told_is_told_later)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rq;
	struct dblock_serve serve, *readable;

	check_ok(ctl_destroy_patiently(dev->session, dev->id));
	readable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*readable = serve_call(&hand, &rq, 1, 0);
	check_ok(mprotect(readable, 4096, PROT_READ));
	check_fails(EFAULT, ioctl(dev->session, DBLOCK_SERVE, readable));
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	serve = serve_call(&hand, &rq, 1, 0);
	serve.device = dev->id + 1000;
	check_fails(ENODEV, ioctl(dev->session, DBLOCK_SERVE, &serve));
	check_eq(ready_now(dev->session), POLLIN | POLLRDNORM);
	check(told_end(&hand), "no END");
	check_eq(ready_now(dev->session), 0);
}

/* As a launcher does: it has the session too, and polls it, but does not serve. */
CASE(killed_server_makes_the_session_ready)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct remote *remote = shared_page(sizeof(*remote));
	struct dblock_info info;
	pid_t pid;
	int epoll;

	pid = fork_case();
	if (!pid) {
		self = remote;
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, holding_answer, NULL);
		for (;;)
			pause();
	}
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the child to serve");
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	epoll = epoll_of(dev->session, READY | EPOLLET);
	while (await_event(epoll, 200, NULL))
		;
	check_ok(kill(pid, SIGKILL));
	step("waiting for the end of the device of a killed server");
	check_eq(await_event(epoll, 30000, NULL), 1);
	check(told_end(&hand), "no END");
	check(wait_child(pid, 10, NULL), "still there");
	check_eq(ready_now(dev->session), 0);
}

/* A process that serves the device until it is killed. */
static pid_t serving_child(struct device *dev, int policy)
{
	struct remote *remote = shared_page(sizeof(*remote));
	struct sched_param none = { 0 };
	struct dblock_info info;
	pid_t pid = fork_case();

	if (!pid) {
		self = remote;
		check_ok(sched_setscheduler(0, policy, &none));
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, holding_answer, NULL);
		for (;;)
			pause();
	}
	check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1, "the child to serve");
	return pid;
}

/*
 * The module may find a process dying before its thread has left DBLOCK_SERVE.
 * The thread then leaves with the end, but nobody is there to hear it. Here
 * another process is killed with it, and makes the module look at once; with one
 * processor, that is before the idle thread's turn.
 */
CASE(end_that_a_dying_server_got_is_still_to_be_told)
{
	struct dblock_create spec = spec_of(4 * MIB);

	for (int i = 0; i < 10; i++) {
		struct device *dev = device_create(&spec), *other = device_create(&spec);
		struct hand hand = hand_of(dev);
		pid_t idle = serving_child(dev, SCHED_IDLE), child = serving_child(other, SCHED_OTHER);

		check_ok(kill(idle, SIGKILL));
		check_ok(kill(child, SIGKILL));
		check(wait_child(idle, 30, NULL) && wait_child(child, 30, NULL), "still there");
		check_wait(10, ready_now(dev->session) == READY, "the end of the device of a killed server");
		check(told_end(&hand), "no END");
		check_eq(ready_now(dev->session), 0);
	}
}

struct poller {
	int session;
	int events;
	atomic_bool started, done;
};

static void *poller(void *arg)
{
	struct poller *p = arg;
	struct pollfd pfd = { .fd = p->session, .events = POLLIN };

	p->started = true;
	check(poll(&pfd, 1, 1500) >= 0, "poll: %s", errno_name(errno));
	p->events = pfd.revents;
	p->done = true;
	return NULL;
}

/* Waits without a limit: when a limit expires, poll(2) looks once more. */
static void *patient_poller(void *arg)
{
	struct poller *p = arg;
	struct pollfd pfd = { .fd = p->session, .events = POLLIN };

	p->started = true;
	check(poll(&pfd, 1, -1) == 1, "poll: %s", errno_name(errno));
	p->events = pfd.revents;
	p->done = true;
	return NULL;
}

/* A poller that is woken by the end of a device looks at it while it is being removed. */
CASE(end_wakes_all_who_poll_while_the_device_goes)
{
	struct dblock_create spec = spec_of(MIB);
	int session = session_open(), other = session_open();
	struct hand hand = { .fd = session, .buffer_size = DBLOCK_DEFAULT_IO };

	hand.buffer = buffer_new(hand.buffer_size);
	for (int round = 0; round < 200; round++) {
		struct poller pollers[4];
		pthread_t threads[ARRAY_SIZE(pollers)];

		check_ok(ctl_create(session, &spec));
		hand.device = spec.id;
		for (size_t i = 0; i < ARRAY_SIZE(pollers); i++) {
			pollers[i] = (struct poller){ .session = session };
			pthread_create(&threads[i], NULL, patient_poller, &pollers[i]);
			check_wait(10, pollers[i].started, "the poller");
		}
		/* In every second round they are asleep by then. */
		nap_ms(round % 2);
		check_ok(ctl_destroy(other, spec.id, 0));
		for (size_t i = 0; i < ARRAY_SIZE(pollers); i++) {
			check_wait(10, pollers[i].done, "poller %zu of round %d to be told the end", i, round);
			check_eq(pollers[i].events, POLLIN);
			pthread_join(threads[i], NULL);
		}
		check(told_end(&hand), "no END");
		spec = spec_of(MIB);
	}
}

/* poll(2) has the file while it waits: the device lives until it returns, and no longer. */
CASE(session_closed_while_a_thread_polls_it)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = unserved(&spec);
	struct hand hand = hand_of(dev);
	struct poller p = { .session = dev->session };
	struct dblock_info info;
	int other = session_open();
	pthread_t thread;

	quiesce(dev, &hand, 20);
	pthread_create(&thread, NULL, poller, &p);
	check_wait(10, p.started, "the poller");
	nap_ms(50);
	check_ok(close(dev->session));
	check_wait(10, p.done, "the poller to return");
	/* It looks at the number again when its time is up. */
	check_eq(p.events & ~POLLNVAL, 0);
	check_wait(10, ctl_info(other, dev->id, &info) && errno == ENODEV, "the device to go");
	pthread_join(thread, NULL);
}

/* epoll has no part in the file: its entry goes with it, and tells nothing. */
CASE(session_closed_while_it_is_in_an_epoll)
{
	for (int i = 0; i < 20; i++) {
		struct dblock_create spec = spec_of(4 * MIB);
		struct device *dev = unserved(&spec);
		struct dblock_info info;
		int other = session_open(), fd, epoll = epoll_of(dev->session, READY);
		struct io *io;

		while (await_event(epoll, 0, NULL)) {
			struct hand hand = hand_of(dev);

			quiesce(dev, &hand, 0);
			free(hand.buffer);
		}
		fd = device_open(dev, O_RDWR | O_DIRECT);
		if (i % 2) {
			io = read_waits(fd);
			check_eq(await_event(epoll, 10000, NULL), 1);
		}
		check_ok(close(dev->session));
		check_eq(await_event(epoll, 0, NULL), 0);
		if (i % 2)
			check_eq(io_finish(io, 10), -EIO);
		close(fd);
		check_wait(10, ctl_info(other, dev->id, &info) && errno == ENODEV, "the device to go");
		check_eq(await_event(epoll, 0, NULL), 0);
		close(other);
		close(epoll);
	}
}

/* Requests of such a device wake nobody; their session's memory must still be there. */
CASE(device_outlives_the_session_that_was_polled)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	int serving, fd, epoll, crowd[64];

	spec.flags |= DBLOCK_F_OUTLIVE | DBLOCK_F_AUTO_START;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	epoll = epoll_of(dev->session, READY);
	await_event(epoll, 20, NULL);
	check_ok(close(dev->session));
	/* Whoever is given its memory now would be woken instead. */
	for (size_t i = 0; i < ARRAY_SIZE(crowd); i++)
		crowd[i] = session_open();
	check_eq(await_event(epoll, 50, NULL), 0);
	serving = device_open(dev, O_RDWR);
	dev->session = session_open();
	server_start(dev, serving, DBLOCK_QUEUE_ANY, 1, NULL, NULL);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	for (int i = 0; i < 200; i++)
		check_eq(pread(fd, buf, 4096, i * 4096), 4096);
	for (size_t i = 0; i < ARRAY_SIZE(crowd); i++) {
		check_eq(ready_now(crowd[i]), 0);
		close(crowd[i]);
	}
	close(fd);
	check_eq(await_event(epoll, 0, NULL), 0);
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
	servers_join(dev, 10);
	close(serving);
	check_eq(await_event(epoll, 0, NULL), 0);
}

int main(int argc, char **argv)
{
	static const struct way by_poll = { wait_by_poll }, by_select = { wait_by_select }, by_epoll = { wait_by_epoll },
				by_edge = { wait_by_edge }, by_exclusive = { wait_by_exclusive },
				by_nested = { wait_by_nested };
	static const uint32_t orderly, forced = DBLOCK_DESTROY_FORCE;
	static const struct test tests[] = {
		TEST(version_tells_that_sessions_can_be_polled),
		TEST(session_without_devices_is_never_ready),
		TEST(ready_while_a_request_waits_and_not_while_it_is_served),
		{ "poll_is_woken_by_a_request", woken_by_a_request, &by_poll, 0 },
		{ "select_is_woken_by_a_request", woken_by_a_request, &by_select, 0 },
		{ "epoll_is_woken_by_a_request", woken_by_a_request, &by_epoll, 0 },
		{ "edge_triggered_epoll_is_woken_by_a_request", woken_by_a_request, &by_edge, 0 },
		{ "exclusive_epoll_is_woken_by_a_request", woken_by_a_request, &by_exclusive, 0 },
		{ "nested_epoll_is_woken_by_a_request", woken_by_a_request, &by_nested, 0 },
		TEST(oneshot_tells_once_until_it_is_armed_again),
		TEST(every_request_is_an_edge),
		TEST(request_that_could_not_be_fetched_is_told_again),
		TEST(request_that_timed_out_is_not_there_any_more),
		TEST(thread_asleep_in_serve_gets_the_request_and_pollers_sleep_on),
		TEST(one_of_many_devices_makes_the_session_ready),
		TEST(devices_of_other_sessions_do_not_make_it_ready),
		{ "orderly_end_makes_the_session_ready_until_it_was_told", end_of_a_device, &orderly, 0 },
		{ "forced_end_makes_the_session_ready_until_it_was_told", end_of_a_device, &forced, 0 },
		TEST(end_told_to_a_thread_in_serve_is_told),
		TEST(device_that_never_started_and_was_never_served_counts_as_ended),
		TEST(end_that_could_not_be_told_is_told_later),
		TEST(killed_server_makes_the_session_ready),
		TEST(end_that_a_dying_server_got_is_still_to_be_told),
		TEST_FOR(end_wakes_all_who_poll_while_the_device_goes, 120),
		TEST(session_closed_while_a_thread_polls_it),
		TEST(session_closed_while_it_is_in_an_epoll),
		TEST(device_outlives_the_session_that_was_polled),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
