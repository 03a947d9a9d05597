// SPDX-License-Identifier: GPL-2.0-only
/* Schedulers, queue depth and CPUs that change while I/O goes on. */
#include "harness.h"

#include <unistd.h>

static struct device *busy_device(struct load **load)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;

	spec.queues = 2;
	spec.depth = 8;
	dev = device_create(&spec);
	for (uint32_t q = 0; q < dev->spec.queues; q++)
		server_start(dev, -1, q, 4, NULL, NULL);
	server_start(dev, -1, DBLOCK_QUEUE_ANY, 4, NULL, NULL);
	device_start(dev);
	*load = load_start(dev, 3, 0);
	return dev;
}

CASE(schedulers_are_switched_under_io)
{
	static const char *const names[] = { "mq-deadline", "kyber", "bfq", "none" };
	unsigned int switched = 0, known = 0;
	struct load *load;
	struct device *dev = busy_device(&load);
	char offered[200];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			step("switching to %s", names[i]);
			if (sysfs_write(dev->name, "queue/scheduler", names[i]))
				switched++;
			nap_ms(100);
		}
	}
	known = sysfs_read(dev->name, "queue/scheduler", offered, sizeof(offered));
	note("%u switches; there is: %s", switched, known ? offered : "?");
	check(switched >= 6, "only %u switches worked", switched);
	note("%u I/O", load_stop(load));
	device_down(dev);
}

CASE(each_scheduler_serves_a_load)
{
	static const char *const names[] = { "mq-deadline", "kyber", "bfq" };
	struct dblock_create spec = spec_of(4 * MIB);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct device *dev = device_up(&spec, NULL, NULL);

		if (sysfs_write(dev->name, "queue/scheduler", names[i])) {
			step("load with %s", names[i]);
			load_stop(load_start(dev, 4, 40));
		} else {
			note("no %s here", names[i]);
		}
		device_down(dev);
	}
}

CASE(depth_and_limits_change_under_io)
{
	struct load *load;
	struct device *dev = busy_device(&load);
	char value[20];

	for (int round = 0; round < 8; round++) {
		snprintf(value, sizeof(value), "%d", round % 2 ? 8 : 4);
		step("nr_requests %s", value);
		sysfs_write(dev->name, "queue/nr_requests", value);
		snprintf(value, sizeof(value), "%d", round % 2 ? 64 : 1024);
		check(sysfs_write(dev->name, "queue/max_sectors_kb", value), "max_sectors_kb");
		nap_ms(50);
	}
	note("%u I/O", load_stop(load));
	device_down(dev);
}

static bool cpu_online(int cpu, bool online)
{
	char path[80];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	file = fopen(path, "we");
	if (!file)
		return false;
	ok = fputs(online ? "1" : "0", file) >= 0;
	return !fclose(file) && ok;
}

CASE(cpus_go_and_come_under_io)
{
	struct load *load;
	struct device *dev;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !cpu_online(1, true))
		skip("no CPU to take away");
	dev = busy_device(&load);
	for (int round = 0; round < 3; round++) {
		step("CPU 1 offline");
		if (!cpu_online(1, false)) {
			load_stop(load);
			device_down(dev);
			skip("CPU 1 cannot be taken away");
		}
		nap_ms(150);
		step("CPU 1 online");
		check(cpu_online(1, true), "CPU 1 does not come back: %s", errno_name(errno));
		nap_ms(150);
	}
	note("%u I/O", load_stop(load));
	device_down(dev);
}

CASE(created_with_a_cpu_offline)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !cpu_online(1, false))
		skip("no CPU to take away");
	spec.queues = 64;
	dev = device_up(&spec, NULL, NULL);
	load_stop(load_start(dev, 4, 20));
	check(cpu_online(1, true), "CPU 1 does not come back: %s", errno_name(errno));
	load_stop(load_start(dev, 4, 20));
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST_FOR(schedulers_are_switched_under_io, 60),
		TEST(each_scheduler_serves_a_load),
		TEST(depth_and_limits_change_under_io),
		TEST_FOR(cpus_go_and_come_under_io, 60),
		TEST(created_with_a_cpu_offline),
	};
	int status = run_tests(argc, argv, tests, ARRAY_SIZE(tests));

	cpu_online(1, true);
	return status;
}
