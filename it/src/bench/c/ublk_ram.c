// SPDX-License-Identifier: Apache-2.0
/*
 * A RAM disk served through the kernel's ublk driver, one queue: what the benchmark compares with.
 *
 *   ublk_ram BYTES      prints the node once the disk is there, and serves it until SIGTERM or SIGINT
 *   ublk_ram -l BYTES   makes and destroys one for each line on standard input, and prints what each took: the
 *                       name, nanoseconds until it was there, nanoseconds until it was gone
 *
 * It names commands as ioctls are, which the driver knows since Linux 6.4; the numbers alone are an option of its
 * configuration since then.
 *
 * As the driver wants it, data are copied twice: by the kernel to or from a buffer per request, and from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/ublk_cmd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 64 /* dblock's default, too */
#define MAX_IO (1 << 20)
#define NODE_TRIES 500

static int control;
static uint32_t device_id;

static void die(const char *what, int error)
{
	fprintf(stderr, "ublk_ram: %s: %s\n", what, strerror(error));
	exit(1);
}

/* A ring of its own for each call: they are few. */
static int control_call(uint32_t op, void *data, uint16_t length, uint64_t inlined)
{
	struct io_uring ring;
	struct io_uring_params params = { .flags = IORING_SETUP_SQE128 };
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct ublksrv_ctrl_cmd *cmd;
	int result = io_uring_queue_init_params(4, &ring, &params);

	if (result)
		die("io_uring for control", -result);
	sqe = io_uring_get_sqe(&ring);
	/* The first entry of a new ring is all zeros. */
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = control;
	sqe->cmd_op = _IOWR('u', op, struct ublksrv_ctrl_cmd);
	cmd = (struct ublksrv_ctrl_cmd *)sqe->cmd;
	cmd->dev_id = device_id;
	cmd->queue_id = (uint16_t)-1;
	cmd->addr = (uintptr_t)data;
	cmd->len = length;
	cmd->data[0] = inlined;
	result = io_uring_submit_and_wait(&ring, 1);
	if (result < 0)
		die("submit a control command", -result);
	result = io_uring_wait_cqe(&ring, &cqe);
	if (!result)
		result = cqe->res;
	io_uring_queue_exit(&ring);
	return result;
}

static void check(const char *what, int result)
{
	if (result < 0)
		die(what, -result);
}

static void give(struct io_uring *ring, uint32_t op, uint16_t tag, int result, uint8_t *buffer)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct ublksrv_io_cmd *cmd;

	if (!sqe)
		die("no free entry in the ring", ENOSPC);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 0;
	sqe->cmd_op = _IOWR('u', op, struct ublksrv_io_cmd);
	sqe->user_data = tag;
	cmd = (struct ublksrv_io_cmd *)sqe->cmd;
	cmd->q_id = 0;
	cmd->tag = tag;
	cmd->result = result;
	cmd->addr = (uintptr_t)buffer;
}

static int handle(const struct ublksrv_io_desc *io, uint8_t *disk, uint8_t *buffer)
{
	uint8_t *at = disk + io->start_sector * 512;
	uint32_t length = io->nr_sectors * 512;

	switch (ublksrv_get_op(io)) {
	case UBLK_IO_OP_READ:
		memcpy(buffer, at, length);
		return length;
	case UBLK_IO_OP_WRITE:
		memcpy(at, buffer, length);
		return length;
	default: /* nothing else was advertised */
		return -EOPNOTSUPP;
	}
}

static int open_device(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/ublkc%u", device_id);
	for (int tries = 0; tries < NODE_TRIES; tries++) {
		int device = open(path, O_RDWR | O_CLOEXEC);

		if (device >= 0)
			return device;
		usleep(10000);
	}
	die(path, errno);
	return -1;
}

/* The cheapest ring there is for one thread; the first one since Linux 6.1. */
static void make_ring(struct io_uring *ring)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };
	int result = io_uring_queue_init_params(2 * DEPTH, ring, &params);

	if (result == -EINVAL) {
		params = (struct io_uring_params){ .flags = IORING_SETUP_COOP_TASKRUN };
		result = io_uring_queue_init_params(2 * DEPTH, ring, &params);
	}
	check("io_uring for requests", result);
}

/* A thread: the driver wants all commands of a queue from one. Ends when the device is stopped. */
static void *serve(void *disk)
{
	struct io_uring ring;
	size_t length = (DEPTH * sizeof(struct ublksrv_io_desc) + 4095) / 4096 * 4096;
	const struct ublksrv_io_desc *ios;
	unsigned int left = DEPTH;
	uint8_t *buffers;
	int device = open_device();

	ios = mmap(NULL, length, PROT_READ, MAP_SHARED | MAP_POPULATE, device, UBLKSRV_CMD_BUF_OFFSET);
	if (ios == MAP_FAILED)
		die("map the requests", errno);
	buffers = mmap(NULL, (size_t)DEPTH * MAX_IO, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED)
		die("buffers", errno);
	make_ring(&ring);
	check("register the file", io_uring_register_files(&ring, &device, 1));
	for (int tag = 0; tag < DEPTH; tag++)
		give(&ring, UBLK_IO_FETCH_REQ, tag, -1, buffers + (size_t)tag * MAX_IO);
	while (left) {
		struct io_uring_cqe *cqe;
		unsigned int head, seen = 0;
		int result = io_uring_submit_and_wait(&ring, 1);

		if (result < 0 && result != -EINTR)
			die("wait for requests", -result);
		io_uring_for_each_cqe(&ring, head, cqe) {
			uint16_t tag = cqe->user_data;
			uint8_t *buffer = buffers + (size_t)tag * MAX_IO;

			seen++;
			if (cqe->res == UBLK_IO_RES_OK)
				give(&ring, UBLK_IO_COMMIT_AND_FETCH_REQ, tag, handle(&ios[tag], disk, buffer), buffer);
			else if (cqe->res == UBLK_IO_RES_ABORT)
				left--;
			else
				die("a request", -cqe->res);
		}
		io_uring_cq_advance(&ring, seen);
	}
	io_uring_queue_exit(&ring);
	munmap(buffers, (size_t)DEPTH * MAX_IO);
	munmap((void *)ios, length);
	close(device);
	return NULL;
}

static pthread_t create(uint64_t size, uint8_t *disk)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1,
		.queue_depth = DEPTH,
		.max_io_buf_bytes = MAX_IO,
		.dev_id = (uint32_t)-1,
		.ublksrv_pid = getpid(),
	};
	struct ublk_params params = {
		.len = sizeof(params),
		.types = UBLK_PARAM_TYPE_BASIC,
		.basic = {
			.logical_bs_shift = 9,
			.physical_bs_shift = 9,
			.io_min_shift = 9,
			.io_opt_shift = 9,
			.max_sectors = MAX_IO / 512,
			.dev_sectors = size / 512,
		},
	};
	pthread_t server;

	device_id = (uint32_t)-1;
	check("add a device", control_call(UBLK_CMD_ADD_DEV, &info, sizeof(info), 0));
	device_id = info.dev_id;
	check("set its parameters", control_call(UBLK_CMD_SET_PARAMS, &params, sizeof(params), 0));
	if ((errno = pthread_create(&server, NULL, serve, disk)))
		die("a thread", errno);
	/* Waits until the thread has fetched; then partitions are scanned, which it answers. */
	check("start the device", control_call(UBLK_CMD_START_DEV, NULL, 0, getpid()));
	return server;
}

static void destroy(pthread_t server)
{
	check("stop the device", control_call(UBLK_CMD_STOP_DEV, NULL, 0, 0));
	pthread_join(server, NULL);
	check("delete the device", control_call(UBLK_CMD_DEL_DEV, NULL, 0, 0));
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void laps(uint64_t size, uint8_t *disk)
{
	char line[16];

	while (fgets(line, sizeof(line), stdin)) {
		uint64_t start = now(), created;
		pthread_t server = create(size, disk);

		created = now();
		destroy(server);
		printf("ublkb%u %llu %llu\n", device_id, (unsigned long long)(created - start),
		       (unsigned long long)(now() - created));
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int timed = argc == 3 && !strcmp(argv[1], "-l"), number;
	uint64_t size = argc == 2 + timed ? strtoull(argv[1 + timed], NULL, 10) : 0;
	sigset_t end_signals;
	pthread_t server;
	uint8_t *disk;

	if (!size || size % 512) {
		fprintf(stderr, "usage: %s [-l] BYTES (a multiple of 512)\n", argv[0]);
		return 2;
	}
	disk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (disk == MAP_FAILED)
		die("memory for the disk", errno);
	control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		die("/dev/ublk-control (modprobe ublk_drv)", errno);
	if (timed) {
		laps(size, disk);
		return 0;
	}
	sigemptyset(&end_signals);
	sigaddset(&end_signals, SIGTERM);
	sigaddset(&end_signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end_signals, NULL);
	server = create(size, disk);
	printf("/dev/ublkb%u\n", device_id);
	fflush(stdout);
	sigwait(&end_signals, &number);
	destroy(server);
	return 0;
}
