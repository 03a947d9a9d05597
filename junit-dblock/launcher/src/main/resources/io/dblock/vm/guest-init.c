// SPDX-License-Identifier: Apache-2.0
/*
 * Process 1 of a guest, in which a test JVM or any other command runs.
 *
 * It is the only program in the initramfs. It reads /dblock/guest.conf, inserts the listed modules, builds a root file
 * system from the host's own tree (read-only, under an overlay whose upper layer is a tmpfs), runs one command there, and
 * carries that command's standard streams and exit status to the launcher on the host.
 *
 * The kind of the guest (record `kind`) decides how it reaches the host's tree and the launcher, see struct host_access: by
 * 9p and two virtio-serial ports, one per direction, in QEMU; by hostfs and a serial line in User Mode Linux. Both carry
 * frames (struct frame_header), so that the launcher can detect a damaged stream: every frame has a magic with both
 * line-end characters, a sequence number, and checksums of its header and of its payload. The Java half is
 * io.dblock.vm.FrameReader.
 *
 * Flow control: the command's output waits in its pipe while the port is full. The launcher sends standard input only
 * within its credit (FRAME_CREDIT), so that the `in` port can always be read: a signal or the launcher's acknowledgement
 * never waits behind input that the command does not read. The same applies to each connection to a forwarded port, in both
 * directions.
 *
 * Process 1 must do the chroot itself: the kernel's helper threads share its root, and look there for /sbin/modprobe.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CONF_PATH "/dblock/guest.conf"
#define NEW_ROOT "/newroot"

/* ---- frames; the same as in FrameType.java and Frame.java ---- */

enum frame_type {
	/* guest to host */
	FRAME_HELLO = 1,	/* text: the guest kernel's release */
	FRAME_STARTED = 2,	/* le64: milliseconds since the kernel's start */
	FRAME_STDOUT = 3,
	FRAME_STDERR = 4,
	FRAME_HEARTBEAT = 5,
	FRAME_LOG = 6,		/* text, one line */
	FRAME_ERROR = 7,	/* text: why the command could not be run */
	FRAME_EXIT = 8,		/* le32 exit status, le32 signal or 0, then text: kernel trouble, may be empty */
	FRAME_CREDIT = 9,	/* le32: how many more bytes of standard input may be sent */
	FRAME_TAKEN = 10,	/* a frame of standard input or of a connection was read from in_port; see struct host_access */
	/* frames of a connection to a forwarded port; all begin with le32: its number */
	FRAME_CONNECTION_REFUSED = 16,	/* the last of a connection: the port did not accept it; text: why */
	FRAME_CONNECTION_OUT = 17,	/* bytes from the program in the guest */
	FRAME_CONNECTION_OUT_END = 18,	/* the program in the guest sends no more */
	FRAME_CONNECTION_IN_CREDIT = 19, /* le32: how many more bytes may be sent to the program in the guest */
	FRAME_CONNECTION_CLOSED = 20,	/* the last of a connection; text: why it was closed early, or empty */
	/* host to guest */
	FRAME_STDIN = 32,
	FRAME_STDIN_EOF = 33,
	FRAME_SIGNAL = 34,	/* le32: signal number for the command */
	FRAME_ACK = 35,		/* the exit frame arrived whole */
	FRAME_CLOSE_STDOUT = 36, /* the reader of the command's standard output is gone */
	FRAME_CONNECT = 48,		/* the first of a connection; numbers count up from 0; le32: the port */
	FRAME_CONNECTION_IN = 49,	/* bytes for the program in the guest */
	FRAME_CONNECTION_IN_END = 50,	/* the program on the host sends no more */
	FRAME_CONNECTION_OUT_CREDIT = 51, /* le32: how many more bytes from the program in the guest may be sent */
	FRAME_CONNECTION_ABORT = 52,	/* the program on the host is gone; the guest still answers that it is closed */
};

/* Has a byte with the eighth bit set, LF and CR, so that every conversion of text changes it. */
static const unsigned char magic[4] = { 0xdb, 'F', '\n', '\r' };

#define HEADER_SIZE 24
#define MAX_PAYLOAD 32768
#define OUT_CAPACITY (8 * (HEADER_SIZE + MAX_PAYLOAD))
/* Stream data stops here, so that there is always room for control frames. */
#define OUT_STREAM_LIMIT (OUT_CAPACITY - 2 * (HEADER_SIZE + MAX_PAYLOAD))
#define STDIN_CAPACITY (256 * 1024)
#define TROUBLE_CAPACITY 16384
#define MAX_CONNECTIONS 64
/* The most bytes under way on one connection in one direction. */
#define CONNECTION_WINDOW 65536

#define HEARTBEAT_MS 3000
#define DRAIN_MS 2000
#define CONNECTIONS_DRAIN_MS 10000
#define SYNC_MS 10000
#define PORT_WAIT_MS 20000
#define ACK_WAIT_MS 15000

static uint32_t crc_table[256];

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
		crc_table[i] = c;
	}
}

static uint32_t crc32_of(const void *data, size_t length)
{
	const unsigned char *p = data;
	uint32_t c = 0xffffffffu;

	while (length--)
		c = crc_table[(c ^ *p++) & 0xff] ^ (c >> 8);
	return c ^ 0xffffffffu;
}

static void put_le32(unsigned char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

static uint32_t get_le32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

/* ---- state ---- */

static int out_port = -1, in_port = -1, kmsg_read = -1, kmsg_write = -1;
static bool started;		/* the command runs, or ran: the launcher must not try again */

static unsigned char out_buffer[OUT_CAPACITY];
static size_t out_start, out_length;	/* out_buffer is a ring */
static uint32_t out_sequence, in_sequence;

static unsigned char in_buffer[HEADER_SIZE + MAX_PAYLOAD];
static size_t in_length;

static unsigned char stdin_buffer[STDIN_CAPACITY];	/* a ring as well */
static size_t stdin_start, stdin_length;
static bool stdin_eof;

static pid_t command_pid = -1;
static int command_stdin = -1, command_stdout = -1, command_stderr = -1;
static bool command_exited, acknowledged;
static int command_status;

static char trouble[TROUBLE_CAPACITY];
static size_t trouble_length;
static int trouble_follow;	/* how many more kernel lines belong to the trouble seen last */
static bool known_warnings;	/* whether the kernel has printed the warning that is no trouble */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Writes to the kernel's log, and so to the console's file on the host. */
static void note(const char *format, ...)
{
	char line[800];
	int n = snprintf(line, sizeof(line), "<5>dblock-init: ");
	va_list ap;

	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - n, format, ap);
	va_end(ap);
	if (kmsg_write >= 0 && write(kmsg_write, line, strlen(line)) < 0)
		return;
}

static void power_off(void) __attribute__((noreturn));

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	/* A guest may have no ACPI to power off. With -no-reboot, a reset also ends QEMU. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* ---- sending ---- */

static size_t out_room(void)
{
	return OUT_CAPACITY - out_length;
}

static void out_put(const void *data, size_t length)
{
	size_t at = (out_start + out_length) % OUT_CAPACITY;
	size_t first = OUT_CAPACITY - at < length ? OUT_CAPACITY - at : length;

	memcpy(out_buffer + at, data, first);
	memcpy(out_buffer, (const char *)data + first, length - first);
	out_length += length;
}

/* Queues a frame as a whole. Returns false if there is no room. */
static bool queue_frame(enum frame_type type, const void *payload, size_t length)
{
	unsigned char header[HEADER_SIZE] = { 0 };

	if (length > MAX_PAYLOAD || out_room() < HEADER_SIZE + length)
		return false;
	memcpy(header, magic, sizeof(magic));
	header[4] = type;
	put_le32(header + 8, out_sequence++);
	put_le32(header + 12, length);
	put_le32(header + 16, crc32_of(payload, length));
	put_le32(header + 20, crc32_of(header, 20));
	out_put(header, sizeof(header));
	out_put(payload, length);
	return true;
}

/* False when the host's end is gone. */
static bool flush_some(void)
{
	while (out_length) {
		size_t run = OUT_CAPACITY - out_start < out_length ? OUT_CAPACITY - out_start : out_length;
		ssize_t n = write(out_port, out_buffer + out_start, run);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return true;
		out_start = (out_start + n) % OUT_CAPACITY;
		out_length -= n;
	}
	return true;
}

static void flush_until(int64_t deadline)
{
	while (out_length && now_ms() < deadline) {
		struct pollfd p = { .fd = out_port, .events = POLLOUT };

		poll(&p, 1, 100);
		if (!flush_some())
			return;
	}
}

static void die(const char *format, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	note("%s", text);
	if (out_port >= 0) {
		queue_frame(FRAME_ERROR, text, strlen(text));
		flush_until(now_ms() + 5000);
		/* QEMU needs some time to pass on the last bytes. */
		usleep(200000);
	}
	power_off();
}

/* ---- configuration: NUL-terminated "key=value" records ---- */

static char *conf;
static size_t conf_length;

static void read_conf(void)
{
	int fd = open(CONF_PATH, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("cannot open " CONF_PATH ": %s", strerror(errno));
	conf_length = st.st_size;
	conf = malloc(conf_length + 1);
	if (!conf)
		die("no memory for " CONF_PATH " (%zu bytes)", conf_length);
	while (got < conf_length) {
		ssize_t n = read(fd, conf + got, conf_length - got);

		if (n <= 0)
			die("cannot read " CONF_PATH ": %s", n ? strerror(errno) : "shorter than it says");
		got += n;
	}
	conf[conf_length] = 0;
	close(fd);
}

/* Returns the value of the next record with this key after `previous` (NULL: from the first), or NULL. */
static char *next_value(const char *key, const char *previous)
{
	size_t key_length = strlen(key);
	char *p = previous ? (char *)previous + strlen(previous) + 1 : conf;

	for (; p < conf + conf_length; p += strlen(p) + 1)
		if (!strncmp(p, key, key_length) && p[key_length] == '=')
			return p + key_length + 1;
	return NULL;
}

static char *value_of(const char *key)
{
	return next_value(key, NULL);
}

static char **values_of(const char *key)
{
	size_t n = 0;
	char **list;

	for (char *v = value_of(key); v; v = next_value(key, v))
		n++;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		die("no memory for %zu records", n);
	n = 0;
	for (char *v = value_of(key); v; v = next_value(key, v))
		list[n++] = v;
	return list;
}

/* ---- files and mounts ---- */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void make_directories(const char *path)
{
	char copy[4096];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		die("path too long: %s", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		mkdir(copy, 0755);
		*p = '/';
	}
	if (mkdir(copy, 0755) < 0 && errno != EEXIST)
		die("cannot make directory %s: %s", path, strerror(errno));
}

static bool try_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	mkdir(target, 0755);
	return mount(source, target, type, flags, data) == 0;
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
	if (!try_mount(source, target, type, flags, data))
		die("cannot mount %s (%s) on %s: %s", source, type ? type : "bind", target, strerror(errno));
}

static void insert_modules(void)
{
	for (char *path = value_of("module"); path; path = next_value("module", path)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			die("cannot open module %s: %s", path, strerror(errno));
		if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			die("cannot insert module %s: %s", path, strerror(errno));
		close(fd);
	}
}

/* ---- access to the host ---- */

struct host_access {
	/* Opens out_port and in_port. */
	void (*open_ports)(void);
	/*
	 * Mounts a tree of the host: `tag` is its name in QEMU, `path` its path on the host. A writable tree must show changes
	 * that the host makes in it.
	 */
	void (*mount_tree)(const char *tag, const char *path, const char *target, bool writable);
	/* Whether to send FRAME_TAKEN for each such frame that was read, because in_port must not get full. */
	bool says_what_it_took;
};

/* Opens /dev/<device> of the virtio-serial port with this name, once it has appeared and the host is connected. */
static int open_virtio_port(const char *name)
{
	int64_t deadline = now_ms() + PORT_WAIT_MS;
	int fd = -1;

	while (now_ms() < deadline) {
		DIR *ports = opendir("/sys/class/virtio-ports");
		struct dirent *e;

		while (fd < 0 && ports && (e = readdir(ports))) {
			char path[600], found[128] = "";
			int f;

			snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
			f = open(path, O_RDONLY | O_CLOEXEC);
			if (f < 0)
				continue;
			ssize_t n = read(f, found, sizeof(found) - 1);

			close(f);
			if (n <= 0)
				continue;
			found[strcspn(found, "\n")] = 0;
			if (strcmp(found, name))
				continue;
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			/* A port can be opened once only. */
			fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		}
		if (ports)
			closedir(ports);
		if (fd >= 0) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			poll(&p, 1, 100);
			if (!(p.revents & POLLHUP))
				return fd;
		}
		usleep(5000);
	}
	die("virtio-serial port %s: %s within %d s", name, fd < 0 ? "not found" : "nobody at the host's end",
	    PORT_WAIT_MS / 1000);
}

static void open_virtio_ports(void)
{
	out_port = open_virtio_port("io.dblock.out");
	in_port = open_virtio_port("io.dblock.in");
}

static void mount_9p(const char *tag, const char *path, const char *target, bool writable)
{
	char options[256];

	(void)path;
	/* mmap: shared writable mappings work, and the host's changes are seen. */
	snprintf(options, sizeof(options), "trans=virtio,version=9p2000.L,msize=512000,cache=%s",
		 writable ? "mmap" : "loose");
	must_mount(tag, target, "9p", writable ? 0 : MS_RDONLY, options);
}

/* One line for both directions, which leaves every byte as it is. */
static void open_serial_line(void)
{
	struct termios raw;

	out_port = open("/dev/ttyS0", O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (out_port < 0 || tcgetattr(out_port, &raw) < 0)
		die("cannot open the serial line /dev/ttyS0: %s", strerror(errno));
	cfmakeraw(&raw);
	if (tcsetattr(out_port, TCSANOW, &raw) < 0)
		die("cannot set the serial line raw: %s", strerror(errno));
	in_port = out_port;
}

static void mount_hostfs(const char *tag, const char *path, const char *target, bool writable)
{
	(void)tag;
	must_mount("host", target, "hostfs", writable ? 0 : MS_RDONLY, path);
}

static const struct host_access in_qemu = { open_virtio_ports, mount_9p, false };
static const struct host_access in_user_mode_linux = { open_serial_line, mount_hostfs, true };
static const struct host_access *host;

static void choose_host_access(void)
{
	char *kind = value_of("kind");

	host = kind && !strcmp(kind, "uml") ? &in_user_mode_linux : &in_qemu;
}

/* Mounts a new tmpfs at /tmp, with the entries of the host's /tmp that the command needs, such as its directory. */
static void mount_tmp(void)
{
	must_mount("tmpfs", "/hosttmp", "tmpfs", 0, "mode=1777");
	for (char *path = value_of("keep"); path; path = next_value("keep", path)) {
		char from[4200], to[4200];
		struct stat st;

		if (strncmp(path, "/tmp/", 5))
			die("keep=%s: only entries of /tmp can be kept", path);
		snprintf(from, sizeof(from), NEW_ROOT "%s", path);
		snprintf(to, sizeof(to), "/hosttmp/%s", path + 5);
		if (lstat(from, &st) < 0 || S_ISLNK(st.st_mode))
			continue;
		if (S_ISDIR(st.st_mode)) {
			mkdir(to, 0755);
		} else {
			int fd = open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

			if (fd >= 0)
				close(fd);
		}
		if (mount(from, to, NULL, MS_BIND, NULL) < 0)
			die("cannot keep %s: %s", path, strerror(errno));
	}
	mkdir(NEW_ROOT "/tmp", 01777);
	if (mount("/hosttmp", NEW_ROOT "/tmp", NULL, MS_MOVE, NULL) < 0)
		die("cannot move the tmpfs to /tmp: %s", strerror(errno));
}

static void mount_root(void)
{
	char path[4200];

	host->mount_tree("root", "/", "/lower", false);
	must_mount("tmpfs", "/upper", "tmpfs", 0, "mode=0755");
	mkdir("/upper/data", 0755);
	mkdir("/upper/work", 0755);
	must_mount("overlay", NEW_ROOT, "overlay", 0, "lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work");

	must_mount("proc", NEW_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", NEW_ROOT "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("devtmpfs", NEW_ROOT "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	must_mount("tmpfs", NEW_ROOT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	mkdir(NEW_ROOT "/run/lock", 01777);
	must_mount("devpts", NEW_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5");
	must_mount("tmpfs", NEW_ROOT "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_tmp();
	/* Conveniences: a kernel may lack any of these. */
	try_mount("mqueue", NEW_ROOT "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("cgroup2", NEW_ROOT "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("debugfs", NEW_ROOT "/sys/kernel/debug", "debugfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("tracefs", NEW_ROOT "/sys/kernel/tracing", "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (symlink("/proc/self/fd", NEW_ROOT "/dev/fd") < 0 || symlink("/proc/self/fd/0", NEW_ROOT "/dev/stdin") < 0 ||
	    symlink("/proc/self/fd/1", NEW_ROOT "/dev/stdout") < 0 ||
	    symlink("/proc/self/fd/2", NEW_ROOT "/dev/stderr") < 0)
		note("symbolic links in /dev: %s", strerror(errno));

	char **tags = values_of("share.tag"), **paths = values_of("share.path");

	for (int i = 0; tags[i] && paths[i]; i++) {
		snprintf(path, sizeof(path), NEW_ROOT "%s", paths[i]);
		make_directories(path);
		host->mount_tree(tags[i], paths[i], path, true);
	}

	char *modules = value_of("modules.directory");

	if (modules) {
		struct utsname u;
		char from[4200];

		uname(&u);
		snprintf(from, sizeof(from), NEW_ROOT "%s", modules);
		snprintf(path, sizeof(path), NEW_ROOT "/lib/modules/%s", u.release);
		if (strcmp(from, path)) {
			make_directories(path);
			must_mount(from, path, NULL, MS_BIND, NULL);
		}
	}

	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		die("cannot move to the new root: %s", strerror(errno));
}

/*
 * The nodes that load their module when they are opened (/dev/loop-control, /dev/fuse, ...), as systemd or kmod make
 * them at boot: lines "module node c10:237".
 */
static void make_static_nodes(void)
{
	struct utsname u;
	char path[512], module[128], node[128], kind;
	unsigned major_number, minor_number;

	uname(&u);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.devname", u.release);
	FILE *list = fopen(path, "re");

	if (!list)
		return;
	while (fgets(path, sizeof(path), list)) {
		if (sscanf(path, "%127s %127s %c%u:%u", module, node, &kind, &major_number, &minor_number) != 5 ||
		    module[0] == '#' || (kind != 'c' && kind != 'b'))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", node);
		char *slash = strrchr(path, '/');

		*slash = 0;
		make_directories(path);
		*slash = '/';
		if (mknod(path, 0600 | (kind == 'c' ? S_IFCHR : S_IFBLK), makedev(major_number, minor_number)) < 0 &&
		    errno != EEXIST)
			note("cannot make %s: %s", path, strerror(errno));
	}
	fclose(list);
}

static void loopback_up(void)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { 0 };

	strcpy(r.ifr_name, "lo");
	if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0) {
		note("no loopback interface: %s", strerror(errno));
	} else {
		r.ifr_flags |= IFF_UP;
		if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
			note("cannot bring up the loopback interface: %s", strerror(errno));
	}
	if (s >= 0)
		close(s);
}

/* ---- kernel trouble ---- */

static void add_trouble(const char *line)
{
	size_t length = strlen(line);

	if (trouble_length + length + 1 >= sizeof(trouble))
		return;
	memcpy(trouble + trouble_length, line, length);
	trouble_length += length;
	trouble[trouble_length++] = '\n';
}

static bool is_trouble(const char *text)
{
	static const char *const signs[] = {
		"WARNING: ", "BUG: ", "kernel BUG at", "Oops", "general protection fault", "Unable to handle kernel",
		"blocked for more than", "detected stall", "self-detected stall", "detected expedited stalls",
		"soft lockup", "hard LOCKUP", "possible recursive locking", "possible circular locking",
		"inconsistent lock state", "suspicious RCU usage", "bad unlock balance", "held lock freed",
		"lock held when returning to user space", "KASAN:", "KCSAN:", "KFENCE:", "UBSAN:", "Kernel panic",
		"refcount_t:", "list_add corruption", "list_del corruption", "new suspected memory leaks",
		"page allocation failure", "Bad page state", "Bad page map", "scheduling while atomic",
		"invalid context at", "Objects remaining in", "Out of memory: Killed process",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (strstr(text, signs[i]))
			return true;
	return false;
}

/*
 * Linux 5.10 prints "bdi-259:0 not registered" and warns (in __mark_inode_dirty)
 * whenever a mounted disk of any kind is gone. Such a warning is no trouble.
 * Later kernels do not print it.
 */
static bool is_known_warning(const char *text)
{
	static bool follows;
	bool known = follows && strstr(text, "WARNING: ") && strstr(text, "__mark_inode_dirty");

	follows = !strncmp(text, "bdi-", 4) && strstr(text, " not registered");
	known_warnings |= known;
	return known;
}

/* Returns the text of a warning, which comes before the line that marks it as a warning. */
static const char *said_before(const char *text)
{
	static bool begins;
	static char last[1000];
	static char said[sizeof(last)];

	strcpy(said, last);
	snprintf(last, sizeof(last), "%s", begins ? text : "");
	begins = strstr(text, "[ cut here ]");
	return said;
}

/* Reads new lines of the kernel itself. Lines of programs in /dev/kmsg do not count: a test's name may have "BUG: ". */
static void read_kernel_log(void)
{
	char record[9000];

	for (;;) {
		ssize_t n = read(kmsg_read, record, sizeof(record) - 1);

		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;	/* EPIPE: records were overwritten before they were read */
		if (n <= 0)
			return;
		record[n] = 0;
		char *text = strchr(record, ';');

		if (!text || strtoul(record, NULL, 10) >> 3)
			continue;
		text++;
		text[strcspn(text, "\n")] = 0;
		const char *said = said_before(text);

		if (!is_known_warning(text) && is_trouble(text)) {
			if (*said && !trouble_follow)
				add_trouble(said);
			trouble_follow = 40;
		} else if (trouble_follow) {
			trouble_follow--;
		} else {
			continue;
		}
		add_trouble(text);
		if (strstr(text, "---[ end trace"))
			trouble_follow = 0;
	}
}

/* Returns the taints that show trouble: bad page, died, warned, soft lockup. */
static unsigned long bad_taint(void)
{
	char text[32] = "";
	int fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	if (fd >= 0)
		close(fd);
	/* The taint of a warning does not count if the log has the known warning. */
	return strtoul(text, NULL, 10) & ((1 << 5) | (1 << 7) | (known_warnings ? 0 : 1 << 9) | (1 << 14));
}

/* ---- the command ---- */

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void start_command(void)
{
	char **argv = values_of("arg"), **envp = values_of("env");
	char *cwd = value_of("cwd"), *mask = value_of("umask");
	int in[2], out[2], err[2], report[2];
	int failure = 0;

	if (!argv[0])
		die("guest.conf names no command");
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		die("cannot make pipes: %s", strerror(errno));
	fcntl(out[0], F_SETPIPE_SZ, 1 << 18);
	/* The launcher must not try again from here on. It has to know that before the command can crash the kernel. */
	started = true;
	unsigned char when[8];
	uint64_t ms = htole64(now_ms());

	memcpy(when, &ms, sizeof(when));
	queue_frame(FRAME_STARTED, when, sizeof(when));
	flush_until(now_ms() + PORT_WAIT_MS);
	command_pid = fork();
	if (command_pid < 0)
		die("cannot fork: %s", strerror(errno));
	if (command_pid == 0) {
		struct rlimit files = { 65536, 1048576 };
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setrlimit(RLIMIT_NOFILE, &files);
		setsid();
		umask(mask ? strtoul(mask, NULL, 8) : 022);
		if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0 || (cwd && chdir(cwd) < 0))
			failure = errno;
		environ = envp;
		if (!failure) {
			execvp(argv[0], argv);
			failure = errno;
		}
		if (write(report[1], &failure, sizeof(failure)) < 0)
			_exit(126);
		_exit(failure == ENOENT ? 127 : 126);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(report[1]);
	command_stdin = in[1];
	command_stdout = out[0];
	command_stderr = err[0];
	set_nonblocking(command_stdin);
	set_nonblocking(command_stdout);
	set_nonblocking(command_stderr);
	if (read(report[0], &failure, sizeof(failure)) == sizeof(failure)) {
		char text[600];

		snprintf(text, sizeof(text), "cannot run %s in %s: %s", argv[0], cwd ? cwd : "/", strerror(failure));
		queue_frame(FRAME_LOG, text, strlen(text));
	}
	close(report[0]);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == command_pid) {
			command_exited = true;
			command_status = status;
		}
	}
}

/* Forwards data of one of the command's streams, as far as there is room. Closes the stream at its end. */
static void forward(int *fd, enum frame_type type)
{
	unsigned char chunk[MAX_PAYLOAD];

	while (*fd >= 0 && out_length + HEADER_SIZE + sizeof(chunk) <= OUT_STREAM_LIMIT) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		queue_frame(type, chunk, n);
	}
}

static void feed_stdin(void)
{
	uint32_t consumed = 0;

	while (command_stdin >= 0 && stdin_length) {
		size_t run = STDIN_CAPACITY - stdin_start < stdin_length ? STDIN_CAPACITY - stdin_start : stdin_length;
		ssize_t n = write(command_stdin, stdin_buffer + stdin_start, run);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {	/* the command closed its standard input; the rest is dropped */
			close(command_stdin);
			command_stdin = -1;
			break;
		}
		stdin_start = (stdin_start + n) % STDIN_CAPACITY;
		stdin_length -= n;
		consumed += n;
	}
	if (command_stdin < 0) {
		consumed += stdin_length;
		stdin_length = 0;
	} else if (stdin_eof && !stdin_length) {
		close(command_stdin);
		command_stdin = -1;
	}
	if (consumed) {
		unsigned char credit[4];

		put_le32(credit, consumed);
		queue_frame(FRAME_CREDIT, credit, sizeof(credit));
	}
}

/*
 * ---- connections from ports of the host to ports of the guest ----
 *
 * The launcher opens each connection (FRAME_CONNECT) and limits their number. Init ends each, with FRAME_CONNECTION_REFUSED
 * or FRAME_CONNECTION_CLOSED. Credit bounds both directions, CONNECTION_WINDOW at first, so that the stream of frames never
 * waits for a program that does not read. The Java half is io.dblock.vm.PortForwarder.
 */

struct connection {
	bool used;
	bool connecting;
	bool in_ended;		/* the launcher sends no more; told_in_end: and the program knows */
	bool told_in_end;
	bool out_ended;		/* the program sends no more; told_out_end: and the launcher knows */
	bool told_out_end;
	bool refused;
	short revents;		/* of poll */
	int fd;			/* -1: it is over, and the launcher must still be told */
	int error;		/* why it ended early, or 0 */
	uint32_t number;
	uint32_t in_owed;	/* credit that the launcher must still get */
	uint32_t in_window;	/* bytes that the launcher may still send */
	uint32_t out_credit;
	uint32_t in_start, in_length;
	unsigned char in[CONNECTION_WINDOW];	/* a ring */
};

static struct connection connections[MAX_CONNECTIONS];
static uint32_t next_connection;	/* the number of the next one */
static int64_t connections_progress;	/* when a program last sent data, or closed its side */

static void end_connection(struct connection *c, int error)
{
	/* Data that the program has not read is lost, so the connection is reset. */
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (error)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	c->fd = -1;
	c->error = error;
	c->refused = c->connecting;
}

static void open_connection(uint32_t number, uint32_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct connection *c = NULL;
	int one = 1;

	if (number != next_connection || !port || port > 65535)
		die("the launcher opened connection %u to port %u, but the next one is %u", number, port,
		    next_connection);
	for (size_t i = 0; i < MAX_CONNECTIONS && !c; i++)
		if (!connections[i].used)
			c = &connections[i];
	if (!c)
		die("the launcher opened more than %d connections at once", MAX_CONNECTIONS);
	next_connection++;
	memset(c, 0, offsetof(struct connection, in));
	c->used = true;
	c->connecting = true;
	c->number = number;
	c->in_window = CONNECTION_WINDOW;
	c->out_credit = CONNECTION_WINDOW;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd >= 0)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS))
		end_connection(c, errno);
}

static void add_connection_input(struct connection *c, const unsigned char *bytes, size_t length)
{
	if (!length || length > c->in_window || c->in_ended)
		die("the launcher sent %zu bytes on connection %u, and may send %u", length, c->number,
		    c->in_ended ? 0 : c->in_window);
	c->in_window -= length;
	if (c->fd < 0)
		return;
	if (!c->in_length)
		c->revents |= POLLOUT;	/* try to write, and poll only if that fails */
	for (size_t i = 0; i < length; ) {
		size_t at = (c->in_start + c->in_length) % CONNECTION_WINDOW;
		size_t run = CONNECTION_WINDOW - at < length - i ? CONNECTION_WINDOW - at : length - i;

		memcpy(c->in + at, bytes + i, run);
		c->in_length += run;
		i += run;
	}
}

static void handle_connection_frame(unsigned type, const unsigned char *payload, size_t length)
{
	bool with_value = type == FRAME_CONNECT || type == FRAME_CONNECTION_OUT_CREDIT;
	uint32_t number = length >= 4 ? get_le32(payload) : 0;
	uint32_t value = with_value && length == 8 ? get_le32(payload + 4) : 0;
	struct connection *c = NULL;

	if (length < 4 || (type != FRAME_CONNECTION_IN && length != (with_value ? 8 : 4)))
		die("the launcher sent a frame of type %u with %zu bytes", type, length);
	if (type == FRAME_CONNECT) {
		open_connection(number, value);
		return;
	}
	if (number >= next_connection)
		die("the launcher sent a frame of type %u about connection %u, which it has not opened", type, number);
	for (size_t i = 0; i < MAX_CONNECTIONS && !c; i++)
		if (connections[i].used && connections[i].number == number)
			c = &connections[i];
	if (!c)
		return;		/* the connection has ended, which the launcher did not know yet */
	switch (type) {
	case FRAME_CONNECTION_IN:
		add_connection_input(c, payload + 4, length - 4);
		break;
	case FRAME_CONNECTION_IN_END:
		c->in_ended = true;
		break;
	case FRAME_CONNECTION_OUT_CREDIT:
		if (!value || value > CONNECTION_WINDOW - c->out_credit)
			die("the launcher gave connection %u credit for %u bytes, and has %u", number, value,
			    CONNECTION_WINDOW - c->out_credit);
		c->out_credit += value;
		break;
	case FRAME_CONNECTION_ABORT:
		if (c->fd >= 0)
			end_connection(c, ECONNRESET);
		break;
	}
}

static bool tell_connection(enum frame_type type, struct connection *c, const void *data, size_t length)
{
	unsigned char payload[256];

	put_le32(payload, c->number);
	memcpy(payload + 4, data, length);
	return queue_frame(type, payload, 4 + length);
}

/* Writes pending data to the program, as far as it takes them. */
static void feed_connection(struct connection *c)
{
	while (c->in_length) {
		size_t run = CONNECTION_WINDOW - c->in_start;
		ssize_t n = send(c->fd, c->in + c->in_start, run < c->in_length ? run : c->in_length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end_connection(c, errno);
			return;
		}
		c->in_start = (c->in_start + n) % CONNECTION_WINDOW;
		c->in_length -= n;
		c->in_owed += n;
	}
	if (c->in_ended && !c->told_in_end) {
		c->told_in_end = true;
		shutdown(c->fd, SHUT_WR);
	}
}

/* Forwards at most one frame of data from the program. Returns false if there was none. */
static bool forward_connection(struct connection *c)
{
	unsigned char chunk[MAX_PAYLOAD];
	size_t most = sizeof(chunk) - 4 < c->out_credit ? sizeof(chunk) - 4 : c->out_credit;
	ssize_t n;

	do {
		n = recv(c->fd, chunk + 4, most, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	connections_progress = now_ms();
	if (n < 0) {
		end_connection(c, errno);
	} else if (n == 0) {
		c->out_ended = true;
	} else {
		put_le32(chunk, c->number);
		c->out_credit -= n;
		queue_frame(FRAME_CONNECTION_OUT, chunk, 4 + n);
	}
	return n > 0;
}

/* Sends the launcher what it must know about a connection. If there is no room, a later call does. */
static void report_connection(struct connection *c)
{
	unsigned char credit[4];

	if (c->out_ended && !c->told_out_end)
		c->told_out_end = tell_connection(FRAME_CONNECTION_OUT_END, c, "", 0);
	if (c->fd >= 0 && c->in_owed >= CONNECTION_WINDOW / 2) {
		put_le32(credit, c->in_owed);
		if (tell_connection(FRAME_CONNECTION_IN_CREDIT, c, credit, sizeof(credit))) {
			c->in_window += c->in_owed;
			c->in_owed = 0;
		}
	}
	if (c->fd >= 0 && c->told_in_end && c->told_out_end)
		end_connection(c, 0);
	if (c->fd < 0) {
		const char *why = c->error ? strerror(c->error) : "";
		enum frame_type type = c->refused ? FRAME_CONNECTION_REFUSED : FRAME_CONNECTION_CLOSED;

		c->used = !tell_connection(type, c, why, strlen(why));
	}
}

static bool room_for_stream(void)
{
	return out_length + HEADER_SIZE + MAX_PAYLOAD <= OUT_STREAM_LIMIT;
}

/*
 * Sets what to poll for; each event also shows the end of the connection. Without any event the descriptor is left out,
 * because poll would report its end again and again.
 */
static void poll_connection(struct connection *c, struct pollfd *p)
{
	p->events = 0;
	if (c->used && c->fd >= 0) {
		if (c->connecting || c->in_length)
			p->events |= POLLOUT;
		if (!c->connecting && !c->out_ended && c->out_credit && room_for_stream())
			p->events |= POLLIN;
	}
	p->fd = p->events ? c->fd : -1;
}

/* Does everything for a connection that takes no room from the command's streams. */
static void serve_connection(struct connection *c)
{
	if (!c->used)
		return;
	if (c->fd >= 0 && c->connecting && c->revents) {
		int error = 0;
		socklen_t size = sizeof(error);

		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
		if (error)
			end_connection(c, error);
		c->connecting = false;
	}
	if (c->fd >= 0 && !c->connecting && (c->revents & ~POLLIN || (c->in_ended && !c->told_in_end)))
		feed_connection(c);
	report_connection(c);
}

/* Forwards data of all connections in turn, one frame each, while there is room. */
static void forward_connections(void)
{
	static size_t turn;

	for (size_t idle = 0; idle < MAX_CONNECTIONS && room_for_stream(); turn = (turn + 1) % MAX_CONNECTIONS) {
		struct connection *c = &connections[turn];
		bool has = c->used && c->fd >= 0 && !c->connecting && !c->out_ended && c->out_credit &&
			   c->revents & ~POLLOUT;

		if (has && forward_connection(c)) {
			idle = 0;
			continue;
		}
		c->revents = 0;
		if (has)
			report_connection(c);
		idle++;
	}
}

static void serve_connections(const struct pollfd *p)
{
	for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
		connections[i].revents |= p[i].revents;
		serve_connection(&connections[i]);
	}
}

/* Returns whether to wait for data of programs once the command has exited, which is limited to a short time. */
static bool connections_wait(int64_t exited)
{
	int64_t last = connections_progress > exited ? connections_progress : exited;

	if (now_ms() >= last + DRAIN_MS || now_ms() >= exited + CONNECTIONS_DRAIN_MS)
		return false;
	for (size_t i = 0; i < MAX_CONNECTIONS; i++)
		if (connections[i].used && connections[i].fd >= 0 && !connections[i].connecting &&
		    !connections[i].out_ended)
			return true;
	return false;
}

/* ---- receiving ---- */

static void handle_frame(unsigned type, const unsigned char *payload, size_t length)
{
	switch (type) {
	case FRAME_STDIN: {
		if (length > STDIN_CAPACITY - stdin_length)
			die("the launcher sent more standard input than it had credit for");
		for (size_t i = 0; i < length; ) {
			size_t at = (stdin_start + stdin_length) % STDIN_CAPACITY;
			size_t run = STDIN_CAPACITY - at < length - i ? STDIN_CAPACITY - at : length - i;

			memcpy(stdin_buffer + at, payload + i, run);
			stdin_length += run;
			i += run;
		}
		if (host->says_what_it_took)
			queue_frame(FRAME_TAKEN, "", 0);
		break;
	}
	case FRAME_STDIN_EOF:
		stdin_eof = true;
		break;
	case FRAME_SIGNAL:
		if (length == 4 && command_pid > 0 && !command_exited)
			kill(command_pid, get_le32(payload));
		break;
	case FRAME_ACK:
		acknowledged = true;
		break;
	case FRAME_CLOSE_STDOUT:
		if (command_stdout >= 0)
			close(command_stdout);
		command_stdout = -1;
		break;
	case FRAME_CONNECT:
	case FRAME_CONNECTION_IN:
	case FRAME_CONNECTION_IN_END:
	case FRAME_CONNECTION_OUT_CREDIT:
	case FRAME_CONNECTION_ABORT:
		handle_connection_frame(type, payload, length);
		if (host->says_what_it_took)
			queue_frame(FRAME_TAKEN, "", 0);
		break;
	default:
		die("the launcher sent a frame of unknown type %u", type);
	}
}

/* False when the host's end is gone. */
static bool receive(void)
{
	for (;;) {
		ssize_t n = read(in_port, in_buffer + in_length, sizeof(in_buffer) - in_length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		in_length += n;
		while (in_length >= HEADER_SIZE) {
			size_t length = get_le32(in_buffer + 12);

			if (memcmp(in_buffer, magic, sizeof(magic)) ||
			    get_le32(in_buffer + 20) != crc32_of(in_buffer, 20) || length > MAX_PAYLOAD)
				die("the stream from the launcher is damaged: frame %u has a bad header", in_sequence);
			if (get_le32(in_buffer + 8) != in_sequence)
				die("the stream from the launcher is damaged: frame %u came instead of %u",
				    get_le32(in_buffer + 8), in_sequence);
			if (in_length < HEADER_SIZE + length)
				break;
			if (get_le32(in_buffer + 16) != crc32_of(in_buffer + HEADER_SIZE, length))
				die("the stream from the launcher is damaged: frame %u has a bad payload", in_sequence);
			in_sequence++;
			handle_frame(in_buffer[4], in_buffer + HEADER_SIZE, length);
			in_length -= HEADER_SIZE + length;
			memmove(in_buffer, in_buffer + HEADER_SIZE + length, in_length);
		}
	}
}

/* ---- the end ---- */

/* Data that the command wrote to the shares must be on the host before the launcher knows that it has ended. */
static void sync_shares(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		add_trouble("cannot fork to write back the shared directories");
		return;
	}
	if (pid == 0) {
		for (char *path = value_of("share.path"); path; path = next_value("share.path", path)) {
			int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (fd < 0 || syncfs(fd) < 0)
				_exit(1);
			close(fd);
		}
		_exit(0);
	}
	for (int64_t deadline = now_ms() + SYNC_MS; now_ms() < deadline; usleep(2000)) {
		int status;
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid) {
			if (status)
				add_trouble("the shared directories could not be written back to the host");
			return;
		}
	}
	add_trouble("the shared directories were not written back to the host within 10 s");
}

/* Like flush_until, but also handles frames from the launcher. */
static void exchange_until(int64_t deadline)
{
	while (out_length && now_ms() < deadline) {
		struct pollfd p[] = { { .fd = in_port, .events = POLLIN }, { .fd = out_port, .events = POLLOUT } };

		poll(p, 2, 100);
		if (!flush_some() || !receive())
			return;
	}
}

static void send_exit(void)
{
	unsigned char payload[8 + TROUBLE_CAPACITY];
	int signal_number = WIFSIGNALED(command_status) ? WTERMSIG(command_status) : 0;

	put_le32(payload, signal_number ? 128 + signal_number : WEXITSTATUS(command_status));
	put_le32(payload + 4, signal_number);
	memcpy(payload + 8, trouble, trouble_length);
	exchange_until(now_ms() + ACK_WAIT_MS);
	queue_frame(FRAME_EXIT, payload, 8 + trouble_length);
}

/* Forwards data of the command and of connections. If not all of it fits, they take turns in being first. */
static void forward_all(bool with_connections)
{
	static bool turn_of_connections;
	bool connections_now = turn_of_connections;

	for (int i = 0; i < 2; i++, connections_now = !connections_now) {
		uint32_t before = out_sequence;

		if (connections_now) {
			if (with_connections)
				forward_connections();
		} else {
			/* Standard error comes first: a program often writes to it before it prints its result. */
			forward(&command_stderr, FRAME_STDERR);
			forward(&command_stdout, FRAME_STDOUT);
		}
		/* The one that has sent data first is second the next time. */
		if (i == 0 && out_sequence != before)
			turn_of_connections = !connections_now;
	}
}

/*
 * Carries bytes until the command has exited and its streams are at their end (or DRAIN_MS have passed: a grandchild may
 * hold them open for ever).
 */
static void serve_command(int signal_fd)
{
	int64_t heartbeat = now_ms() + HEARTBEAT_MS, drain_deadline = 0, exited = 0;

	while (!command_exited || ((command_stdout >= 0 || command_stderr >= 0) && now_ms() < drain_deadline) ||
	       connections_wait(exited)) {
		bool room = room_for_stream(), with_connections = !command_exited || connections_wait(exited);
		struct pollfd p[7 + MAX_CONNECTIONS] = {
			{ .fd = out_port, .events = out_length ? POLLOUT : 0 },
			{ .fd = in_port, .events = POLLIN },
			{ .fd = room ? command_stdout : -1, .events = POLLIN },
			{ .fd = room ? command_stderr : -1, .events = POLLIN },
			{ .fd = stdin_length || stdin_eof ? command_stdin : -1, .events = POLLOUT },
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = kmsg_read, .events = POLLIN },
		};
		/* The deadlines after the exit are checked ten times a second. */
		int64_t wait = command_exited ? 100 : heartbeat - now_ms();

		for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
			p[7 + i].fd = -1;
			if (with_connections)
				poll_connection(&connections[i], &p[7 + i]);
		}
		poll(p, sizeof(p) / sizeof(*p), wait < 0 ? 0 : wait);
		if (p[5].revents) {
			struct signalfd_siginfo info;

			while (read(signal_fd, &info, sizeof(info)) > 0)
				;
			reap();
			if (command_exited && !drain_deadline) {
				exited = now_ms();
				drain_deadline = exited + DRAIN_MS;
			}
		}
		if (p[6].revents)
			read_kernel_log();
		if (!receive()) {
			note("the launcher is gone, powering off");
			power_off();
		}
		feed_stdin();
		serve_connections(&p[7]);
		forward_all(with_connections);
		if (now_ms() >= heartbeat) {
			/* If there is no room, the host does not read, and a heartbeat would be of no use. */
			if (room)
				queue_frame(FRAME_HEARTBEAT, "", 0);
			heartbeat = now_ms() + HEARTBEAT_MS;
		}
		if (!flush_some()) {
			note("the launcher is gone, powering off");
			power_off();
		}
		/* The time blocked on a full port does not count against a grandchild that holds the streams open. */
		if (command_exited && out_length)
			drain_deadline = now_ms() + DRAIN_MS;
	}
}

int main(void)
{
	struct utsname u;
	unsigned long taint_before;
	sigset_t child;
	int signal_fd;

	crc_init();
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	must_mount("proc", "/proc", "proc", 0, NULL);
	must_mount("sysfs", "/sys", "sysfs", 0, NULL);
	must_mount("devtmpfs", "/dev", "devtmpfs", 0, "mode=0755");
	/* If the kernel could not open a console, descriptors 0 to 2 are free; nothing opened here may get one of them. */
	while ((signal_fd = open("/dev/null", O_RDWR)) >= 0 && signal_fd <= 2)
		;
	close(signal_fd);
	kmsg_write = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	/* A command may put a swap area on a disk that fails, which init must survive. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		note("cannot lock the memory of init: %s", strerror(errno));
	read_conf();
	insert_modules();
	choose_host_access();
	host->open_ports();
	uname(&u);
	queue_frame(FRAME_HELLO, u.release, strlen(u.release));
	flush_until(now_ms() + PORT_WAIT_MS);

	if (!strcmp(value_of("mode") ? value_of("mode") : "", "probe")) {
		usleep(200000);
		power_off();
	}

	mount_root();
	make_static_nodes();
	loopback_up();
	char *name = value_of("hostname");

	if (name && sethostname(name, strlen(name)) < 0)
		note("cannot set the host name: %s", strerror(errno));
	/*
	 * The server process of the tests is in a session of its own, which would be a group of its own for the scheduler:
	 * two levels more for each request that wakes it.
	 */
	if (access("/proc/sys/kernel/sched_autogroup_enabled", F_OK) == 0 &&
	    !write_file("/proc/sys/kernel/sched_autogroup_enabled", "0"))
		note("cannot switch off the scheduler's groups for sessions");
	/* From here on the console's file gets all but debug messages, which costs nothing while the kernel is quiet. */
	if (!write_file("/proc/sys/kernel/printk", "7"))
		note("cannot raise the console's log level");

	kmsg_read = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg_read < 0 || lseek(kmsg_read, 0, SEEK_END) < 0)
		die("cannot follow the kernel's log: %s", strerror(errno));
	taint_before = bad_taint();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die("cannot make a signal descriptor: %s", strerror(errno));

	start_command();
	serve_command(signal_fd);
	sync_shares();
	read_kernel_log();
	if (bad_taint() & ~taint_before && !trouble_length)
		add_trouble("the kernel is tainted (bad page, died, warned or soft lockup), but its message was lost");
	send_exit();
	for (int64_t deadline = now_ms() + ACK_WAIT_MS; !acknowledged && now_ms() < deadline; ) {
		struct pollfd p[] = { { .fd = in_port, .events = POLLIN },
				      { .fd = out_port, .events = out_length ? POLLOUT : 0 } };

		poll(p, 2, 100);
		if (!flush_some() || !receive())
			break;
	}
	power_off();
}
