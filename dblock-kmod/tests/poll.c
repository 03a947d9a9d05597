// SPDX-License-Identifier: GPL-2.0-only
/* Polling a session: ready exactly while there is something to fetch, or an end not told yet. */
#include "harness.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
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

/* A request that waits; udev's may be among them. */
static struct io *read_waits(struct device *dev, int fd)
{
	struct io *io = io_start(IO_READ, fd, buffer_new(4096), 4096, MIB);

	(void)dev;
	return io;
}

/* Serves whatever there is until the io is done. */
static void serve_until_done(struct device *dev, const struct hand *hand, struct io *io)
{
	struct dblock_request rq;

	step("serving until the I/O is done");
	for (double end = now() + 15; !io->done; ) {
		if (check_ok(fetch(hand, &rq, 1, 20)))
			answer_well(dev, hand, &rq);
		check(now() < end, "the I/O is not done after 15 s");
	}
	check_eq(io_finish(io, 1), 4096);
}

static void quiesce(struct device *dev, const struct hand *hand)
{
	struct dblock_request rq;

	while (check_ok(fetch(hand, &rq, 1, 0)))
		answer_well(dev, hand, &rq);
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

	quiesce(dev, &hand);
	check_eq(ready_now(dev->session), 0);
	io = read_waits(dev, fd);
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
	late->io = read_waits(late->dev, late->fd);
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
	quiesce(late.dev, &hand);
	pthread_create(&thread, NULL, later, &late);
	step("waiting to be woken");
	check_eq(way->wait(late.dev->session), 1);
	note("woken after %.3f s", now() - start);
	pthread_join(thread, NULL);
	serve_until_done(late.dev, &hand, late.io);
	close(late.fd);
	check_ok(ctl_destroy_patiently(late.dev->session, late.dev->id));
}

int main(int argc, char **argv)
{
	static const struct way by_poll = { wait_by_poll }, by_select = { wait_by_select }, by_epoll = { wait_by_epoll },
				by_edge = { wait_by_edge }, by_exclusive = { wait_by_exclusive },
				by_nested = { wait_by_nested };
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
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
