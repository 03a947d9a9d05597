// SPDX-License-Identifier: Apache-2.0
/*
 * A RAM disk served through dblock in batches: answers to all requests of one call go with the next.
 *
 *   dblock_ram NAME BYTES       prints the node, and serves it until the device is destroyed or this ends
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

#include "dblock.h"

#define BATCH 64
#define BUFFER (8 << 20)

static void die(const char *what)
{
	fprintf(stderr, "dblock_ram: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void handle(const struct dblock_request *request, uint8_t *disk, struct dblock_answer *answer)
{
	uint8_t *at = disk + request->sector * DBLOCK_SECTOR_SIZE;

	answer->cookie = request->cookie;
	answer->length = request->length;
	answer->data = 0;
	answer->result = 0;
	if (request->op == DBLOCK_OP_READ)
		answer->data = (uintptr_t)at;
	else if (request->op == DBLOCK_OP_WRITE)
		memcpy(at, (void *)(uintptr_t)request->data, request->length);
	else { /* nothing else was advertised */
		answer->length = 0;
		answer->result = -EOPNOTSUPP;
	}
}

int main(int argc, char **argv)
{
	uint64_t size = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	struct dblock_create create = { .flags = DBLOCK_F_AUTO_START, .size = size };
	static struct dblock_request requests[BATCH];
	static struct dblock_answer answers[BATCH];
	struct dblock_serve call = {
		.queue = DBLOCK_QUEUE_ANY,
		.timeout_ns = -1,
		.max_requests = BATCH,
		.requests = (uintptr_t)requests,
		.buffer_size = BUFFER,
	};
	uint8_t *disk, *buffer;
	int control;

	if (!size) {
		fprintf(stderr, "usage: %s NAME BYTES\n", argv[0]);
		return 2;
	}
	disk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (disk == MAP_FAILED || buffer == MAP_FAILED)
		die("memory");
	control = open(DBLOCK_CTL_PATH, O_RDWR | O_CLOEXEC);
	if (control < 0)
		die(DBLOCK_CTL_PATH);
	strncpy(create.name, argv[1], sizeof(create.name) - 1);
	if (ioctl(control, DBLOCK_CTL_CREATE, &create))
		die("create the device");
	printf("/dev/%s\n", create.name);
	fflush(stdout);
	call.device = create.id;
	call.buffer = (uintptr_t)buffer;
	for (uint32_t pending = 0, first = 0;;) {
		call.answers = (uintptr_t)(answers + first);
		call.nr_answers = pending;
		if (ioctl(control, DBLOCK_SERVE, &call) && errno != EINTR)
			die("serve");
		if (call.state & DBLOCK_SERVE_END)
			return 0;
		pending -= call.consumed;
		first += call.consumed;
		if (!pending) {
			for (uint32_t i = 0; i < call.nr_requests; i++)
				handle(&requests[i], disk, &answers[i]);
			pending = call.nr_requests;
			first = 0;
		}
	}
}
