// SPDX-License-Identifier: GPL-2.0-only
/* Flush and FUA arrive exactly where a volatile write cache was announced. */
#include "harness.h"

#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>

static struct device *cached(uint64_t flags)
{
	struct dblock_create spec = spec_of(16 * MIB);

	spec.flags = DBLOCK_F_NO_PARTITIONS | flags;
	return device_up(&spec, NULL, NULL);
}

CASE(fsync_sends_a_flush)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);
	const struct dblock_request *flush;

	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 4096), 4096);
	check_eq(log_count(dev, DBLOCK_OP_FLUSH, 0), 0);
	check_ok(fsync(fd));
	check_eq(log_count(dev, DBLOCK_OP_FLUSH, 0), 1);
	flush = log_find(dev, DBLOCK_OP_FLUSH, 0);
	check_eq(flush->sector, 0);
	check_eq(flush->length, 0);
	check_eq(flush->data, 0);
	check(dev->log[0].op == DBLOCK_OP_WRITE, "the flush overtook the write");
	check_ok(fdatasync(fd));
	check_eq(log_count(dev, DBLOCK_OP_FLUSH, 0), 2);
	close(fd);
	device_down(dev);
}

CASE(fsync_of_dirty_pages_writes_then_flushes)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(MIB);
	bool flushed = false;

	pattern_fill(buf, MIB, 0, 2);
	log_reset(dev);
	check_eq(pwrite(fd, buf, MIB, 0), MIB);
	check_ok(fsync(fd));
	for (unsigned int i = 0; i < dev->logged; i++) {
		flushed = flushed || dev->log[i].op == DBLOCK_OP_FLUSH;
		check(!flushed || dev->log[i].op != DBLOCK_OP_WRITE, "a write after the flush");
	}
	check(flushed, "no flush");
	check_eq(pattern_check(dev->store, MIB, 0, 2), -1);
	close(fd);
	device_down(dev);
}

CASE(dsync_write_is_one_fua_write_where_fua_is_native)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE | DBLOCK_F_FUA);
	int fd = device_open(dev, O_RDWR | O_DIRECT | O_DSYNC);
	uint8_t *buf = buffer_new(4096);

	pattern_fill(buf, 4096, 0, 3);
	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 8192), 4096);
	check_eq(pattern_check(dev->store + 8192, 4096, 0, 3), -1);
	if (kernel_at_least(6, 3)) {
		/* The data durable, nothing else asked for. */
		check_eq(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA), 1);
		check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 1);
	}
	note("%u writes, %u of them FUA, %u flushes", log_count(dev, DBLOCK_OP_WRITE, 0),
	     log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA), log_count(dev, DBLOCK_OP_FLUSH, 0));
	check(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA) + log_count(dev, DBLOCK_OP_FLUSH, 0) >= 1,
	      "neither FUA nor flush");
	close(fd);
	device_down(dev);
}

CASE(dsync_write_is_followed_by_a_flush_where_fua_is_not_native)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE);
	int fd = device_open(dev, O_RDWR | O_DIRECT | O_DSYNC);
	uint8_t *buf = buffer_new(4096);

	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 8192), 4096);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 1);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA), 0);
	check(log_count(dev, DBLOCK_OP_FLUSH, 0) >= 1, "no flush");
	check(dev->log[0].op == DBLOCK_OP_WRITE && dev->log[1].op == DBLOCK_OP_FLUSH,
	      "not a write and then a flush");
	close(fd);
	device_down(dev);
}

CASE(without_a_cache_neither_arrives)
{
	struct device *dev = cached(0);
	int fd = device_open(dev, O_RDWR | O_DIRECT | O_DSYNC);
	uint8_t *buf = buffer_new(4096);

	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 0), 4096);
	check_ok(fsync(fd));
	check_ok(fdatasync(fd));
	check_eq(log_count(dev, DBLOCK_OP_FLUSH, 0), 0);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA), 0);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, 0), 1);
	close(fd);
	device_down(dev);
}

CASE(sync_flag_tells_who_waits)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);

	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 0), 4096);
	check_eq(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_SYNC), 1);
	close(fd);

	/* Background writeback: nobody waits. */
	fd = device_open(dev, O_RDWR);
	log_reset(dev);
	check_eq(pwrite(fd, buf, 4096, 65536), 4096);
	check_ok(sync_file_range(fd, 65536, 4096, SYNC_FILE_RANGE_WRITE));
	check_wait(20, log_count(dev, DBLOCK_OP_WRITE, 0) == 1, "waiting for the writeback");
	note("written back with flags %#x", dev->log[0].flags);
	close(fd);
	device_down(dev);
}

CASE(readahead_is_marked)
{
	struct device *dev = cached(DBLOCK_F_WRITE_CACHE);
	int fd = device_open(dev, O_RDONLY);
	uint8_t *buf = buffer_new(65536);

	drop_page_cache(fd);
	log_reset(dev);
	check_ok(posix_fadvise(fd, 0, 4 * MIB, POSIX_FADV_WILLNEED));
	check_wait(10, log_count(dev, DBLOCK_OP_READ, DBLOCK_REQ_RAHEAD) > 0, "waiting for readahead");
	check_eq(pread(fd, buf, 65536, 8 * MIB), 65536);
	close(fd);
	/* A direct read is not. */
	fd = device_open(dev, O_RDONLY | O_DIRECT);
	log_reset(dev);
	check_eq(pread(fd, buf, 65536, 0), 65536);
	check_eq(log_count(dev, DBLOCK_OP_READ, DBLOCK_REQ_RAHEAD), 0);
	check(log_count(dev, DBLOCK_OP_READ, 0) >= 1, "no read");
	close(fd);
	device_down(dev);
}

CASE(metadata_of_a_filesystem_is_marked)
{
	struct device *dev;
	char target[64], path[80];

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	dev = cached(DBLOCK_F_WRITE_CACHE | DBLOCK_F_FUA);
	{
		const char *const argv[] = { "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0",
					     dev->path, NULL };

		check_eq(run_program(argv, 30), 0);
	}
	log_reset(dev);
	if (mount_tracked(dev->path, "ext4", 0, NULL, target, sizeof(target))) {
		int err = errno;

		device_down(dev);
		if (err == ENODEV)
			skip("no ext4 in this kernel");
		fail("mount: %s", errno_name(err));
	}
	check(log_count(dev, DBLOCK_OP_READ, DBLOCK_REQ_META) > 0, "no read marked as metadata");
	snprintf(path, sizeof(path), "%s/directory", target);
	check_ok(mkdir(path, 0755));
	sync();
	check_ok(umount(target));
	check(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_META) > 0, "no write marked as metadata");
	check(log_count(dev, DBLOCK_OP_WRITE, DBLOCK_REQ_FUA) > 0, "the journal's commit is not FUA");
	check(log_count(dev, DBLOCK_OP_FLUSH, 0) > 0, "the journal's commit does not flush");
	device_down(dev);
}

/* A write held by the server does not hold back a flush: it is not covered by it. */
CASE(flush_does_not_wait_for_writes_under_way)
{
	struct dblock_create spec = spec_of(MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request write, flush;
	struct io *writing, *syncing;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	writing = io_start(IO_WRITE, fd, buffer_new(4096), 4096, 65536);
	write = fetch_one(dev, &hand, DBLOCK_OP_WRITE, 128);
	syncing = io_start(IO_FSYNC, fd, NULL, 0, 0);
	flush = fetch_one(dev, &hand, DBLOCK_OP_FLUSH, 0);
	answer_well(dev, &hand, &flush);
	check_eq(io_finish(syncing, 10), 0);
	check(!writing->done, "the write is done without an answer");
	answer_well(dev, &hand, &write);
	check_eq(io_finish(writing, 10), 4096);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(fsync_sends_a_flush),
		TEST(fsync_of_dirty_pages_writes_then_flushes),
		TEST(dsync_write_is_one_fua_write_where_fua_is_native),
		TEST(dsync_write_is_followed_by_a_flush_where_fua_is_not_native),
		TEST(without_a_cache_neither_arrives),
		TEST(sync_flag_tells_who_waits),
		TEST(readahead_is_marked),
		TEST(metadata_of_a_filesystem_is_marked),
		TEST(flush_does_not_wait_for_writes_under_way),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
