/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dblock tests share: TAP output, devices that never outlive their
 * test, server threads, and waits that all have a bound.
 *
 * Every case runs in a process (group) of its own. Whatever it does, the parent
 * then unmounts what it mounted, kills what it left running, waits for its
 * devices to go and removes by force those that do not. A case that leaves a
 * device behind fails.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "../dblock.h"

#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define min(a, b)	((a) < (b) ? (a) : (b))

/* ---- cases ---- */

struct test {
	const char *name;
	void (*run)(const void *arg);
	const void *arg;
	unsigned int seconds;		/* watchdog; 0: 40 */
};

#define CASE(fn)	static void fn(const void *arg __attribute__((unused)))
#define TEST(fn)	{ #fn, fn, NULL, 0 }
#define TEST_FOR(fn, seconds)	{ #fn, fn, NULL, seconds }

/* Runs all, or those whose name contains one of argv[1..]; the exit status. */
int run_tests(int argc, char **argv, const struct test *tests, size_t count);

/* Ends the case; `skip` as skipped. Any thread or child process may call them. */
void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A TAP comment. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Where in the kernel the case's tasks are, as TAP comments. */
void note_stacks(void);
/* What the case is doing, for the watchdog's message. */
void step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define fail(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define check(cond, ...)						\
	do {								\
		if (!(cond)) {						\
			char why_[400];					\
			snprintf(why_, sizeof(why_), __VA_ARGS__);	\
			fail("%s: %s", #cond, why_);			\
		}							\
	} while (0)

#define check_eq(got, want)						\
	do {								\
		long long got_ = (long long)(got);			\
		long long want_ = (long long)(want);			\
		if (got_ != want_)					\
			fail("%s is %lld (%#llx), wanted %s = %lld",	\
			     #got, got_, got_, #want, want_);		\
	} while (0)

/* A system call's result: not negative; it is the value of the expression. */
#define check_ok(call)							\
	({								\
		long long ok_ = (long long)(call);			\
		if (ok_ < 0)						\
			fail("%s: %s", #call, errno_name(errno));	\
		ok_;							\
	})

#define check_fails(want_errno, call)					\
	do {								\
		long long ret_ = (long long)(call);			\
		if (ret_ >= 0)						\
			fail("%s gave %lld, wanted %s", #call, ret_,	\
			     errno_name(want_errno));			\
		if (errno != (want_errno))				\
			fail("%s: %s, wanted %s", #call,		\
			     errno_name(errno), errno_name(want_errno));\
	} while (0)

/* How many times longer all bounds are than on a usual kernel, from DBLOCK_TEST_SLOWNESS. */
extern unsigned int slowness;

/* Polls the condition for at most so many seconds. */
#define check_wait(seconds, cond, ...)					\
	do {								\
		double end_ = now() + (seconds) * slowness;		\
		step(__VA_ARGS__);					\
		while (!(cond)) {					\
			if (now() > end_)				\
				fail("%s: still not so after %d s: %s",	\
				     last_step(), (int)(seconds) * slowness, #cond);\
			nap_ms(2);					\
		}							\
	} while (0)

const char *errno_name(int err);	/* "EIO" */
const char *last_step(void);
double now(void);			/* seconds, monotonic */
void nap_ms(unsigned int ms);
bool kernel_at_least(int major, int minor);
bool kernel_is_32_bit(void);		/* whatever this program is */

/* ---- random numbers, from DBLOCK_TEST_SEED or the seed printed ---- */

uint64_t test_seed(void);
struct rng {
	uint64_t state;
};
struct rng rng_new(uint64_t salt);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* ---- the control node ---- */

int session_open(void);
/* The plain calls: 0, or -1 with errno. Devices made are remembered for cleanup. */
int ctl_create(int session, struct dblock_create *spec);
/* Retries EBUSY (the name's last disk is just being closed) for 10 s. */
int ctl_create_patiently(int session, struct dblock_create *spec);
int ctl_start(int session, uint32_t id);
int ctl_destroy(int session, uint32_t id, uint32_t flags);
int ctl_destroy_name(int session, const char *name, uint32_t flags);
int ctl_info(int session, uint32_t id, struct dblock_info *info);
/* Retries EBUSY (udev and blkid open every new disk for a moment) for 10 s. */
int ctl_destroy_patiently(int session, uint32_t id);
bool device_exists(const char *name);	/* in sysfs */
bool node_exists(const char *name);

/* ---- devices with server threads ---- */

#define MAX_SERVERS	16
#define LOG_SIZE	65536
#define MAX_BATCH	64

struct device;
struct server;

/*
 * Fills in the answer (cookie, and the request's length, are there). False: not
 * answered now, the case does so itself with answer_now(). Runs in the server's
 * thread.
 */
typedef bool (*answer_fn)(struct server *server, const struct dblock_request *rq,
			  struct dblock_answer *answer);

struct server {
	struct device *dev;
	int fd;				/* session, or the block device */
	uint32_t device;		/* 0 on the block device */
	uint32_t queue;
	uint32_t batch;
	answer_fn answer;
	void *arg;
	pthread_t thread;
	bool joined;
	atomic_int error;		/* errno the loop ended with */
	atomic_bool ended;		/* END seen */
	atomic_bool running;
	atomic_uint calls, requests, largest_batch, refused, interrupted;
};

struct device {
	struct dblock_create spec;
	int session;
	uint32_t id;
	char name[DBLOCK_NAME_LEN];
	char path[64];
	uint8_t *store;			/* of the device's size, zeros at first */
	struct server *servers[MAX_SERVERS];
	unsigned int nr_servers;
	/* Every request seen by server threads, in order, until full. */
	struct dblock_request *log;
	atomic_uint logged;
	atomic_ulong count[5];		/* by operation */
};

/* A 512-byte-block device with write-back cache; change what the case is about. */
struct dblock_create spec_of(uint64_t size);

struct device *device_create(const struct dblock_create *spec);
/* On a session there is; the device gets a descriptor of its own for it. */
struct device *device_create_on(int session, const struct dblock_create *spec);
/* On the session (fd -1) or an fd of the block device. answer NULL: memory_answer. */
struct server *server_start(struct device *dev, int fd, uint32_t queue, uint32_t batch,
			    answer_fn answer, void *arg);
void device_start(struct device *dev);
/* device_create, a server thread (answer NULL: from the memory store), device_start. */
struct device *device_up(const struct dblock_create *spec, answer_fn answer, void *arg);
int device_open(struct device *dev, int flags);
/* Orderly end: destroyed, all servers saw END, node and sysfs gone. Frees it. */
void device_down(struct device *dev);
void device_down_forced(struct device *dev);
/* Only after something else ended it: all servers must end within the bound. */
void servers_join(struct device *dev, unsigned int seconds);
void device_free(struct device *dev);

bool memory_answer(struct server *server, const struct dblock_request *rq,
		   struct dblock_answer *answer);
/* One whole request against the store; what memory_answer does. */
void memory_apply(struct device *dev, const struct dblock_request *rq,
		  struct dblock_answer *answer);

void log_reset(struct device *dev);
/* Logged requests of the operation having all of the flags. */
unsigned int log_count(struct device *dev, int op, uint32_t flags);
const struct dblock_request *log_find(struct device *dev, int op, unsigned int nth);

/* ---- serving by hand ---- */

struct hand {
	int fd;
	uint32_t device;
	uint8_t *buffer;
	uint64_t buffer_size;
};

struct hand hand_of(struct device *dev);
struct dblock_serve serve_call(const struct hand *hand, struct dblock_request *requests,
			       uint32_t max_requests, int timeout_ms);
/* Up to max requests; how many, or -1 with errno. */
int fetch(const struct hand *hand, struct dblock_request *requests, uint32_t max, int timeout_ms);
/* One request of this operation and sector; others (udev's) are served from the store. */
struct dblock_request fetch_one(struct device *dev, const struct hand *hand, int op, uint64_t sector);
/* Answers one: 0, or -1 with errno; then nothing may have been consumed. */
int answer_now(const struct hand *hand, const struct dblock_answer *answer);
struct dblock_answer answer_of(const struct dblock_request *rq, const void *data);
/* Successfully, from the store. */
void answer_well(struct device *dev, const struct hand *hand, const struct dblock_request *rq);
/* Answers what waits (of a new disk udev reads) until nothing came for so long. */
void quiesce(struct device *dev, const struct hand *hand, int ms);

/* ---- I/O in a thread of its own ---- */

enum io_kind { IO_READ, IO_WRITE, IO_FSYNC };

struct io {
	pthread_t thread;
	enum io_kind kind;
	int fd;
	void *buf;
	size_t length;
	off_t offset;
	ssize_t result;		/* of the call */
	int error;		/* its errno, if -1 */
	atomic_bool done;
};

struct io *io_start(enum io_kind kind, int fd, void *buf, size_t length, off_t offset);
/* Fails the case if it is not done in time. The io is freed; its result: >= 0 or -errno. */
ssize_t io_finish(struct io *io, unsigned int seconds);

/* ---- load ---- */

/* Random direct reads and writes, checked against what was written. */
struct load;
/* rounds 0: until load_stop(). Workers have a part of the device each. */
struct load *load_start(struct device *dev, unsigned int workers, unsigned int rounds);
/* Waits for the rounds, or ends it; then the store must be what was written. The I/O done. */
unsigned int load_stop(struct load *load);

/* Threads that read, write and sync until that fails, for devices that are about to end. */
struct hammer;
struct hammer *hammer_start(const char *path, unsigned int workers);
unsigned int hammer_count(const struct hammer *hammer);
/* All have been told an error; the errno of the first. Fails the case after the bound. */
int hammer_join(struct hammer *hammer, unsigned int seconds);

/* ---- a server in a process of its own ---- */

struct remote {
	pid_t pid;
	uint32_t id;
	char name[DBLOCK_NAME_LEN];
	char path[64];
	atomic_bool ready;
	/* For the answer functions of cases; the process shows its counts here. */
	atomic_bool hold;
	atomic_uint held, requests, refused;
	atomic_int value;
};

/* In the server process: its own. */
extern struct remote *self;

/* What the server process does once its device is live; returns to go on serving. */
typedef void (*remote_fn)(struct device *dev);

struct remote *remote_up(const struct dblock_create *spec, answer_fn answer, remote_fn also);
int remote_open(const struct remote *remote, int flags);
/* Serves from memory; while `hold` is set it keeps reads, writes and flushes unanswered. */
bool holding_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer);
/* The device's disk, node and id are gone within the bound; how long it took. */
double await_gone(const struct remote *remote, unsigned int seconds);
/* Module references but the caller's own. */
int module_users(void);

/* ---- small things ---- */

/* Memory, zeroed, at an address below 4 GiB that is also one when its upper half is lost. */
void *low_memory(size_t size);
void *buffer_new(size_t size);		/* page-aligned, zeroed */
void pattern_fill(void *buf, size_t length, uint64_t offset, uint64_t salt);
/* -1, or the offset of the first byte that differs. */
ssize_t pattern_check(const void *buf, size_t length, uint64_t offset, uint64_t salt);
bool all_bytes(const void *buf, size_t length, uint8_t value);

/* Whether this thread of the process waits for something, and can be woken by signals. */
bool sleeps(int tid);

bool sysfs_read(const char *name, const char *attribute, char *value, size_t size);
long long sysfs_number(const char *name, const char *attribute);	/* fails the case */
bool sysfs_write(const char *name, const char *attribute, const char *value);

/* For the rest of the case. */
void drop_sys_admin(void);

/* Forks; the child must not return from the case but _exit. NULL for a plain fork. */
pid_t fork_case(void);
/* Runs a program, output as TAP comments; its exit status. */
int run_program(const char *const argv[], unsigned int seconds);
bool program_exists(const char *name);
/* Mounts under a fresh directory; remembered for cleanup. 0 or -1 with errno. */
int mount_tracked(const char *source, const char *type, unsigned long flags, const char *data,
		  char *target, size_t size);
/* Waits for a child: true and its wait status, or false after the bound. */
bool wait_child(pid_t pid, unsigned int seconds, int *status);
/* Page shared with child processes, zeroed. */
void *shared_page(size_t size);
void drop_page_cache(int fd);

#endif
