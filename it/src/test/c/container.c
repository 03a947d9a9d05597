// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a command as an ordinary container does: as user 65534 without any privilege and without a way to get one, with
 * /dev/shm of 64 MiB that allows no executable mappings, with everything but the named directories read-only, and with
 * a system call filter.
 *
 * Started by root, or by a user who may make user namespaces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534
#define ALL_BELOW 0x8000 /* AT_RECURSIVE */

/* struct mount_attr and MOUNT_ATTR_RDONLY, which not every C library has. */
struct attributes {
	uint64_t set, clear, propagation, userns;
};
#define READ_ONLY 1

static void must(int result, const char *what, const char *of)
{
	if (result < 0) {
		fprintf(stderr, "container: cannot %s %s: %s\n", what, of, strerror(errno));
		exit(125);
	}
}

static void write_file(const char *path, const char *format, ...)
{
	char text[100];
	va_list ap;
	int fd = open(path, O_WRONLY);

	must(fd, "open", path);
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	must(write(fd, text, strlen(text)), "write", path);
	close(fd);
}

static void read_only(const char *path, int below, int value)
{
	struct attributes a = { .set = value ? READ_ONLY : 0, .clear = value ? 0 : READ_ONLY };

	must(syscall(SYS_mount_setattr, AT_FDCWD, path, below, &a, sizeof(a)), "change the mount", path);
}

static void change_mounts(char **writable)
{
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make private", "/");
	for (char **path = writable; *path; path++)
		must(mount(*path, *path, NULL, MS_BIND, NULL), "bind", *path);
	read_only("/", ALL_BELOW, 1);
	for (char **path = writable; *path; path++)
		read_only(*path, 0, 0);
	/* Not below read-only, as elsewhere: only what is in /proc/sys is. */
	read_only("/proc", 0, 0);
	must(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL), "bind", "/proc/sys");
	read_only("/proc/sys", 0, 1);
	must(mount("tmpfs", "/dev/shm", "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, "size=64m,mode=1777"), "mount on",
	     "/dev/shm");
}

static void become_nobody(void)
{
	must(setgroups(0, NULL), "drop", "groups");
	must(setresgid(NOBODY, NOBODY, NOBODY), "become", "group 65534");
	must(setresuid(NOBODY, NOBODY, NOBODY), "become", "user 65534");
}

#define REFUSE(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static void filter_system_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		REFUSE(personality), REFUSE(ptrace), REFUSE(process_vm_readv), REFUSE(process_vm_writev),
		REFUSE(mount), REFUSE(umount2), REFUSE(pivot_root), REFUSE(mount_setattr),
		REFUSE(unshare), REFUSE(setns), REFUSE(bpf), REFUSE(keyctl), REFUSE(add_key), REFUSE(request_key),
		REFUSE(perf_event_open), REFUSE(userfaultfd), REFUSE(io_uring_setup),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set", "no_new_privs");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "set", "the system call filter");
}

int main(int argc, char **argv)
{
	char **command = argv + 1, directory[4096];
	uid_t user = getuid();
	gid_t group = getgid();

	while (*command && strcmp(*command, "--"))
		command++;
	if (argc < 2 || !*command || !command[1]) {
		fprintf(stderr, "usage: container WRITABLE_DIRECTORY... -- COMMAND [ARGUMENT]...\n");
		return 125;
	}
	*command++ = NULL;
	/* The directory we are in may get another mount. */
	if (!getcwd(directory, sizeof(directory)))
		must(-1, "get", "the working directory");
	must(unshare(CLONE_NEWNS | (user ? CLONE_NEWUSER : 0)), "make",
	     "namespaces (start this as root, or allow user namespaces)");
	if (user) {
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", "%d %d 1", NOBODY, (int)user);
		write_file("/proc/self/gid_map", "%d %d 1", NOBODY, (int)group);
	}
	change_mounts(argv + 1);
	if (!user)
		become_nobody();
	must(chdir(directory), "enter", directory);
	filter_system_calls();
	execvp(*command, command);
	must(-1, "run", *command);
}
