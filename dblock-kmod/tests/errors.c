// SPDX-License-Identifier: GPL-2.0-only
/* What the server says went wrong is what the reader, writer or syncer is told. */
#include "harness.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>

struct fault {
	int result;		/* for operations at FAULTY, and for flushes */
	uint64_t done;		/* bytes that succeeded all the same */
	bool fail_flush;
};

#define FAULTY	(1 * MIB)	/* offset */

static bool faulty_answer(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	struct fault *fault = server->arg;

	memory_apply(server->dev, rq, answer);
	if (rq->op == DBLOCK_OP_FLUSH ? fault->fail_flush : rq->sector * 512 == FAULTY && fault->result) {
		answer->result = fault->result;
		answer->length = rq->op == DBLOCK_OP_FLUSH ? 0 : fault->done;
	}
	return true;
}

/* The errno the block layer has a status of its own for, else EIO. */
static int expected(int error)
{
	switch (error) {
	case EOPNOTSUPP:
	case ETIMEDOUT:
	case ENOSPC:
	case ENOLINK:
	case EREMOTEIO:
	case EBADE:
	case ENODATA:
	case EILSEQ:
	case ENOMEM:
	case EBUSY:
		return error;
	case ENODEV:
		return kernel_at_least(5, 18) ? ENODEV : EIO;
	case ETIME:
		return kernel_at_least(6, 5) ? ETIME : EIO;
	}
	return EIO;
}

static const int kept[] = {
	EOPNOTSUPP, ETIMEDOUT, ENOSPC, ENOLINK, EREMOTEIO, EBADE, ENODATA, EILSEQ, ENOMEM, EBUSY, ENODEV, ETIME, EIO,
};

static void one_errno(struct device *dev, int fd, struct fault *fault, int error)
{
	uint8_t *buf = buffer_new(4096);
	int want = expected(error);
	struct dblock_info info;

	step("%s", errno_name(error));
	fault->result = -error;
	check(pread(fd, buf, 4096, FAULTY) == -1 && errno == want, "read answered %d: %s, wanted %s",
	      error, errno_name(errno), errno_name(want));
	check(pwrite(fd, buf, 4096, FAULTY) == -1 && errno == want, "write answered %d: %s, wanted %s",
	      error, errno_name(errno), errno_name(want));
	fault->fail_flush = true;
	/* The kernel takes "no flush here" for a success. */
	if (want == EOPNOTSUPP)
		check_ok(fsync(fd));
	else
		check(fsync(fd) == -1 && errno == want, "flush answered %d: %s, wanted %s", error,
		      errno_name(errno), errno_name(want));
	fault->fail_flush = false;
	fault->result = 0;
	/* Once, and over: not tried again behind the server's back, not sticky. */
	check_eq(pread(fd, buf, 4096, FAULTY), 4096);
	check_ok(fsync(fd));
	check_wait(5, !ctl_info(dev->session, dev->id, &info) && !info.pending, "pending to be 0");
	free(buf);
}

CASE(errors_with_a_status_of_their_own_are_kept)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { 0 };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		one_errno(dev, fd, &fault, kept[i]);
	close(fd);
	device_down(dev);
}

/* EAGAIN would be tried again, EREMCHG requeued, EINTR and the kernel's own must not be seen. */
CASE(all_other_errors_are_eio)
{
	static const int others[] = {
		EAGAIN, EREMCHG, EINTR, EPERM, ENOENT, EINVAL, ENXIO, EFAULT, ENOTTY, EROFS, EPIPE, ESTALE,
		ENOTBLK, ECANCELED, EDQUOT, ENOBUFS, 134, 200, 511,
		512 /* ERESTARTSYS */, 513, 514, 516 /* ERESTART_RESTARTBLOCK */, 517 /* EPROBE_DEFER */,
		518, 524 /* ENOTSUPP */, 529 /* EIOCBQUEUED */, 530, 4094, 4095,
	};
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { 0 };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR | O_DIRECT);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		one_errno(dev, fd, &fault, others[i]);
	check_eq(dev->servers[0]->refused, 0);
	close(fd);
	device_down(dev);
}

CASE(a_failed_request_is_not_tried_again)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { 0 };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(4096);

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		fault.result = -kept[i];
		log_reset(dev);
		check_eq(pread(fd, buf, 4096, FAULTY), -1);
		nap_ms(20);
		check_eq(dev->logged, 1);
	}
	close(fd);
	device_down(dev);
}

CASE(buffered_reads_fail_and_succeed_later)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { .result = -EIO };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(4096);

	check_ok(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	check_fails(EIO, pread(fd, buf, 4096, FAULTY));
	fault.result = 0;
	check_eq(pread(fd, buf, 4096, FAULTY), 4096);
	close(fd);
	device_down(dev);
}

CASE(writeback_error_is_reported_by_fsync_once)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { .result = -ENOSPC };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR);
	uint8_t *buf = buffer_new(4096);

	check_eq(pwrite(fd, buf, 4096, FAULTY), 4096);
	check(fsync(fd) == -1 && (errno == ENOSPC || errno == EIO), "fsync: %s", errno_name(errno));
	fault.result = 0;
	check_ok(fsync(fd));
	close(fd);
	device_down(dev);
}

/* With an error, `length` bytes did succeed: they reach the reader, the rest does not. */
CASE(partial_read_delivers_its_first_part_only)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { .result = -ENODATA, .done = 8192 };
	struct device *dev = device_up(&spec, faulty_answer, &fault);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	uint8_t *buf = buffer_new(16384);

	pattern_fill(dev->store, 4 * MIB, 0, 5);
	memset(buf, 0xcc, 16384);
	check_fails(ENODATA, pread(fd, buf, 16384, FAULTY));
	check_eq(pattern_check(buf, 8192, FAULTY, 5), -1);
	check(all_bytes(buf + 8192, 8192, 0xcc), "bytes that failed were touched");
	fault.done = 0;
	memset(buf, 0xcc, 16384);
	check_fails(ENODATA, pread(fd, buf, 16384, FAULTY));
	check(all_bytes(buf, 16384, 0xcc), "bytes that failed were touched");
	close(fd);
	device_down(dev);
}

static bool fail_after_first_block(struct server *server, const struct dblock_request *rq, struct dblock_answer *answer)
{
	struct fault *fault = server->arg;

	if (rq->op == DBLOCK_OP_WRITE && rq->sector * 512 == FAULTY && rq->length > 4096) {
		fault->done = 4096;
		fault->result = -ENOSPC;
	}
	return faulty_answer(server, rq, answer);
}

/* Several writes merged into one request: those before the error succeed. */
CASE(partial_error_of_merged_writes_fails_only_the_rest)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct fault fault = { 0 };
	struct device *dev = device_up(&spec, fail_after_first_block, &fault);
	int fd = device_open(dev, O_RDWR | O_DIRECT);
	aio_context_t context = 0;
	struct iocb iocbs[4], *list[4];
	struct io_event events[4];
	int got = 0;

	check_ok(syscall(SYS_io_setup, 8, &context));
	for (int i = 0; i < 4; i++) {
		uint8_t *buf = buffer_new(4096);

		pattern_fill(buf, 4096, i * 4096, 6);
		iocbs[i] = (struct iocb){ .aio_data = i, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd,
			.aio_buf = (uintptr_t)buf, .aio_nbytes = 4096, .aio_offset = FAULTY + i * 4096 };
		list[i] = &iocbs[i];
	}
	check_eq(syscall(SYS_io_submit, context, 4L, list), 4);
	while (got < 4) {
		struct timespec timeout = { 10, 0 };

		step("waiting for write %d of 4", got);
		got += check_ok(syscall(SYS_io_getevents, context, 1L, (long)4 - got, events + got, &timeout));
	}
	if (log_find(dev, DBLOCK_OP_WRITE, 0)->length != 16384)
		skip("the writes were not merged: first is %llu bytes",
		     (unsigned long long)log_find(dev, DBLOCK_OP_WRITE, 0)->length);
	for (int i = 0; i < 4; i++) {
		if (events[i].data == 0)
			check_eq(events[i].res, 4096);
		else
			check_eq(events[i].res, -ENOSPC);
	}
	/* An event is told before its write lets go of the disk: this waits for that. */
	check_ok(syscall(SYS_io_destroy, context));
	close(fd);
	device_down(dev);
}

CASE(io_timeout_fail_injection_times_out)
{
	struct dblock_create spec = spec_of(4 * MIB);
	struct device *dev;
	uint8_t *buf = buffer_new(4096);
	struct io *io;
	int fd;

	spec.timeout_ms = 500;
	dev = device_up(&spec, NULL, NULL);
	if (!sysfs_write(dev->name, "io-timeout-fail", "1")) {
		device_down(dev);
		skip("kernel without CONFIG_FAIL_IO_TIMEOUT");
	}
	fd = device_open(dev, O_RDWR | O_DIRECT);
	{
		FILE *probability = fopen("/sys/kernel/debug/fail_io_timeout/probability", "we");
		FILE *times = fopen("/sys/kernel/debug/fail_io_timeout/times", "we");
		FILE *verbose = fopen("/sys/kernel/debug/fail_io_timeout/verbose", "we");

		if (!probability || !times || !verbose)
			skip("no /sys/kernel/debug/fail_io_timeout");
		/* No stack trace in the kernel's log, which would fail the run. */
		fputs("0", verbose);
		fclose(verbose);
		fputs("1", times);
		fclose(times);
		fputs("100", probability);
		fclose(probability);
	}
	io = io_start(IO_READ, fd, buf, 4096, 0);
	check_eq(io_finish(io, 20), -ETIMEDOUT);
	close(fd);
	device_down(dev);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(errors_with_a_status_of_their_own_are_kept),
		TEST(all_other_errors_are_eio),
		TEST(a_failed_request_is_not_tried_again),
		TEST(buffered_reads_fail_and_succeed_later),
		TEST(writeback_error_is_reported_by_fsync_once),
		TEST(partial_read_delivers_its_first_part_only),
		TEST(partial_error_of_merged_writes_fails_only_the_rest),
		TEST(io_timeout_fail_injection_times_out),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
