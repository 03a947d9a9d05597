// SPDX-License-Identifier: Apache-2.0
/*
 * Starts the kernel of a User Mode Linux guest, which is a program of this host, in its own place.
 *
 *	uml-start PARENT CONSOLE DIRECTORY... -- KERNEL ARGUMENT...
 *
 * Standard input and output are the guest's serial line. The kernel gets them as descriptors 3 and 4, because what it
 * prints before it has a console must not get among the frames. Its messages go to the file CONSOLE.
 *
 * The kernel shows the host's tree to the guest with the rights of its user, and root in the guest may mount that tree
 * again, writable. So the kernel and all its processes give up for good, by Landlock, which needs no root, the right to
 * change files outside the DIRECTORies. Landlock does not restrict changes of a file's mode, owner and times.
 *
 * A kernel of one processor is kept to one of the host's, if there is one that no other guest is kept to.
 *
 * Standard error has one line for what stops it, beginning with "error: ", and for each thing that it goes on without. It
 * is closed once the kernel runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* From linux/landlock.h, which not every distribution has yet. */
#define LANDLOCK_CREATE_RULESET 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT_SELF 446
#define ASK_VERSION 1
#define RULE_PATH_BENEATH 1
#define WRITE_FILE (1 << 1)
#define REMOVE_AND_MAKE 0x1ff0	/* of directories, files, devices, sockets, FIFOs and symbolic links */
#define REFER (1 << 13)		/* renaming into another directory: version 2, Linux 5.19 */
#define TRUNCATE (1 << 14)	/* version 3, Linux 6.2 */

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "error: cannot %s %s: %s\n", what, name, strerror(errno));
	exit(126);
}

/* Returns the same file on a descriptor above those that the kernel gets; it is closed when the kernel starts. */
static int out_of_the_way(int fd, const char *name)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);

	if (high < 0)
		fail("open", name);
	close(fd);
	return high;
}

static void allow(int rules, const char *path, uint64_t what)
{
	struct path_beneath beneath = { what, open(path, O_PATH | O_CLOEXEC) };

	if (beneath.parent < 0)
		fail("open", path);
	if (syscall(LANDLOCK_ADD_RULE, rules, RULE_PATH_BENEATH, &beneath, 0) < 0)
		fail("let the guest write to", path);
	close(beneath.parent);
}

static void confine(char **directories)
{
	long version = syscall(LANDLOCK_CREATE_RULESET, NULL, 0, ASK_VERSION);
	uint64_t handled = WRITE_FILE | REMOVE_AND_MAKE | REFER | (version >= 3 ? TRUNCATE : 0);
	int rules;

	/* The first version forbids every rename into another directory. */
	if (version < 2) {
		fprintf(stderr, "the host's files are kept from the guest by its own kernel alone, which root in it can "
			"change: this host has no Landlock (%s), Linux 5.19 and later do, if it is on\n",
			version < 0 ? strerror(errno) : "only a first version");
		return;
	}
	if (version < 3)
		fputs("root in the guest can truncate the host's files: Landlock prevents that from Linux 6.2 on\n", stderr);
	rules = syscall(LANDLOCK_CREATE_RULESET, &handled, sizeof(handled), 0);
	if (rules < 0)
		fail("make", "Landlock's rules");
	/* Its consoles. */
	allow(rules, "/dev/null", WRITE_FILE);
	for (; strcmp(*directories, "--"); directories++)
		allow(rules, *directories, handled);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(LANDLOCK_RESTRICT_SELF, rules, 0) < 0)
		fail("keep to", "Landlock's rules");
	close(rules);
}

/*
 * The kernel and the program that it runs are two processes, which take turns at each system call and page fault. On two
 * processors that have nothing else to do, each turn wakes the other one, which takes several times as long as the call.
 *
 * A bound socket, which the kernel keeps until its end, says that a processor is taken. A guest that finds none free goes
 * wherever the host's scheduler puts it: the processors are busy then. Containers do not see each other's sockets, so the
 * processor that the scheduler has chosen for this process is tried first.
 */
static void keep_to_one_processor(void)
{
	cpu_set_t allowed, one;
	int here = sched_getcpu();

	if (here < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) < 0 || CPU_COUNT(&allowed) < 2)
		return;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		int cpu = (here + i) % CPU_SETSIZE, fd;
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		socklen_t length;

		if (!CPU_ISSET(cpu, &allowed))
			continue;
		length = offsetof(struct sockaddr_un, sun_path) + 1 +
			 snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "junit-dblock-uml-cpu-%d", cpu);
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		if (fd < 0)
			return;
		if (!bind(fd, (struct sockaddr *)&name, length)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			if (fcntl(fd, F_DUPFD, 10) >= 0)
				sched_setaffinity(0, sizeof(one), &one);
			close(fd);
			return;
		}
		close(fd);
	}
}

static int has_one_processor(char **arguments)
{
	for (; *arguments; arguments++)
		if (!strncmp(*arguments, "ncpus=", 6) && atoi(*arguments + 6) != 1)
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	int separator = 3, console, report, nothing;

	while (separator < argc && strcmp(argv[separator], "--"))
		separator++;
	if (separator + 1 >= argc) {
		fputs("error: usage: uml-start PARENT CONSOLE DIRECTORY... -- KERNEL ARGUMENT...\n", stderr);
		return 126;
	}
	/*
	 * The host's kernel kills the guest's when the launcher's thread ends, even by kill -9. A launcher that has ended
	 * before this call is not noticed, so its pid is checked below.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		fail("die with", "the launcher");
	if (getppid() != atol(argv[1]))
		return 126;
	/* Signals to our process group are for the launcher, which passes them to the command. */
	if (setsid() < 0)
		fail("make", "a session");

	if (has_one_processor(argv + separator + 1))
		keep_to_one_processor();
	console = out_of_the_way(open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666), argv[2]);
	nothing = out_of_the_way(open("/dev/null", O_RDONLY), "/dev/null");
	report = out_of_the_way(dup(2), "standard error");
	confine(argv + 3);
	if (dup2(0, 3) < 0 || dup2(1, 4) < 0 || dup2(nothing, 0) < 0 || dup2(console, 1) < 0 || dup2(console, 2) < 0)
		fail("arrange", "descriptors");
	execv(argv[separator + 1], argv + separator + 1);
	dprintf(report, "error: cannot run %s: %s\n", argv[separator + 1], strerror(errno));
	return 126;
}
