// SPDX-License-Identifier: GPL-2.0-only
/* Nothing that a program passes does harm. The seed printed repeats a run. */
#include "harness.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

#define ROUNDS	4000

static void on_alarm(int signal)
{
	(void)signal;
}

/* Calls that happened to be valid ones must not block for ever. */
static void interrupt_often(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval interval = { { 0, 10000 }, { 0, 10000 } };

	check_ok(sigaction(SIGALRM, &action, NULL));
	check_ok(setitimer(ITIMER_REAL, &interval, NULL));
}

static void fill(struct rng *rng, void *memory, size_t size)
{
	uint8_t *at = memory;

	for (size_t i = 0; i < size; i++) {
		uint64_t r = rng_next(rng);

		/* Zeros and small numbers get further than noise. */
		at[i] = r % 4 ? (r % 8 == 1 ? r >> 32 & 7 : 0) : r >> 40;
	}
}

static uint64_t some_address(struct rng *rng, void *good)
{
	switch (rng_below(rng, 8)) {
	case 0: return 0;
	case 1: return rng_next(rng);
	case 2: return -rng_below(rng, 65536);
	case 3: return 0xffff888000000000 + rng_below(rng, 1 << 30);
	case 4: return (uintptr_t)good + rng_below(rng, 4096);
	default: return (uintptr_t)good;
	}
}

static uint64_t some_number(struct rng *rng)
{
	switch (rng_below(rng, 5)) {
	case 0: return 0;
	case 1: return rng_next(rng);
	case 2: return rng_below(rng, 16);
	case 3: return 1ULL << rng_below(rng, 64);
	default: return (1ULL << rng_below(rng, 64)) - 1;
	}
}

static const unsigned long calls[] = {
	DBLOCK_CTL_VERSION, DBLOCK_CTL_CREATE, DBLOCK_CTL_START, DBLOCK_CTL_DESTROY, DBLOCK_CTL_INFO,
	DBLOCK_CTL_LIST, DBLOCK_CTL_CHANGE, DBLOCK_CTL_ADOPT, DBLOCK_SERVE,
};

static void one_call(struct rng *rng, int fd, uint32_t id, uint8_t *memory)
{
	unsigned long call = calls[rng_below(rng, ARRAY_SIZE(calls))];
	union {
		struct dblock_create create;
		struct dblock_target target;
		struct dblock_serve serve;
		struct dblock_list list;
		struct dblock_info info;
		uint8_t bytes[512];
	} u;

	memset(&u, 0, sizeof(u));
	switch (rng_below(rng, 3)) {
	case 0:
		fill(rng, u.bytes, sizeof(u.bytes));
		break;
	case 1:
		switch (call) {
		case DBLOCK_CTL_CREATE:
			u.create.size = some_number(rng);
			u.create.flags = some_number(rng);
			(&u.create.logical_block)[rng_below(rng, 10)] = some_number(rng);
			(&u.create.logical_block)[rng_below(rng, 10)] = some_number(rng);
			break;
		case DBLOCK_CTL_START:
		case DBLOCK_CTL_DESTROY:
			u.target.id = rng_below(rng, 2) ? id : some_number(rng);
			u.target.flags = rng_below(rng, 3);
			break;
		case DBLOCK_CTL_INFO:
			u.info.create.id = rng_below(rng, 2) ? id : some_number(rng);
			break;
		case DBLOCK_CTL_LIST:
			u.list.ids = some_address(rng, memory);
			u.list.capacity = some_number(rng);
			break;
		}
		break;
	}
	if (call == DBLOCK_SERVE && rng_below(rng, 4)) {
		fill(rng, memory, 4096);
		u.serve = (struct dblock_serve){
			.device = rng_below(rng, 2) ? id : some_number(rng) % 8,
			.queue = rng_below(rng, 2) ? DBLOCK_QUEUE_ANY : some_number(rng),
			.answers = some_address(rng, memory),
			.requests = some_address(rng, memory),
			.buffer = some_address(rng, memory),
			.buffer_size = rng_below(rng, 2) ? 2 * MIB : some_number(rng),
			.timeout_ns = some_number(rng),
			.nr_answers = some_number(rng),
			.max_requests = some_number(rng),
		};
	}
	/* Nobody serves what is made here: no scan that would wait for it. */
	if (call == DBLOCK_CTL_CREATE) {
		u.create.flags |= DBLOCK_F_NO_PARTITIONS;
		u.create.flags &= ~(uint64_t)DBLOCK_F_OUTLIVE;
		u.create.timeout_ms = 100;
		ctl_create(fd, &u.create);
		return;
	}
	ioctl(fd, call, rng_below(rng, 16) ? (void *)&u : (void *)(uintptr_t)some_address(rng, memory));
}

CASE(random_calls_on_the_control_node)
{
	struct rng rng = rng_new(1);
	uint8_t *memory = buffer_new(4 * MIB);
	struct dblock_create spec = spec_of(MIB);
	int session = session_open();

	interrupt_often();
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 500 == 0) {
			close(session);	/* with all that was made */
			session = session_open();
			spec = spec_of(MIB);
			spec.timeout_ms = 100;
			check_ok(ctl_create(session, &spec));
		}
		step("round %d", i);
		one_call(&rng, session, spec.id, memory);
	}
	close(session);
}

CASE(random_calls_on_the_block_device)
{
	struct rng rng = rng_new(2);
	uint8_t *memory = buffer_new(4 * MIB);
	struct dblock_create spec = spec_of(MIB);
	struct device *dev;
	int fd;

	spec.flags |= DBLOCK_F_AUTO_START;
	spec.timeout_ms = 200;
	dev = device_create(&spec);
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR);
	interrupt_often();
	for (int i = 0; i < ROUNDS; i++) {
		struct dblock_serve serve;

		step("round %d", i);
		fill(&rng, memory, 4096);
		if (i % 2) {
			one_call(&rng, fd, 0, memory);
			continue;
		}
		serve = (struct dblock_serve){
			.queue = DBLOCK_QUEUE_ANY,
			.answers = some_address(&rng, memory),
			.requests = some_address(&rng, memory + MIB),
			.buffer = some_address(&rng, memory + MIB),
			.buffer_size = rng_below(&rng, 2) ? 2 * MIB : some_number(&rng),
			.timeout_ns = rng_below(&rng, 100000),
			.nr_answers = rng_below(&rng, 64),
			.max_requests = rng_below(&rng, 64),
		};
		ioctl(fd, DBLOCK_SERVE, &serve);
	}
	close(fd);
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
}

CASE(random_call_numbers)
{
	struct rng rng = rng_new(3);
	uint8_t *memory = buffer_new(65536);
	int session = session_open();

	interrupt_often();
	for (int i = 0; i < ROUNDS; i++) {
		unsigned int nr = rng_below(&rng, 3) ? rng_below(&rng, 0x20) : rng_below(&rng, 256);
		unsigned int size = rng_below(&rng, 3) ? rng_below(&rng, 256) : rng_below(&rng, 16384);
		unsigned long call = _IOC(rng_below(&rng, 4), DBLOCK_IOC_MAGIC, nr, size);
		bool known = false;

		for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
			known |= call == calls[c];
		if (known)
			continue;
		fill(&rng, memory, 512);
		check_fails(ENOTTY, ioctl(session, call, memory));
	}
}

/* A server that answers nonsense between good answers harms only its own readers. */
CASE(mad_server_does_not_disturb_a_sane_one)
{
	struct dblock_create spec = spec_of(4 * MIB), mad_spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL), *mad;
	struct load *load = load_start(dev, 2, 0);
	struct rng rng = rng_new(4);
	struct hand hand;
	struct hammer *hammer;
	uint8_t *memory = buffer_new(4 * MIB);

	mad_spec.timeout_ms = 100;
	mad = device_create(&mad_spec);
	hand = hand_of(mad);
	check_ok(ctl_start(mad->session, mad->id));
	check_wait(10, node_exists(mad->name), "waiting for %s", mad->path);
	hammer = hammer_start(mad->path, 3);
	for (int i = 0; i < 700; i++) {
		struct dblock_request rqs[8];
		struct dblock_answer answers[8];
		int n = fetch(&hand, rqs, 8, 1);

		step("round %d", i);
		for (int j = 0; j < n; j++) {
			struct dblock_serve serve = serve_call(&hand, NULL, 0, 0);

			answers[j] = answer_of(&rqs[j], memory);
			switch (rng_below(&rng, 6)) {
			case 0: answers[j].length = some_number(&rng); break;
			case 1: answers[j].result = some_number(&rng); break;
			case 2: answers[j].data = some_address(&rng, memory); break;
			case 3: answers[j].cookie ^= some_number(&rng); break;
			case 4: answers[j].flags = some_number(&rng); break;
			}
			serve.answers = (uintptr_t)&answers[j];
			serve.nr_answers = 1 + rng_below(&rng, 2) * (j < n - 1);
			ioctl(hand.fd, DBLOCK_SERVE, &serve);
		}
	}
	check_ok(ctl_destroy(mad->session, mad->id, DBLOCK_DESTROY_FORCE));
	hammer_join(hammer, 10);
	note("%u I/O of the sane one", load_stop(load));
	device_down(dev);
}

/* Threads that use, serve, list and destroy the same devices at random. */
struct chaos {
	atomic_bool stop;
	atomic_uint done;
	int session;
};

static void *chaotic(void *arg)
{
	struct chaos *chaos = arg;
	struct rng rng = rng_new(gettid());
	uint8_t *memory = buffer_new(2 * MIB);

	while (!chaos->stop) {
		uint32_t ids[16];
		struct dblock_list list = { .ids = (uintptr_t)ids, .capacity = 16 };
		struct dblock_create spec = spec_of(MIB);
		struct dblock_request rqs[4];
		struct dblock_info info;
		struct hand hand = { chaos->session, 0, memory, 2 * MIB };
		uint32_t id;
		char path[64];
		int n, fd;

		chaos->done++;
		spec.timeout_ms = 100;
		spec.flags |= rng_below(&rng, 2) ? DBLOCK_F_AUTO_START : 0;
		if (ioctl(chaos->session, DBLOCK_CTL_LIST, &list))
			continue;
		id = list.count ? ids[rng_below(&rng, min(list.count, 16u))] : 0;
		switch (rng_below(&rng, 9)) {
		case 0: case 1:
			if (list.count < 6)
				ctl_create(chaos->session, &spec);
			break;
		case 2:
			ctl_start(chaos->session, id);
			break;
		case 3:
			if (rng_below(&rng, 3) == 0)
				ctl_destroy(chaos->session, id, rng_below(&rng, 2));
			break;
		case 4: case 5: case 6:
			hand.device = id;
			n = fetch(&hand, rqs, 4, 2);
			for (int i = 0; i < n; i++) {
				struct dblock_answer answer = answer_of(&rqs[i], memory);
				struct dblock_serve serve = serve_call(&hand, NULL, 0, 0);

				serve.answers = (uintptr_t)&answer;
				serve.nr_answers = 1;
				ioctl(hand.fd, DBLOCK_SERVE, &serve);
			}
			break;
		default:
			if (ctl_info(chaos->session, id, &info))
				break;
			snprintf(path, sizeof(path), "/dev/%.31s", info.create.name);
			fd = open(path, O_RDWR | O_CLOEXEC | (rng_below(&rng, 2) ? O_DIRECT : 0));
			if (fd < 0)
				break;
			if (pread(fd, memory + MIB, 4096, 0) < 0 || pwrite(fd, memory + MIB, 4096, 0) < 0)
				fsync(fd);
			close(fd);
		}
	}
	return NULL;
}

CASE(threads_do_everything_at_once)
{
	struct chaos chaos = { .session = session_open() };
	pthread_t threads[8];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, chaotic, &chaos);
	nap_ms(5000);
	chaos.stop = true;
	step("waiting for the threads");
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	note("%u calls", chaos.done);
	close(chaos.session);
}

CASE(process_killed_while_its_threads_do_everything)
{
	for (int round = 0; round < 3; round++) {
		pid_t pid = fork_case();

		if (!pid) {
			struct chaos chaos = { .session = session_open() };
			pthread_t threads[6];

			for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
				pthread_create(&threads[i], NULL, chaotic, &chaos);
			for (;;)
				pause();
		}
		nap_ms(700);
		check_ok(kill(pid, SIGKILL));
		step("waiting for the killed process");
		check(wait_child(pid, 15, NULL), "the killed process is still there");
	}
	check_wait(15, module_users() == 0, "the module to have no users (%d)", module_users());
}

CASE(serve_memory_is_unmapped_and_protected_meanwhile)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	struct hammer *hammer;
	struct hand hand;
	struct rng rng = rng_new(6);
	uint8_t *memory = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	spec.timeout_ms = 500;
	spec.max_io = 65536;
	dev = device_create(&spec);
	hand = (struct hand){ dev->session, dev->id, memory, MIB };
	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	hammer = hammer_start(dev->path, 3);
	for (int i = 0; i < 600; i++) {
		struct dblock_request *rqs = (void *)(memory + MIB);
		int n;

		step("round %d", i);
		/* Holes and read-only pages where requests and data go. */
		mprotect(memory + rng_below(&rng, 512) * 4096, 4096,
			 rng_below(&rng, 3) ? PROT_READ | PROT_WRITE : rng_below(&rng, 2) ? PROT_READ : PROT_NONE);
		madvise(memory + rng_below(&rng, 256) * 4096, 65536, MADV_DONTNEED);
		n = fetch(&hand, rqs, 8, 5);
		if (n < 0 && errno == EFAULT)
			mprotect(memory, 2 * MIB, PROT_READ | PROT_WRITE);
		for (int j = 0; j < n; j++) {
			struct dblock_answer answer = { .cookie = 0 };

			answer = answer_of(&rqs[j], memory);
			if (answer_now(&hand, &answer) && errno == EFAULT) {
				mprotect(memory, 2 * MIB, PROT_READ | PROT_WRITE);
				answer_now(&hand, &answer);
			}
		}
	}
	check_ok(ctl_destroy(dev->session, dev->id, DBLOCK_DESTROY_FORCE));
	hammer_join(hammer, 10);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST_FOR(random_calls_on_the_control_node, 90),
		TEST_FOR(random_calls_on_the_block_device, 90),
		TEST(random_call_numbers),
		TEST_FOR(mad_server_does_not_disturb_a_sane_one, 60),
		TEST_FOR(threads_do_everything_at_once, 60),
		TEST_FOR(process_killed_while_its_threads_do_everything, 60),
		TEST(serve_memory_is_unmapped_and_protected_meanwhile),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
