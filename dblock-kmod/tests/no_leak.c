// SPDX-License-Identifier: GPL-2.0-only
/* Nobody is ever given memory that was not meant for him. */
#include "harness.h"

#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define AT	(1 * MIB)

/* Leaves pages behind that would be recognised. */
static void poison_free_memory(void)
{
	size_t size = 96 * MIB;
	uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED, "mmap");
	for (size_t i = 0; i < size / 8; i++)
		memory[i] = 0x5ec7e75ec7e75ec7;
	munmap(memory, size);
}

static bool no_data(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	const int *mode = server->arg;

	memory_apply(server->dev, rq, answer);
	if (rq->op != DBLOCK_OP_READ || rq->sector * 512 < AT)
		return true;
	switch (*mode) {
	case 0:
		answer->flags = DBLOCK_ANS_ZEROES;
		answer->data = 0;
		break;
	case 1:
		answer->result = -EIO;
		answer->length = 0;
		answer->data = 0;
		break;
	}
	return true;
}

CASE(zeroes_are_zeros_to_every_kind_of_reader)
{
	struct dblock_create spec = spec_of(16 * MIB);
	int mode = 0;
	struct device *dev;
	uint8_t *buf = buffer_new(MIB), *map;
	int fd;

	poison_free_memory();
	dev = device_up(&spec, no_data, &mode);
	fd = device_open(dev, O_RDONLY);
	memset(buf, 0xcc, MIB);
	check_eq(pread(fd, buf, MIB, AT), MIB);
	check(all_bytes(buf, MIB, 0), "buffered read is not zeros");
	map = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 4 * MIB);
	check(all_bytes(map, MIB, 0), "mapped read is not zeros");
	munmap(map, MIB);
	close(fd);
	fd = device_open(dev, O_RDONLY | O_DIRECT);
	memset(buf, 0xcc, MIB);
	check_eq(pread(fd, buf, MIB, 8 * MIB), MIB);
	check(all_bytes(buf, MIB, 0), "direct read is not zeros");
	close(fd);
	device_down(dev);
}

static sigjmp_buf bus_error;

static void on_bus_error(int signal)
{
	(void)signal;
	siglongjmp(bus_error, 1);
}

CASE(failed_reads_show_nothing)
{
	struct dblock_create spec = spec_of(16 * MIB);
	int mode = 1;
	struct device *dev;
	uint8_t *buf = buffer_new(MIB), *map;
	int fd;

	poison_free_memory();
	dev = device_up(&spec, no_data, &mode);
	fd = device_open(dev, O_RDONLY);
	memset(buf, 0xcc, MIB);
	check_fails(EIO, pread(fd, buf, 65536, AT));
	check(all_bytes(buf, MIB, 0xcc), "a failed buffered read gave bytes");
	map = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 4 * MIB);
	signal(SIGBUS, on_bus_error);
	if (!sigsetjmp(bus_error, 1)) {
		volatile uint8_t byte = map[5];

		fail("a failed mapped read gave %u", byte);
	}
	munmap(map, MIB);
	close(fd);
	fd = device_open(dev, O_RDONLY | O_DIRECT);
	check_fails(EIO, pread(fd, buf, MIB, 8 * MIB));
	check(all_bytes(buf, MIB, 0xcc), "a failed direct read gave bytes");
	close(fd);
	device_down(dev);
}

/* The server's memory beyond the data and the requests of a batch is left alone. */
CASE(server_memory_is_written_only_where_said)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_create(&spec);
	struct hand hand = hand_of(dev);
	struct dblock_request rqs[4];
	struct io *io;
	uint8_t *data = buffer_new(4096);
	uint64_t start;
	int fd;

	check_ok(ctl_start(dev->session, dev->id));
	check_wait(10, node_exists(dev->name), "waiting for %s", dev->path);
	fd = device_open(dev, O_RDWR | O_DIRECT);
	memset(data, 0x22, 4096);
	io = io_start(IO_WRITE, fd, data, 512, AT);
	memset(hand.buffer, 0xcc, hand.buffer_size);
	do {
		memset(rqs, 0xcc, sizeof(rqs));
		check_eq(fetch(&hand, rqs, 4, 10000), 1);
		check(all_bytes(rqs + 1, 3 * sizeof(*rqs), 0xcc), "more requests written than returned");
		if (rqs[0].op != DBLOCK_OP_WRITE)
			answer_well(dev, &hand, &rqs[0]);
	} while (rqs[0].op != DBLOCK_OP_WRITE);
	start = rqs[0].data - (uintptr_t)hand.buffer;
	check(all_bytes(hand.buffer, start, 0xcc) && all_bytes(hand.buffer + start, 512, 0x22) &&
	      all_bytes(hand.buffer + start + 512, hand.buffer_size - start - 512, 0xcc),
	      "the buffer was written beyond the data");
	answer_well(dev, &hand, &rqs[0]);
	check_eq(io_finish(io, 10), 512);
	close(fd);
	check_ok(ctl_destroy_patiently(dev->session, dev->id));
}

CASE(a_reader_of_a_hole_gets_nobody_elses_data)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev = device_up(&spec, NULL, NULL);
	uint8_t *buf = buffer_new(65536);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	/* Other requests with the same tags carried data before. */
	memset(buf, 0x5e, 65536);
	for (int i = 0; i < 16; i++)
		check_eq(pwrite(fd, buf, 65536, 0), 65536);
	memset(dev->store, 0, dev->spec.size);
	check_eq(pread(fd, buf, 65536, AT), 65536);
	check(all_bytes(buf, 65536, 0), "not zeros");
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(zeroes_are_zeros_to_every_kind_of_reader),
		TEST(failed_reads_show_nothing),
		TEST(server_memory_is_written_only_where_said),
		TEST(a_reader_of_a_hole_gets_nobody_elses_data),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
