// SPDX-License-Identifier: GPL-2.0-only
/* What was asked for at creation is what the kernel shows to everybody. */
#include "harness.h"

#include <dirent.h>
#include <linux/fs.h>

static struct device *plain(struct dblock_create spec)
{
	return device_up(&spec, NULL, NULL);
}

#define check_sysfs(dev, attribute, want)	\
	check_eq(sysfs_number((dev)->name, attribute), want)

CASE(block_sizes_and_hints)
{
	struct device *dev = plain((struct dblock_create){
		.size = 16 * MIB, .logical_block = 1024, .physical_block = 8192,
		.io_min = 16384, .io_opt = 65536, .flags = DBLOCK_F_NO_PARTITIONS });
	int fd = device_open(dev, O_RDONLY), logical = 0;
	unsigned int physical = 0, io_min = 0, io_opt = 0;

	check_sysfs(dev, "queue/logical_block_size", 1024);
	check_sysfs(dev, "queue/physical_block_size", 8192);
	check_sysfs(dev, "queue/hw_sector_size", 1024);
	check_sysfs(dev, "queue/minimum_io_size", 16384);
	check_sysfs(dev, "queue/optimal_io_size", 65536);
	check_sysfs(dev, "alignment_offset", 0);
	check_ok(ioctl(fd, BLKSSZGET, &logical));
	check_ok(ioctl(fd, BLKPBSZGET, &physical));
	check_ok(ioctl(fd, BLKIOMIN, &io_min));
	check_ok(ioctl(fd, BLKIOOPT, &io_opt));
	check_eq(logical, 1024);
	check_eq(physical, 8192);
	check_eq(io_min, 16384);
	check_eq(io_opt, 65536);
	close(fd);
	device_down(dev);
}

CASE(size)
{
	struct device *dev = plain((struct dblock_create){ .size = 5 * MIB + 512, .flags = DBLOCK_F_NO_PARTITIONS });
	int fd = device_open(dev, O_RDONLY);
	uint64_t bytes = 0;

	check_ok(ioctl(fd, BLKGETSIZE64, &bytes));
	check_eq(bytes, 5 * MIB + 512);
	check_sysfs(dev, "size", (5 * MIB + 512) / 512);
	check_eq(lseek(fd, 0, SEEK_END), 5 * MIB + 512);
	close(fd);
	device_down(dev);
}

CASE(size_of_a_tebibyte_and_its_last_block)
{
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	int fd;

	if (sizeof(size_t) < 8)
		skip("no room for the store in a 32-bit process");
	dev = plain((struct dblock_create){ .size = 1ULL << 40, .flags = DBLOCK_F_NO_PARTITIONS });
	fd = device_open(dev, O_RDWR | O_DIRECT);
	pattern_fill(buf, 4096, 0, 1);
	check_eq(pwrite(fd, buf, 4096, (1ULL << 40) - 4096), 4096);
	check_eq(pattern_check(dev->store + (1ULL << 40) - 4096, 4096, 0, 1), -1);
	check_eq(pread(fd, buf, 4096, 1ULL << 40), 0);
	check_fails(ENOSPC, pwrite(fd, buf, 4096, 1ULL << 40));
	close(fd);
	device_down(dev);
}

CASE(rotational)
{
	for (int on = 0; on < 2; on++) {
		struct device *dev = plain((struct dblock_create){ .size = MIB,
			.flags = DBLOCK_F_NO_PARTITIONS | (on ? DBLOCK_F_ROTATIONAL : 0) });
		int fd = device_open(dev, O_RDONLY);
		unsigned short value = 7;

		check_sysfs(dev, "queue/rotational", on);
		check_ok(ioctl(fd, BLKROTATIONAL, &value));
		check_eq(value, on);
		close(fd);
		device_down(dev);
	}
}

CASE(stable_writes)
{
	for (int on = 0; on < 2; on++) {
		struct device *dev = plain((struct dblock_create){ .size = MIB,
			.flags = DBLOCK_F_NO_PARTITIONS | (on ? DBLOCK_F_STABLE_WRITES : 0) });

		check_sysfs(dev, "queue/stable_writes", on);
		device_down(dev);
	}
}

CASE(read_only)
{
	struct device *dev = plain((struct dblock_create){ .size = MIB,
		.flags = DBLOCK_F_NO_PARTITIONS | DBLOCK_F_READ_ONLY });
	uint8_t *buf = buffer_new(4096);
	int fd, value = 0;

	check_sysfs(dev, "ro", 1);
	fd = device_open(dev, O_RDONLY);
	check_ok(ioctl(fd, BLKROGET, &value));
	check_eq(value, 1);
	pattern_fill(dev->store, 4096, 0, 3);
	check_eq(pread(fd, buf, 4096, 0), 4096);
	check_eq(pattern_check(buf, 4096, 0, 3), -1);
	close(fd);
	/* Opening to write may succeed (older kernels), writing never. */
	fd = open(dev->path, O_RDWR | O_DIRECT);
	if (fd >= 0) {
		check_fails(EPERM, pwrite(fd, buf, 4096, 0));
		close(fd);
	}
	check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 0);
	device_down(dev);
}

CASE(write_cache_and_fua)
{
	static const struct {
		uint64_t flags;
		const char *cache;
		int fua;
	} rows[] = {
		{ 0, "write through", 0 },
		{ DBLOCK_F_WRITE_CACHE, "write back", 0 },
		{ DBLOCK_F_WRITE_CACHE | DBLOCK_F_FUA, "write back", 1 },
	};
	char value[40];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct device *dev = plain((struct dblock_create){ .size = MIB,
			.flags = DBLOCK_F_NO_PARTITIONS | rows[i].flags });

		check(sysfs_read(dev->name, "queue/write_cache", value, sizeof(value)), "write_cache");
		check(!strcmp(value, rows[i].cache), "write_cache is %s, wanted %s", value, rows[i].cache);
		check_sysfs(dev, "queue/fua", rows[i].fua);
		device_down(dev);
	}
}

CASE(discard_and_write_zeroes)
{
	struct device *dev = plain((struct dblock_create){ .size = 64 * MIB,
		.discard_granularity = 65536, .max_discard = 4 * MIB, .max_write_zeroes = 2 * MIB + 512,
		.flags = DBLOCK_F_NO_PARTITIONS });

	check_sysfs(dev, "queue/discard_granularity", 65536);
	check_sysfs(dev, "queue/discard_max_hw_bytes", 4 * MIB);
	check_sysfs(dev, "queue/discard_max_bytes", 4 * MIB);
	check_sysfs(dev, "discard_alignment", 0);
	check_sysfs(dev, "queue/write_zeroes_max_bytes", 2 * MIB + 512);
	device_down(dev);
}

CASE(no_discard_and_no_write_zeroes)
{
	struct device *dev = plain((struct dblock_create){ .size = MIB, .flags = DBLOCK_F_NO_PARTITIONS });

	check_sysfs(dev, "queue/discard_max_bytes", 0);
	check_sysfs(dev, "queue/discard_max_hw_bytes", 0);
	check_sysfs(dev, "queue/write_zeroes_max_bytes", 0);
	device_down(dev);
}

CASE(largest_io)
{
	static const unsigned int sizes[] = { 4096, 65536, 1 << 20, 16 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct device *dev = plain((struct dblock_create){ .size = 16 * MIB,
			.max_io = sizes[i], .flags = DBLOCK_F_NO_PARTITIONS });

		check_sysfs(dev, "queue/max_hw_sectors_kb", sizes[i] / 1024);
		check(sysfs_number(dev->name, "queue/max_sectors_kb") <= sizes[i] / 1024, "max_sectors_kb");
		device_down(dev);
	}
}

static unsigned int hardware_queues(const char *name)
{
	char path[80];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/block/%s/mq", name);
	dir = opendir(path);
	check(dir, "%s: %s", path, errno_name(errno));
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

CASE(queues_and_depth)
{
	static const unsigned int queues[] = { 1, 2 }, depths[] = { 1, 7, 64, 1000 };

	for (size_t q = 0; q < ARRAY_SIZE(queues); q++) {
		for (size_t d = 0; d < ARRAY_SIZE(depths); d++) {
			struct device *dev = plain((struct dblock_create){ .size = MIB,
				.queues = queues[q], .depth = depths[d], .flags = DBLOCK_F_NO_PARTITIONS });

			check_eq(hardware_queues(dev->name), dev->spec.queues);
			/* A scheduler has tags of its own: look without one. */
			check(sysfs_write(dev->name, "queue/scheduler", "none"), "scheduler none");
			check_sysfs(dev, "queue/nr_requests", depths[d]);
			device_down(dev);
		}
	}
}

CASE(parameters_show_in_info)
{
	struct dblock_create spec = { .size = MIB, .flags = DBLOCK_F_NO_PARTITIONS | DBLOCK_F_READ_ONLY,
		.logical_block = 4096, .depth = 5, .timeout_ms = 1234, .max_write_zeroes = 8192 };
	struct device *dev = plain(spec);
	struct dblock_info info;

	check_ok(ctl_info(dev->session, dev->id, &info));
	check(!memcmp(&info.create, &dev->spec, sizeof(info.create)), "info.create differs from create's");
	check_eq(info.create.logical_block, 4096);
	check_eq(info.create.timeout_ms, 1234);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(block_sizes_and_hints),
		TEST(size),
		TEST(size_of_a_tebibyte_and_its_last_block),
		TEST(rotational),
		TEST(stable_writes),
		TEST(read_only),
		TEST(write_cache_and_fua),
		TEST(discard_and_write_zeroes),
		TEST(no_discard_and_no_write_zeroes),
		TEST(largest_io),
		TEST(queues_and_depth),
		TEST(parameters_show_in_info),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
