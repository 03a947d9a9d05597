// SPDX-License-Identifier: GPL-2.0-only
/* What an application says of its requests: their I/O priority, and how long the data will live. */
#include "harness.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sys/syscall.h>

#ifndef F_SET_RW_HINT
#define F_SET_RW_HINT		(1024 + 12)
#endif
#ifndef RWH_WRITE_LIFE_NOT_SET
#define RWH_WRITE_LIFE_NOT_SET	0
#endif
#ifndef RWH_WRITE_LIFE_EXTREME
#define RWH_WRITE_LIFE_EXTREME	5
#endif

static void set_priority(int priority)
{
	check_ok(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority));
}

/* Of the write that this makes, as the server sees it. */
static struct dblock_request written(struct device *dev, int fd)
{
	uint8_t *buf = buffer_new(4096);

	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, MIB), 4096);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 1);
	free(buf);
	return *log_find(dev, DBLOCK_OP_WRITE, 0);
}

CASE(the_priority_is_that_of_who_makes_the_request)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	int class;
	const int priorities[] = {
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0),
		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 5),
	};

	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++) {
		step("priority %#x", priorities[i]);
		set_priority(priorities[i]);
		check_eq(written(dev, fd).ioprio, priorities[i]);
	}
	set_priority(IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
	/* From 6.0 on who has none gets that of his nice value. */
	class = IOPRIO_PRIO_CLASS(written(dev, fd).ioprio);
	check(class == IOPRIO_CLASS_NONE || class == IOPRIO_CLASS_BE, "class %d", class);
	close(fd);
	device_down(dev);
}

/* Of direct I/O to a block device they were lost from 5.18 to 6.8. */
CASE(the_lifetime_is_that_of_the_file)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint64_t hint = RWH_WRITE_LIFE_EXTREME;

	check_eq(written(dev, fd).write_hint, RWH_WRITE_LIFE_NOT_SET);
	check_ok(fcntl(fd, F_SET_RW_HINT, &hint));
	if (kernel_at_least(5, 18) && !kernel_at_least(6, 9)) {
		check_eq(written(dev, fd).write_hint, RWH_WRITE_LIFE_NOT_SET);
		skip("this kernel does not pass them on");
	}
	for (hint = RWH_WRITE_LIFE_NOT_SET; hint <= RWH_WRITE_LIFE_EXTREME; hint++) {
		step("hint %u", (unsigned int)hint);
		check_ok(fcntl(fd, F_SET_RW_HINT, &hint));
		check_eq(written(dev, fd).write_hint, hint);
	}
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(the_priority_is_that_of_who_makes_the_request),
		TEST(the_lifetime_is_that_of_the_file),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
