// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel's network block device costs to make and destroy, served over a socket pair by this very process.
 *
 *   nbd_laps NODE BYTES     makes and destroys it for each line on standard input, and prints what each took: the
 *                           name, nanoseconds until it had its size, nanoseconds until it was without a server
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define COMMAND 0xffff /* of a request's type; the rest are flags */

static void die(const char *what)
{
	fprintf(stderr, "nbd_laps: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int transfer(int socket, void *data, size_t length, int out)
{
	for (uint8_t *at = data; length;) {
		ssize_t n = out ? write(socket, at, length) : read(socket, at, length);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("socket");
		at += n;
		length -= n;
	}
	return 1;
}

/* A thread: answers with zeros what is read meanwhile, such as partition tables. Ends with the connection. */
static void *serve(void *argument)
{
	static uint8_t zeros[1 << 20];
	int socket = (int)(intptr_t)argument;
	struct nbd_request request;

	while (transfer(socket, &request, sizeof(request), 0)) {
		uint32_t type = be32toh(request.type) & COMMAND, length = be32toh(request.len);
		struct nbd_reply reply = { .magic = htobe32(NBD_REPLY_MAGIC) };

		if (type == NBD_CMD_DISC)
			break;
		if (type != NBD_CMD_READ || length > sizeof(zeros))
			reply.error = htobe32(EINVAL);
		memcpy(reply.handle, request.handle, sizeof(reply.handle));
		transfer(socket, &reply, sizeof(reply), 1);
		if (!reply.error)
			transfer(socket, zeros, length, 1);
	}
	close(socket);
	return NULL;
}

/* A thread, which the kernel keeps as long as the device is connected. */
static void *connected(void *argument)
{
	int device = (int)(intptr_t)argument;

	if (ioctl(device, NBD_DO_IT) && errno != EPIPE)
		die("NBD_DO_IT");
	return NULL;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void lap(char *node, uint64_t size)
{
	uint64_t start = now(), created, seen = 0;
	pthread_t server, connection;
	int pair[2], device;

	device = open(node, O_RDWR | O_CLOEXEC);
	if (device < 0)
		die(node);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	if (ioctl(device, NBD_SET_BLKSIZE, BLOCK) || ioctl(device, NBD_SET_SIZE_BLOCKS, size / BLOCK) ||
	    ioctl(device, NBD_SET_SOCK, pair[0]))
		die("set the device up");
	if ((errno = pthread_create(&server, NULL, serve, (void *)(intptr_t)pair[1])) ||
	    (errno = pthread_create(&connection, NULL, connected, (void *)(intptr_t)device)))
		die("a thread");
	while (seen != size) {
		if (ioctl(device, BLKGETSIZE64, &seen))
			die("its size");
		if (now() - start > 60000000000ull) {
			errno = ETIMEDOUT;
			die("wait for its size");
		}
	}
	created = now();
	if (ioctl(device, NBD_DISCONNECT))
		die("NBD_DISCONNECT");
	pthread_join(connection, NULL);
	if (ioctl(device, NBD_CLEAR_SOCK))
		die("NBD_CLEAR_SOCK");
	pthread_join(server, NULL);
	close(pair[0]);
	close(device);
	printf("%s %llu %llu\n", basename(node), (unsigned long long)(created - start),
	       (unsigned long long)(now() - created));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t size = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	char line[16];

	if (!size || size % BLOCK) {
		fprintf(stderr, "usage: %s NODE BYTES (a multiple of %d)\n", argv[0], BLOCK);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin))
		lap(argv[1], size);
	return 0;
}
