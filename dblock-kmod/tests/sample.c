// SPDX-License-Identifier: GPL-2.0-only
/* The sample program, as its user starts and ends it. It lies beside this one. */
#include "harness.h"

#include <libgen.h>
#include <limits.h>
#include <sys/mount.h>

#define NAME	"dblocksample"
#define NODE	"/dev/" NAME

static char program[PATH_MAX + 32];

/* The kernel makes the node a moment before the disk is there: until then an open fails with ENXIO. */
static bool node_opens(void)
{
	int fd = open(NODE, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		check(errno == ENOENT || errno == ENXIO, "opening " NODE ": %s", errno_name(errno));
		return false;
	}
	close(fd);
	return true;
}

static pid_t sample_start(void)
{
	char self_path[PATH_MAX] = "";
	pid_t pid;

	check_ok(readlink("/proc/self/exe", self_path, sizeof(self_path) - 1));
	snprintf(program, sizeof(program), "%s/dblock_sample_ramdisk", dirname(self_path));
	pid = fork_case();
	if (!pid) {
		/* What it says on standard output is for a user, and no TAP. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(program, program, "-n", NAME, "-s", "64M", NULL);
		fail("%s: %s", program, errno_name(errno));
	}
	check_wait(20, node_opens(), "waiting for " NODE);
	return pid;
}

/* Destroyed with -d, and the one that serves ends with status 0. */
static void sample_end(pid_t pid)
{
	const char *const argv[] = { program, "-d", "-n", NAME, NULL };
	int status;

	check_eq(run_program(argv, 20), 0);
	check(wait_child(pid, 20, &status), "the one that serves is still there");
	check_eq(status, 0);
	check_wait(10, !device_exists(NAME) && !node_exists(NAME), "waiting for " NODE " to go");
}

CASE(sample_keeps_what_is_written)
{
	pid_t pid = sample_start();
	uint8_t *buf = buffer_new(MIB);
	int fd = check_ok(open(NODE, O_RDWR | O_DIRECT | O_CLOEXEC));

	for (uint64_t at = 0; at < 64 * MIB; at += 9 * MIB) {
		pattern_fill(buf, MIB, at, 1);
		check_eq(pwrite(fd, buf, MIB, at), MIB);
	}
	for (uint64_t at = 0; at < 64 * MIB; at += 9 * MIB) {
		check_eq(pread(fd, buf, MIB, at), MIB);
		check_eq(pattern_check(buf, MIB, at, 1), -1);
	}
	check_eq(pread(fd, buf, 4096, 2 * MIB), 4096);
	check(all_bytes(buf, 4096, 0), "not zeros where nothing was written");
	close(fd);
	sample_end(pid);
}

CASE(sample_can_be_formatted_and_mounted)
{
	const char *const mkfs[] = { "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", NODE, NULL };
	char target[64], path[80];
	uint8_t *buf = buffer_new(MIB);
	pid_t pid;
	int fd;

	if (!program_exists("mkfs.ext4"))
		skip("no mkfs.ext4");
	pid = sample_start();
	check_eq(run_program(mkfs, 60), 0);
	check_ok(mount_tracked(NODE, "ext4", 0, NULL, target, sizeof(target)));
	snprintf(path, sizeof(path), "%s/file", target);
	fd = check_ok(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	pattern_fill(buf, MIB, 0, 2);
	check_eq(write(fd, buf, MIB), MIB);
	close(fd);
	/* What is read after this comes from the disk. */
	step("unmounting");
	check_ok(umount(target));
	check_ok(mount(NODE, target, "ext4", 0, NULL));
	fd = check_ok(open(path, O_RDONLY | O_CLOEXEC));
	memset(buf, 0, MIB);
	check_eq(read(fd, buf, MIB), MIB);
	check_eq(pattern_check(buf, MIB, 0, 2), -1);
	close(fd);
	check_ok(umount(target));
	sample_end(pid);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(sample_keeps_what_is_written),
		TEST_FOR(sample_can_be_formatted_and_mounted, 120),
	};

	return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}
