// SPDX-License-Identifier: GPL-2.0-only
/*
 * A RAM disk in user space, one request at a time: the plainest use of dblock.
 *
 *   sudo ./dblock_sample_ramdisk       makes /dev/dblockramdisk and serves it
 *   sudo ./dblock_sample_ramdisk -d    destroys it; the first one then ends with status 0
 *
 * The device ends with the server, however that ends: Ctrl-C and kill -9 included.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../dblock.h"

static void die(const char *what, const char *hint)
{
	fprintf(stderr, "dblock_sample_ramdisk: %s: %s%s\n", what, strerror(errno), hint);
	exit(1);
}

static int open_control(void)
{
	int control = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC);

	if (control < 0)
		die(DBLOCK_CTL_PATH,
		    errno == ENOENT || errno == ENODEV || errno == ENXIO ?
			    " (is the module loaded? sudo insmod dblock.ko)" :
		    errno == EACCES || errno == EPERM ? " (not permitted: run it with sudo)" : "");
	return control;
}

static int destroy(const char *name)
{
	struct dblock_target target = { 0 };
	int control = open_control();

	strncpy(target.name, name, sizeof(target.name) - 1);
	/* udev and blkid open a disk for a moment now and then: try for 5 s. */
	for (int tries = 0; ioctl(control, DBLOCK_CTL_DESTROY, &target); tries++) {
		if (errno == EBUSY && tries == 100)
			die(name, ". Who has it open: findmnt -S, fuser -v, and lsblk tell");
		if (errno != EBUSY)
			die(name, errno == ENODEV ? " (it does not exist)" : "");
		usleep(50000);
	}
	return 0;
}

/* Carries out one request in `disk` and says so in `answer`. */
static void handle(const struct dblock_request *request, uint8_t *disk, struct dblock_answer *answer)
{
	uint8_t *at = disk + request->sector * DBLOCK_SECTOR_SIZE;

	memset(answer, 0, sizeof(*answer));
	answer->cookie = request->cookie;
	answer->length = request->length;
	switch (request->op) {
	case DBLOCK_OP_READ:
		answer->data = (uintptr_t)at; /* the module copies it from there */
		break;
	case DBLOCK_OP_WRITE:
		memcpy(at, (void *)(uintptr_t)request->data, request->length);
		break;
	default: /* nothing else was advertised when the device was created */
		answer->length = 0;
		answer->result = -EOPNOTSUPP;
	}
}

static int serve(const char *name, uint64_t size)
{
	/* No write cache: what is written is where it stays, flushes would do nothing. */
	struct dblock_create create = { .flags = DBLOCK_F_AUTO_START, .size = size };
	struct dblock_request request;
	struct dblock_answer answer;
	struct dblock_serve call = { .queue = DBLOCK_QUEUE_ANY, .timeout_ns = -1, .max_requests = 1 };
	int control = open_control(), device;
	char path[sizeof("/dev/") + DBLOCK_NAME_LEN];
	uint8_t *disk, *buffer;

	disk = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (disk == MAP_FAILED)
		die("memory for the disk", "");

	strncpy(create.name, name, sizeof(create.name) - 1);
	if (ioctl(control, DBLOCK_CTL_CREATE, &create))
		die(name, errno == EPERM ? " (run it with sudo)" :
			  errno == EEXIST ? " (destroy it with -d first)" :
			  errno == EINVAL ? " (size a multiple of 512; name dblock..., 7 to 27 of A-Z a-z 0-9 _ -)" : "");

	snprintf(path, sizeof(path), "/dev/%s", create.name);
	device = open(path, O_RDWR | O_CLOEXEC);
	buffer = malloc(create.max_io); /* the data of one write */
	if (device < 0 || !buffer)
		die(path, "");
	printf("%s: %llu bytes of memory. End it with: dblock_sample_ramdisk -d -n %s\n", path,
	       (unsigned long long)size, create.name);
	fflush(stdout);

	call.requests = (uintptr_t)&request;
	call.answers = (uintptr_t)&answer;
	call.buffer = (uintptr_t)buffer;
	call.buffer_size = create.max_io;
	for (;;) {
		/* Gives the answer of the last request, if any, and waits for the next. */
		if (ioctl(device, DBLOCK_SERVE, &call) && errno != EINTR)
			die(path, "");
		if (call.state & DBLOCK_SERVE_END)
			return 0;
		if (call.consumed) /* taken, also when a signal ended the wait */
			call.nr_answers = 0;
		if (call.nr_requests) {
			handle(&request, disk, &answer);
			call.nr_answers = 1;
		}
	}
}

int main(int argc, char **argv)
{
	const char *name = "dblockramdisk";
	uint64_t size = 64 << 20;
	int option, end = 0;

	while ((option = getopt(argc, argv, "dn:s:")) != -1) {
		char *unit = "";

		if (option == 'd')
			end = 1;
		else if (option == 'n')
			name = optarg;
		else if (option == 's')
			size = strtoull(optarg, &unit, 10);
		size <<= *unit == 'K' ? 10 : *unit == 'M' ? 20 : *unit == 'G' ? 30 : 0;
		if (option == '?' || !size || size > SIZE_MAX / 2 || (*unit && (!strchr("KMG", *unit) || unit[1]))) {
			fprintf(stderr, "usage: %s [-n name] [-s bytes, or a number and K, M or G] [-d]\n", argv[0]);
			return 2;
		}
	}
	return end ? destroy(name) : serve(name, size);
}
