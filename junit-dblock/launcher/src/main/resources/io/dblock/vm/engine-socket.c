// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a command in a guest that has a container engine, which starts when somebody first connects to its socket.
 *
 *	engine-socket SOCKET LOG SECONDS STARTER ARGUMENT... -- COMMAND ARGUMENT...
 *
 * The command runs in this process's place. A process beside it waits for a connection to SOCKET, runs the STARTER, which
 * becomes the engine, and hands it the listening socket as descriptor 3, as systemd does (LISTEN_FDS=1; the starter sets
 * LISTEN_PID). So whoever connects is answered once the engine is up, and a command that uses no engine does not pay for
 * it. What the engine prints goes to LOG.
 *
 * An engine that does not answer within SECONDS is killed. When it has ended, connections to its socket are refused, and the
 * command's standard error gets a line that says why.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTEN_FD 3
#define PING "GET /_ping HTTP/1.0\r\n\r\n"

static const char *socket_path, *log_path;
static pid_t command;

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "junit-dblock: the container engine: cannot %s %s: %s\n", what, name, strerror(errno));
	exit(126);
}

static struct sockaddr_un address(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path) >= (int)sizeof(a.sun_path)) {
		errno = ENAMETOOLONG;
		fail("make the socket", socket_path);
	}
	return a;
}

static int listen_for_clients(void)
{
	struct sockaddr_un a = address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(socket_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(socket_path, 0660) < 0 || listen(fd, 128) < 0)
		fail("make the socket", socket_path);
	return fd;
}

/*
 * Opens the command's standard error anew and writes a line. It must not be held open: its end says that all output of the
 * command is there.
 */
static void tell(const char *format, ...)
{
	char path[64], text[1000];
	int n = snprintf(text, sizeof(text), "junit-dblock: the container engine "), fd;
	va_list ap;

	va_start(ap, format);
	n += vsnprintf(text + n, sizeof(text) - n, format, ap);
	va_end(ap);
	snprintf(text + n, sizeof(text) - n, "; what it said: %s\n", log_path);
	snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)command);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, strlen(text)) >= 0)
		close(fd);
}

/* Asks the engine something, and returns whether nothing came of it within this time. */
static bool is_late(int seconds)
{
	struct sockaddr_un a = address();
	struct pollfd p = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .events = POLLIN };
	bool late = p.fd >= 0 && !connect(p.fd, (struct sockaddr *)&a, sizeof(a)) &&
		    write(p.fd, PING, strlen(PING)) == (ssize_t)strlen(PING) && poll(&p, 1, seconds * 1000) == 0;

	close(p.fd);
	return late;
}

/* Becomes the engine, with the listening socket as descriptor 3. */
static void become_engine(int listening, char **starter)
{
	if (listening == LISTEN_FD ? fcntl(LISTEN_FD, F_SETFD, 0) < 0 : dup2(listening, LISTEN_FD) < 0)
		fail("pass on the socket", socket_path);
	setenv("LISTEN_FDS", "1", 1);
	execvp(*starter, starter);
	fail("run", *starter);
}

/* Waits for a client, and then for the engine's end. */
static void keep_engine(int listening, int seconds, char **starter)
{
	struct pollfd client = { .fd = listening, .events = POLLIN };
	int status = 0;
	pid_t engine;

	while (poll(&client, 1, -1) != 1)
		;
	engine = fork();
	if (engine < 0) {
		tell("cannot be started: %s", strerror(errno));
		return;
	}
	if (!engine)
		become_engine(listening, starter);
	/* From here on connections end with the engine. */
	close(listening);
	if (is_late(seconds)) {
		kill(engine, SIGKILL);
		tell("did not answer within %d s and is killed", seconds);
		return;
	}
	waitpid(engine, &status, 0);
	if (WIFSIGNALED(status))
		tell("ended by signal %d", WTERMSIG(status));
	else
		tell("ended with status %d", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int separator = 5, seconds = argc > 3 ? atoi(argv[3]) : 0, listening, nothing, log;
	pid_t child;

	while (separator < argc && strcmp(argv[separator], "--"))
		separator++;
	if (separator + 1 >= argc || seconds <= 0) {
		fputs("usage: engine-socket SOCKET LOG SECONDS STARTER ARGUMENT... -- COMMAND ARGUMENT...\n", stderr);
		return 126;
	}
	argv[separator] = NULL;
	socket_path = argv[1];
	log_path = argv[2];
	command = getpid();
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing < 0)
		fail("open", "/dev/null");
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (log < 0)
		fail("open", log_path);
	listening = listen_for_clients();

	child = fork();
	if (child < 0)
		fail("start", "a process beside the command");
	if (!child) {
		/* The command is to have no child that it does not know. */
		if (fork())
			_exit(0);
		if (setsid() < 0 || dup2(nothing, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
			_exit(1);
		keep_engine(listening, seconds, argv + 4);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	execvp(argv[separator + 1], argv + separator + 1);
	fprintf(stderr, "junit-dblock: cannot run %s: %s\n", argv[separator + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
