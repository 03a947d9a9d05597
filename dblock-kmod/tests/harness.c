// SPDX-License-Identifier: GPL-2.0-only
#include "harness.h"

#include <dirent.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#define DEFAULT_SECONDS	40
#define EXIT_SKIP	4
#define MAX_TRACKED	4096
#define MAX_MOUNTS	16

/* Between the parent and the processes of a case. */
static struct {
	char step[300];
	char skip[300];
	atomic_uint nr_ids;
	uint32_t ids[MAX_TRACKED];
	atomic_uint nr_mounts;
	char mounts[MAX_MOUNTS][64];
} *shared;

unsigned int slowness = 1;

static uint64_t seed;
static pid_t case_leader;

/* ---- output and time ---- */

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void nap_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	nanosleep(&ts, NULL);
}

const char *errno_name(int err)
{
	static _Thread_local char number[24];
	const char *name = err > 0 ? strerrorname_np(err) : NULL;

	if (name)
		return name;
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

/* One write, so that lines of several threads do not mix. */
static void say(const char *prefix, const char *fmt, va_list ap)
{
	char line[900];
	int n = snprintf(line, sizeof(line), "%s", prefix);

	n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) < 0)
		_exit(1);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("# ", fmt, ap);
	va_end(ap);
}

void step(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->step, sizeof(shared->step), fmt, ap);
	va_end(ap);
}

const char *last_step(void)
{
	return shared->step;
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	char prefix[200];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "#   %s:%d: ", file, line);
	va_start(ap, fmt);
	say(prefix, fmt, ap);
	va_end(ap);
	/* A forked child: its parent waits for something else, end both. */
	if (getpid() != case_leader)
		kill(case_leader, SIGTERM);
	_exit(1);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->skip, sizeof(shared->skip), fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

bool kernel_at_least(int major, int minor)
{
	struct utsname uts;
	int a = 0, b = 0;

	uname(&uts);
	sscanf(uts.release, "%d.%d", &a, &b);
	return a > major || (a == major && b >= minor);
}

bool kernel_is_32_bit(void)
{
	struct utsname uts;

	uname(&uts);
	/* i686, armv7l */
	return uts.machine[0] == 'i' || !strncmp(uts.machine, "armv7", 5);
}

/* ---- random numbers ---- */

uint64_t test_seed(void)
{
	return seed;
}

struct rng rng_new(uint64_t salt)
{
	struct rng rng = { (seed + 1) * 0x9e3779b97f4a7c15ULL ^ (salt + 1) * 0xbf58476d1ce4e5b9ULL };

	if (!rng.state)
		rng.state = 1;
	for (int i = 0; i < 8; i++)
		rng_next(&rng);
	return rng;
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	rng->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	return rng_next(rng) % bound;
}

/* ---- running cases ---- */

static void print_file(const char *path, const char *prefix)
{
	char line[256];
	FILE *file = fopen(path, "r");

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		note("%s%s", prefix, line);
	}
	fclose(file);
}

/* Where in the kernel the tasks of the case are: what a hang is made of. */
static void print_stacks(pid_t group)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);
		char path[300];
		struct dirent *task;
		DIR *tasks;

		if (pid <= 0 || getpgid(pid) != group)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		tasks = opendir(path);
		while (tasks && (task = readdir(tasks))) {
			if (task->d_name[0] == '.')
				continue;
			note("  task %s of process %d:", task->d_name, pid);
			snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stack", pid, task->d_name);
			print_file(path, "    ");
		}
		if (tasks)
			closedir(tasks);
	}
	if (proc)
		closedir(proc);
}

void note_stacks(void)
{
	print_stacks(case_leader);
}

static void announce(const char *program, const char *name)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* With the seed: should the kernel die of it, nobody sees what the program prints. */
	dprintf(fd, "dblock-test: %s: %s, DBLOCK_TEST_SEED=%llu\n", program, name, (unsigned long long)seed);
	close(fd);
}

/* Reaps everything that was the case's; false when something cannot be killed. */
static bool reap_group(pid_t group, unsigned int seconds)
{
	double end = now() + seconds;

	for (;;) {
		pid_t pid;

		kill(-group, SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return true;
		if (now() > end)
			return false;
		nap_ms(2);
	}
}

static bool clean_mounts(void)
{
	bool clean = true;

	for (unsigned int i = 0; i < min(shared->nr_mounts, (unsigned int)MAX_MOUNTS); i++) {
		if (!umount2(shared->mounts[i], 0) || errno == EINVAL || errno == ENOENT) {
			rmdir(shared->mounts[i]);
			continue;
		}
		note("  %s does not unmount: %s; detached", shared->mounts[i], errno_name(errno));
		umount2(shared->mounts[i], MNT_DETACH);
		clean = false;
	}
	return clean;
}

/* The case's processes are dead: its devices must go by themselves, soon. */
static bool clean_devices(int session)
{
	unsigned int nr = min(shared->nr_ids, (unsigned int)MAX_TRACKED);
	bool clean = true;
	/* Of many, each takes its time. */
	double end = now() + (10 + nr / 10) * slowness;

	for (unsigned int i = 0; i < nr; i++) {
		struct dblock_info info;
		int gone, destroyed;

		while (!(gone = ctl_info(session, shared->ids[i], &info)) &&
		       !(info.create.flags & DBLOCK_F_OUTLIVE) && now() < end)
			nap_ms(2);
		if (gone < 0)
			continue;
		clean = false;
		note("  left behind: %s (id %u, state %u, openers %u, servers %u, pending %u)",
		     info.create.name, info.create.id, info.state, info.openers, info.servers,
		     info.pending);
		end = now() + 10 * slowness;
		/* EALREADY: it is just on its way. */
		while ((destroyed = ctl_destroy(session, shared->ids[i], DBLOCK_DESTROY_FORCE)) && errno == EALREADY &&
		       now() < end)
			nap_ms(5);
		if (destroyed && errno != ENODEV)
			note("  and not destroyed: %s", errno_name(errno));
	}
	return clean;
}

/* The exit status of the case: 0, 1 or EXIT_SKIP. */
static int run_case(const char *program, const struct test *test)
{
	unsigned int seconds = (test->seconds ? test->seconds : DEFAULT_SECONDS) * slowness;
	double start = now();
	int status = 0, result, session;
	pid_t pid, got;

	memset(shared, 0, sizeof(*shared));
	announce(program, test->name);
	step("starting");
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		return 1;
	}
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		case_leader = getpid();
		test->run(test->arg);
		_exit(0);
	}
	setpgid(pid, pid);
	while (!(got = waitpid(pid, &status, WNOHANG)) && now() < start + seconds)
		nap_ms(1);
	if (!got) {
		note("  not done after %u s; last step: %s", seconds, shared->step);
		print_stacks(pid);
		result = 1;
	} else if (WIFEXITED(status)) {
		result = WEXITSTATUS(status);
	} else {
		if (WTERMSIG(status) != SIGTERM)
			note("  killed by signal %d; last step: %s", WTERMSIG(status), shared->step);
		result = 1;
	}
	if (!reap_group(pid, 20 * slowness)) {
		note("  cannot be killed; last step: %s", shared->step);
		print_stacks(pid);
		result = 1;
	}
	if (!clean_mounts())
		result = 1;
	session = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC);
	if (session < 0) {
		note("  the module is gone: %s", errno_name(errno));
		return 1;
	}
	if (!clean_devices(session))
		result = 1;
	close(session);
	return result;
}

static bool selected(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc < 2;
}

int run_tests(int argc, char **argv, const struct test *tests, size_t count)
{
	const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const char *env = getenv("DBLOCK_TEST_SEED"), *slow = getenv("DBLOCK_TEST_SLOWNESS");
	unsigned int number = 0, planned = 0, passed = 0, failed = 0, skipped = 0;
	double start = now();

	setvbuf(stdout, NULL, _IOLBF, 0);
	case_leader = getpid();
	shared = shared_page(sizeof(*shared));
	if (access(DBLOCK_CTL_PATH, R_OK | W_OK)) {
		printf("1..0 # SKIP %s: %s (insmod dblock.ko first, run as root)\n",
		       DBLOCK_CTL_PATH, strerror(errno));
		return EXIT_SKIP;
	}
	if (slow && atoi(slow) > 1)
		slowness = atoi(slow);
	seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) * 1000003 + getpid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < count; i++)
		planned += selected(argc, argv, tests[i].name);
	printf("TAP version 13\n1..%u\n# seed: DBLOCK_TEST_SEED=%llu\n", planned,
	       (unsigned long long)seed);
	for (size_t i = 0; i < count; i++) {
		double begin = now();
		int result;

		if (!selected(argc, argv, tests[i].name))
			continue;
		number++;
		result = run_case(program, &tests[i]);
		if (result == EXIT_SKIP) {
			skipped++;
			printf("ok %u - %s # SKIP %s\n", number, tests[i].name, shared->skip);
		} else if (result) {
			failed++;
			printf("not ok %u - %s\n", number, tests[i].name);
		} else {
			passed++;
			printf("ok %u - %s\n", number, tests[i].name);
		}
		if (now() - begin > 1)
			printf("# took %.1f s\n", now() - begin);
	}
	printf("# %s: %u passed, %u failed, %u skipped, %.1f s\n", program, passed, failed, skipped,
	       now() - start);
	if (failed)
		return 1;
	return passed ? 0 : EXIT_SKIP;
}

/* ---- the control node ---- */

int session_open(void)
{
	int fd = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", DBLOCK_CTL_PATH, errno_name(errno));
	return fd;
}

int ctl_create(int session, struct dblock_create *spec)
{
	unsigned int slot;

	if (ioctl(session, DBLOCK_CTL_CREATE, spec))
		return -1;
	slot = atomic_fetch_add(&shared->nr_ids, 1);
	if (slot < MAX_TRACKED)
		shared->ids[slot] = spec->id;
	return 0;
}

int ctl_create_patiently(int session, struct dblock_create *spec)
{
	double end = now() + 10 * slowness;
	int ret;

	while ((ret = ctl_create(session, spec)) && errno == EBUSY && now() < end)
		nap_ms(5);
	return ret;
}

int ctl_start(int session, uint32_t id)
{
	struct dblock_target target = { .id = id };

	return ioctl(session, DBLOCK_CTL_START, &target);
}

int ctl_destroy(int session, uint32_t id, uint32_t flags)
{
	struct dblock_target target = { .id = id, .flags = flags };

	return ioctl(session, DBLOCK_CTL_DESTROY, &target);
}

int ctl_destroy_name(int session, const char *name, uint32_t flags)
{
	struct dblock_target target = { .flags = flags };

	strncpy(target.name, name, sizeof(target.name) - 1);
	return ioctl(session, DBLOCK_CTL_DESTROY, &target);
}

int ctl_info(int session, uint32_t id, struct dblock_info *info)
{
	memset(info, 0, sizeof(*info));
	info->create.id = id;
	return ioctl(session, DBLOCK_CTL_INFO, info);
}

int ctl_destroy_patiently(int session, uint32_t id)
{
	double end = now() + 10 * slowness;
	int ret;

	while ((ret = ctl_destroy(session, id, 0)) && errno == EBUSY && now() < end)
		nap_ms(5);
	return ret;
}

bool device_exists(const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/block/%s", name);
	return !access(path, F_OK);
}

bool node_exists(const char *name)
{
	char path[80];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/%s", name);
	return !stat(path, &st) && S_ISBLK(st.st_mode);
}

/* ---- devices ---- */

struct dblock_create spec_of(uint64_t size)
{
	return (struct dblock_create){
		.flags = DBLOCK_F_WRITE_CACHE | DBLOCK_F_NO_PARTITIONS,
		.size = size,
	};
}

struct device *device_create(const struct dblock_create *spec)
{
	int session = session_open();
	struct device *dev = device_create_on(session, spec);

	close(session);
	return dev;
}

struct device *device_create_on(int session, const struct dblock_create *spec)
{
	struct device *dev = calloc(1, sizeof(*dev));

	dev->spec = *spec;
	dev->session = check_ok(fcntl(session, F_DUPFD_CLOEXEC, 3));
	if (ctl_create_patiently(dev->session, &dev->spec))
		fail("DBLOCK_CTL_CREATE: %s", errno_name(errno));
	dev->id = dev->spec.id;
	memcpy(dev->name, dev->spec.name, sizeof(dev->name));
	snprintf(dev->path, sizeof(dev->path), "/dev/%.31s", dev->name);
	dev->store = mmap(NULL, spec->size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	dev->log = mmap(NULL, LOG_SIZE * sizeof(*dev->log), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(dev->store != MAP_FAILED && dev->log != MAP_FAILED, "mmap: %s", errno_name(errno));
	return dev;
}

static void log_request(struct device *dev, const struct dblock_request *rq)
{
	unsigned int slot = atomic_fetch_add(&dev->logged, 1);

	if (slot < LOG_SIZE)
		dev->log[slot] = *rq;
	if (rq->op < ARRAY_SIZE(dev->count))
		atomic_fetch_add(&dev->count[rq->op], 1);
}

static void *serve_loop(void *arg)
{
	struct server *server = arg;
	struct device *dev = server->dev;
	uint64_t room = (uint64_t)dev->spec.max_io * min(server->batch, 4U);
	struct dblock_request requests[MAX_BATCH];
	struct dblock_answer answers[MAX_BATCH];
	unsigned int pending = 0;
	uint8_t *buffer = buffer_new(room);

	for (;;) {
		struct dblock_serve serve = {
			.device = server->device,
			.queue = server->queue,
			.answers = (uintptr_t)answers,
			.requests = (uintptr_t)requests,
			.buffer = (uintptr_t)buffer,
			.buffer_size = room,
			.timeout_ns = -1,
			.nr_answers = pending,
			.max_requests = server->batch,
		};
		int ret = ioctl(server->fd, DBLOCK_SERVE, &serve);
		int err = ret ? errno : 0;

		server->calls++;
		if (serve.consumed > pending || serve.nr_requests > server->batch)
			fail("SERVE says consumed %u of %u, requests %u of %u", serve.consumed,
			     pending, serve.nr_requests, server->batch);
		pending -= serve.consumed;
		memmove(answers, answers + serve.consumed, pending * sizeof(*answers));
		if (ret && (err == ESTALE || err == EBADMSG || err == EFAULT) && pending) {
			/* Refused: drop it, as a server would. The case may look. */
			server->refused++;
			pending--;
			memmove(answers, answers + 1, pending * sizeof(*answers));
			continue;
		}
		if (ret && err == EINTR) {
			server->interrupted++;
			continue;
		}
		if (ret) {
			server->error = err;
			break;
		}
		if (serve.state & DBLOCK_SERVE_END) {
			server->ended = true;
			break;
		}
		if (pending)
			fail("SERVE succeeded but left %u answers", pending);
		server->requests += serve.nr_requests;
		if (serve.nr_requests > server->largest_batch)
			server->largest_batch = serve.nr_requests;
		for (uint32_t i = 0; i < serve.nr_requests; i++) {
			struct dblock_answer *answer = &answers[pending];

			log_request(dev, &requests[i]);
			*answer = answer_of(&requests[i], NULL);
			if (server->answer(server, &requests[i], answer))
				pending++;
		}
	}
	free(buffer);
	server->running = false;
	return NULL;
}

struct server *server_start(struct device *dev, int fd, uint32_t queue, uint32_t batch,
			    answer_fn answer, void *arg)
{
	struct server *server = calloc(1, sizeof(*server));

	check(dev->nr_servers < MAX_SERVERS && batch <= MAX_BATCH, "too many servers or too large a batch");
	server->dev = dev;
	server->fd = fd < 0 ? dev->session : fd;
	server->device = fd < 0 ? dev->id : 0;
	server->queue = queue;
	server->batch = batch;
	server->answer = answer ? answer : memory_answer;
	server->arg = arg;
	server->running = true;
	dev->servers[dev->nr_servers++] = server;
	check(!pthread_create(&server->thread, NULL, serve_loop, server), "pthread_create");
	return server;
}

void device_start(struct device *dev)
{
	step("DBLOCK_CTL_START of %s", dev->name);
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
}

struct device *device_up(const struct dblock_create *spec, answer_fn answer, void *arg)
{
	struct device *dev = device_create(spec);

	server_start(dev, -1, DBLOCK_QUEUE_ANY, 16, answer, arg);
	device_start(dev);
	return dev;
}

int device_open(struct device *dev, int flags)
{
	int fd;

	/* Of a device that starts by itself the node is there a moment before the disk: ENXIO until then. */
	check_wait(10, (fd = open(dev->path, flags | O_CLOEXEC)) >= 0 || errno != ENXIO, "opening %s", dev->path);
	if (fd < 0)
		fail("open %s: %s", dev->path, errno_name(errno));
	return fd;
}

void servers_join(struct device *dev, unsigned int seconds)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += seconds * slowness;
	for (unsigned int i = 0; i < dev->nr_servers; i++) {
		struct server *server = dev->servers[i];

		step("waiting for server thread %u of %s to end", i, dev->name);
		if (server->joined)
			continue;
		check(!pthread_timedjoin_np(server->thread, NULL, &end),
		      "server thread %u still serves after %u s", i, seconds);
		server->joined = true;
	}
}

void device_free(struct device *dev)
{
	for (unsigned int i = 0; i < dev->nr_servers; i++)
		free(dev->servers[i]);
	munmap(dev->store, dev->spec.size);
	munmap(dev->log, LOG_SIZE * sizeof(*dev->log));
	close(dev->session);
	free(dev);
}

static void down(struct device *dev, int destroyed)
{
	struct dblock_info info;

	if (destroyed) {
		int err = errno;

		if (!ctl_info(dev->session, dev->id, &info))
			note("  openers %u, servers %u, pending %u, state %u", info.openers,
			     info.servers, info.pending, info.state);
		fail("DBLOCK_CTL_DESTROY of %s: %s", dev->name, errno_name(err));
	}
	servers_join(dev, 30);
	for (unsigned int i = 0; i < dev->nr_servers; i++)
		check(dev->servers[i]->ended,
		      "server thread %u ended with %s instead of END", i,
		      errno_name(dev->servers[i]->error));
	check_wait(10, !device_exists(dev->name) && !node_exists(dev->name),
		   "waiting for %s to go", dev->name);
	device_free(dev);
}

void device_down(struct device *dev)
{
	step("destroying %s", dev->name);
	down(dev, ctl_destroy_patiently(dev->session, dev->id));
}

void device_down_forced(struct device *dev)
{
	step("destroying %s by force", dev->name);
	down(dev, ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
}

void memory_apply(struct device *dev, const struct dblock_request *rq, struct dblock_answer *answer)
{
	uint8_t *at = dev->store + rq->sector * DBLOCK_SECTOR_SIZE;

	if (rq->sector * DBLOCK_SECTOR_SIZE + rq->length > dev->spec.size)
		fail("request beyond the end: op %u sector %llu length %llu", rq->op,
		     (unsigned long long)rq->sector, (unsigned long long)rq->length);
	switch (rq->op) {
	case DBLOCK_OP_READ:
		answer->data = (uintptr_t)at;
		break;
	case DBLOCK_OP_WRITE:
		memcpy(at, (void *)(uintptr_t)rq->data, rq->length);
		break;
	case DBLOCK_OP_FLUSH:
		break;
	case DBLOCK_OP_DISCARD:
	case DBLOCK_OP_WRITE_ZEROES:
		memset(at, 0, rq->length);
		break;
	default:
		fail("unknown operation %u", rq->op);
	}
}

bool memory_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	memory_apply(server->dev, rq, answer);
	return true;
}

void log_reset(struct device *dev)
{
	dev->logged = 0;
	for (size_t i = 0; i < ARRAY_SIZE(dev->count); i++)
		dev->count[i] = 0;
}

unsigned int log_count(struct device *dev, int op, uint32_t flags)
{
	unsigned int n = 0, end = min(dev->logged, (unsigned int)LOG_SIZE);

	for (unsigned int i = 0; i < end; i++)
		n += dev->log[i].op == op && (dev->log[i].flags & flags) == flags;
	return n;
}

const struct dblock_request *log_find(struct device *dev, int op, unsigned int nth)
{
	unsigned int end = min(dev->logged, (unsigned int)LOG_SIZE);

	for (unsigned int i = 0; i < end; i++)
		if (dev->log[i].op == op && !nth--)
			return &dev->log[i];
	return NULL;
}

/* ---- serving by hand ---- */

struct hand hand_of(struct device *dev)
{
	return (struct hand){
		.fd = dev->session,
		.device = dev->id,
		.buffer = buffer_new(2 * (uint64_t)dev->spec.max_io),
		.buffer_size = 2 * (uint64_t)dev->spec.max_io,
	};
}

struct dblock_serve serve_call(const struct hand *hand, struct dblock_request *requests,
			       uint32_t max_requests, int timeout_ms)
{
	return (struct dblock_serve){
		.device = hand->device,
		.queue = DBLOCK_QUEUE_ANY,
		.requests = (uintptr_t)requests,
		.buffer = (uintptr_t)hand->buffer,
		.buffer_size = hand->buffer_size,
		.timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * 1000000LL,
		.max_requests = max_requests,
	};
}

int fetch(const struct hand *hand, struct dblock_request *requests, uint32_t max, int timeout_ms)
{
	struct dblock_serve serve = serve_call(hand, requests, max, timeout_ms);

	if (ioctl(hand->fd, DBLOCK_SERVE, &serve))
		return -1;
	if (serve.state & DBLOCK_SERVE_END)
		return errno = ENXIO, -1;
	return serve.nr_requests;
}

struct dblock_request fetch_one(struct device *dev, const struct hand *hand, int op, uint64_t sector)
{
	struct dblock_request rq;
	double end = now() + 15 * slowness;

	step("waiting for operation %d at sector %llu of %s", op, (unsigned long long)sector, dev->name);
	for (;;) {
		int n = check_ok(fetch(hand, &rq, 1, 1000));

		if (n && rq.op == op && rq.sector == sector)
			return rq;
		if (n)
			answer_well(dev, hand, &rq);
		check(now() < end, "no such request within %u s: %s", 15 * slowness, last_step());
	}
}

struct dblock_answer answer_of(const struct dblock_request *rq, const void *data)
{
	return (struct dblock_answer){
		.cookie = rq->cookie,
		.data = (uintptr_t)data,
		.length = rq->length,
	};
}

int answer_now(const struct hand *hand, const struct dblock_answer *answer)
{
	struct dblock_serve serve = serve_call(hand, NULL, 0, 0);
	int ret, err;

	serve.answers = (uintptr_t)answer;
	serve.nr_answers = 1;
	ret = ioctl(hand->fd, DBLOCK_SERVE, &serve);
	err = errno;
	check_eq(serve.consumed, !ret);
	check_eq(serve.nr_requests, 0);
	errno = err;
	return ret;
}

void answer_well(struct device *dev, const struct hand *hand, const struct dblock_request *rq)
{
	struct dblock_answer answer = answer_of(rq, NULL);

	memory_apply(dev, rq, &answer);
	check_ok(answer_now(hand, &answer));
}

void quiesce(struct device *dev, const struct hand *hand, int ms)
{
	struct dblock_request rq;

	while (check_ok(fetch(hand, &rq, 1, ms)))
		answer_well(dev, hand, &rq);
}

/* ---- I/O in a thread ---- */

static void *io_run(void *arg)
{
	struct io *io = arg;

	errno = 0;
	switch (io->kind) {
	case IO_READ:
		io->result = pread(io->fd, io->buf, io->length, io->offset);
		break;
	case IO_WRITE:
		io->result = pwrite(io->fd, io->buf, io->length, io->offset);
		break;
	case IO_FSYNC:
		io->result = fsync(io->fd);
		break;
	}
	io->error = errno;
	io->done = true;
	return NULL;
}

struct io *io_start(enum io_kind kind, int fd, void *buf, size_t length, off_t offset)
{
	struct io *io = calloc(1, sizeof(*io));

	io->kind = kind;
	io->fd = fd;
	io->buf = buf;
	io->length = length;
	io->offset = offset;
	check(!pthread_create(&io->thread, NULL, io_run, io), "pthread_create");
	return io;
}

ssize_t io_finish(struct io *io, unsigned int seconds)
{
	static const char *const names[] = { "read", "write", "fsync" };
	ssize_t result;

	check_wait(seconds, io->done, "waiting for a %s of %zu bytes at %lld to return",
		   names[io->kind], io->length, (long long)io->offset);
	pthread_join(io->thread, NULL);
	result = io->result < 0 ? -io->error : io->result;
	free(io);
	return result;
}

/* ---- load ---- */

#define MAX_WORKERS	8
#define LARGEST_IO	(256 * KIB)

struct worker {
	struct load *load;
	pthread_t thread;
	uint64_t base;		/* of its own part of the device */
	uint8_t *model;
	unsigned int number;
};

struct load {
	struct device *dev;
	int fd;
	uint64_t part;
	unsigned int workers, rounds;
	atomic_bool stop;
	atomic_uint done;
	struct worker worker[MAX_WORKERS];
};

static void *load_work(void *arg)
{
	struct worker *w = arg;
	struct load *load = w->load;
	struct rng rng = rng_new(w->number);
	unsigned int block = load->dev->spec.logical_block;
	uint64_t blocks = load->part / block;
	uint8_t *buf = buffer_new(LARGEST_IO);

	for (unsigned int i = 0; load->rounds ? i < load->rounds : !load->stop; i++) {
		uint64_t first = rng_below(&rng, blocks);
		uint64_t n = 1 + rng_below(&rng, min(blocks - first, LARGEST_IO / block));
		size_t length = n * block;
		uint64_t at = first * block;

		if (rng_below(&rng, 2)) {
			pattern_fill(buf, length, at, rng_next(&rng));
			memcpy(w->model + at, buf, length);
			check_eq(pwrite(load->fd, buf, length, w->base + at), length);
		} else {
			memset(buf, 0x11, length);
			check_eq(pread(load->fd, buf, length, w->base + at), length);
			check(!memcmp(buf, w->model + at, length),
			      "round %u: %zu bytes at %llu differ from what was written", i, length,
			      (unsigned long long)(w->base + at));
		}
		load->done++;
	}
	free(buf);
	return NULL;
}

struct load *load_start(struct device *dev, unsigned int workers, unsigned int rounds)
{
	struct load *load = calloc(1, sizeof(*load));

	check(workers <= MAX_WORKERS, "too many workers");
	load->dev = dev;
	load->fd = device_open(dev, O_RDWR | O_DIRECT);
	load->part = dev->spec.size / workers / dev->spec.logical_block * dev->spec.logical_block;
	load->workers = workers;
	load->rounds = rounds;
	for (unsigned int i = 0; i < workers; i++) {
		struct worker *w = &load->worker[i];

		*w = (struct worker){ load, 0, i * load->part, calloc(1, load->part), i };
		memcpy(w->model, dev->store + w->base, load->part);
		check(!pthread_create(&w->thread, NULL, load_work, w), "pthread_create");
	}
	return load;
}

unsigned int load_stop(struct load *load)
{
	unsigned int done;

	load->stop = true;
	step("waiting for the load to end");
	for (unsigned int i = 0; i < load->workers; i++)
		pthread_join(load->worker[i].thread, NULL);
	for (unsigned int i = 0; i < load->workers; i++) {
		struct worker *w = &load->worker[i];

		check(!memcmp(load->dev->store + w->base, w->model, load->part),
		      "the store of worker %u differs from what it wrote", i);
		free(w->model);
	}
	close(load->fd);
	done = load->done;
	free(load);
	return done;
}

struct hammer {
	int fd;
	unsigned int workers;
	atomic_uint count, ended, next;
	atomic_int error;
	pthread_t threads[MAX_WORKERS];
};

static void *hammer_work(void *arg)
{
	struct hammer *hammer = arg;
	unsigned int number = atomic_fetch_add(&hammer->next, 1);
	struct rng rng = rng_new(1000 + number);
	uint8_t *buf = buffer_new(65536);
	int expected = 0, error = 0;

	while (!error) {
		off_t at = rng_below(&rng, 16) * 65536;
		size_t length = 4096 << rng_below(&rng, 5);
		long result;

		switch (rng_below(&rng, 8)) {
		case 0:
			result = fsync(hammer->fd);
			break;
		case 1: case 2: case 3:
			result = pwrite(hammer->fd, buf, length, at);
			break;
		default:
			result = pread(hammer->fd, buf, length, at);
		}
		if (result < 0)
			error = errno;
		hammer->count++;
	}
	atomic_compare_exchange_strong(&hammer->error, &expected, error);
	hammer->ended++;
	free(buf);
	return NULL;
}

struct hammer *hammer_start(const char *path, unsigned int workers)
{
	struct hammer *hammer = calloc(1, sizeof(*hammer));

	hammer->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	check(hammer->fd >= 0, "open %s: %s", path, errno_name(errno));
	hammer->workers = workers;
	for (unsigned int i = 0; i < workers; i++)
		check(!pthread_create(&hammer->threads[i], NULL, hammer_work, hammer), "pthread_create");
	return hammer;
}

unsigned int hammer_count(const struct hammer *hammer)
{
	return hammer->count;
}

int hammer_join(struct hammer *hammer, unsigned int seconds)
{
	int error;

	check_wait(seconds, hammer->ended == hammer->workers, "waiting for I/O to fail (%u of %u threads were told)",
		   hammer->ended, hammer->workers);
	for (unsigned int i = 0; i < hammer->workers; i++)
		pthread_join(hammer->threads[i], NULL);
	close(hammer->fd);
	error = hammer->error;
	free(hammer);
	return error;
}

/* ---- a server in a process of its own ---- */

struct remote *self;

bool holding_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	self->requests++;
	if (self->hold) {
		self->held++;
		return false;
	}
	memory_apply(server->dev, rq, answer);
	return true;
}

struct remote *remote_up(const struct dblock_create *spec, answer_fn answer, remote_fn also)
{
	struct remote *remote = shared_page(sizeof(*remote));
	pid_t pid = fork_case();

	if (!pid) {
		struct dblock_info info;
		struct device *dev;

		self = remote;
		remote->pid = getpid();
		dev = device_create(spec);
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 8, answer, NULL);
		server_start(dev, -1, DBLOCK_QUEUE_ANY, 8, answer, NULL);
		if (!(spec->flags & DBLOCK_F_AUTO_START))
			device_start(dev);
		/* A server is who has called DBLOCK_SERVE; before that its death means nothing. */
		check_wait(10, !ctl_info(dev->session, dev->id, &info) && info.servers == 1,
			   "the first DBLOCK_SERVE of the server process");
		remote->id = dev->id;
		memcpy(remote->name, dev->name, sizeof(remote->name));
		memcpy(remote->path, dev->path, sizeof(remote->path));
		remote->ready = true;
		if (also)
			also(dev);
		for (;;) {
			remote->refused = dev->servers[0]->refused + dev->servers[1]->refused;
			nap_ms(5);
		}
	}
	remote->pid = pid;
	check_wait(20, remote->ready, "waiting for the server process");
	check_wait(10, node_exists(remote->name), "waiting for %s", remote->path);
	return remote;
}

int remote_open(const struct remote *remote, int flags)
{
	int fd = open(remote->path, flags | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", remote->path, errno_name(errno));
	return fd;
}

double await_gone(const struct remote *remote, unsigned int seconds)
{
	struct dblock_info info;
	double start = now();
	int session = session_open();

	check_wait(seconds, !device_exists(remote->name) && !node_exists(remote->name),
		   "waiting for %s to go", remote->name);
	check_wait(seconds, ctl_info(session, remote->id, &info) && errno == ENODEV,
		   "waiting for the id of %s to go", remote->name);
	close(session);
	return now() - start;
}

int module_users(void)
{
	FILE *file = fopen("/sys/module/dblock/refcnt", "re");
	int users = -1;

	check(file && fscanf(file, "%d", &users) == 1, "/sys/module/dblock/refcnt: %s", errno_name(errno));
	fclose(file);
	return users;
}

/* ---- small things ---- */

void *low_memory(size_t size)
{
	void *wanted = (void *)0x20000000;
	void *memory = mmap(wanted, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	check(memory == wanted, "memory at %p: %s", wanted, errno_name(errno));
	return memory;
}

void *buffer_new(size_t size)
{
	void *buffer;

	if (posix_memalign(&buffer, 4096, size))
		fail("no memory for %zu bytes", size);
	memset(buffer, 0, size);
	return buffer;
}

static uint64_t pattern_word(uint64_t position, uint64_t salt)
{
	uint64_t x = (position + 1) * 0x9e3779b97f4a7c15ULL ^ salt * 0xd6e8feb86659fd93ULL;

	return x ^ x >> 32;
}

void pattern_fill(void *buf, size_t length, uint64_t offset, uint64_t salt)
{
	uint8_t *at = buf;

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = pattern_word((offset + i) / 8, salt);

		memcpy(at + i, &word, 8);
	}
}

ssize_t pattern_check(const void *buf, size_t length, uint64_t offset, uint64_t salt)
{
	const uint8_t *at = buf;

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = pattern_word((offset + i) / 8, salt);

		if (memcmp(at + i, &word, 8))
			return i;
	}
	return -1;
}

bool all_bytes(const void *buf, size_t length, uint8_t value)
{
	const uint8_t *at = buf;

	return !length || (*at == value && !memcmp(at, at + 1, length - 1));
}

bool sleeps(int tid)
{
	char path[64], line[512];
	FILE *file;
	bool asleep = false;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file))
		asleep = strstr(line, ") S ");
	if (file)
		fclose(file);
	return asleep;
}

bool sysfs_read(const char *name, const char *attribute, char *value, size_t size)
{
	char path[160];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", name, attribute);
	file = fopen(path, "re");
	if (!file)
		return false;
	ok = fgets(value, size, file);
	fclose(file);
	if (ok)
		value[strcspn(value, "\n")] = 0;
	return ok;
}

long long sysfs_number(const char *name, const char *attribute)
{
	char value[80];

	check(sysfs_read(name, attribute, value, sizeof(value)), "/sys/block/%s/%s: %s", name,
	      attribute, errno_name(errno));
	return atoll(value);
}

bool sysfs_write(const char *name, const char *attribute, const char *value)
{
	char path[160];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", name, attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

pid_t fork_case(void)
{
	pid_t pid;

	fflush(NULL);
	pid = check_ok(fork());
	return pid;
}

bool wait_child(pid_t pid, unsigned int seconds, int *status)
{
	double end = now() + seconds * slowness;
	pid_t got;
	int ignored;

	while (!(got = waitpid(pid, status ? status : &ignored, WNOHANG)) && now() < end)
		nap_ms(2);
	return got == pid;
}

bool program_exists(const char *name)
{
	static const char *const directories[] = { "/sbin", "/usr/sbin", "/bin", "/usr/bin" };
	char path[200];

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof(path), "%s/%s", directories[i], name);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

int run_program(const char *const argv[], unsigned int seconds)
{
	char output[4000], path[200];
	size_t used = 0;
	int pipefd[2], status;
	double end = now() + seconds * slowness;
	pid_t pid;

	step("running %s", argv[0]);
	check_ok(pipe2(pipefd, O_CLOEXEC));
	pid = fork_case();
	if (!pid) {
		dup2(pipefd[1], 1);
		dup2(pipefd[1], 2);
		snprintf(path, sizeof(path), "/sbin:/usr/sbin:/bin:/usr/bin");
		setenv("PATH", path, 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(pipefd[1]);
	for (;;) {
		struct pollfd pfd = { pipefd[0], POLLIN, 0 };
		ssize_t n;

		check(now() < end, "%s not done after %u s", argv[0], seconds);
		if (poll(&pfd, 1, 100) <= 0)
			continue;
		n = read(pipefd[0], output + used, sizeof(output) - 1 - used);
		if (n <= 0)
			break;
		used += n;
		if (used > sizeof(output) / 2)
			used = sizeof(output) / 2;
	}
	close(pipefd[0]);
	output[used] = 0;
	check(wait_child(pid, seconds, &status), "%s not done after %u s", argv[0], seconds);
	if (status) {
		for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n"))
			note("  %s: %s", argv[0], line);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int mount_tracked(const char *source, const char *type, unsigned long flags, const char *data,
		  char *target, size_t size)
{
	char directory[] = "/tmp/dblock-test-XXXXXX";
	unsigned int slot = atomic_fetch_add(&shared->nr_mounts, 1);

	check(slot < MAX_MOUNTS, "too many mounts");
	check(mkdtemp(directory), "mkdtemp: %s", errno_name(errno));
	strcpy(shared->mounts[slot], directory);
	snprintf(target, size, "%s", directory);
	step("mounting %s", source);
	return mount(source, directory, type, flags, data);
}

void *shared_page(size_t size)
{
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		perror("mmap");
		_exit(1);
	}
	return page;
}

void drop_sys_admin(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	check_ok(syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	check_ok(syscall(SYS_capset, &header, data));
}

void drop_page_cache(int fd)
{
	check_ok(fsync(fd));
	check_ok(ioctl(fd, _IO(0x12, 97) /* BLKFLSBUF */, 0));
}
