// SPDX-License-Identifier: Apache-2.0
/*
 * damage crlf|truncate:N PROGRAM ARGUMENT...
 *
 * Runs the program that is a guest, and damages what the guest says on its way to the launcher: every LF becomes CR LF,
 * as a terminal does, or it ends after N bytes. QEMU connects to a socket of the launcher's for that, which an argument
 * names, and is given another; a kernel of User Mode Linux writes it to descriptor 4.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET "socket,id=out,path="

static int must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(126);
	}
	return result;
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static void put(int to, const char *bytes, ssize_t count)
{
	for (ssize_t done = 0; done < count;) {
		ssize_t n = write(to, bytes + done, count - done);

		if (n < 0)
			return;
		done += n;
	}
}

static void copy(int from, int to, const char *how)
{
	long left = strncmp(how, "truncate:", 9) ? -1 : atol(how + 9);
	char in[4096], out[2 * sizeof(in)];
	ssize_t n;

	while ((n = read(from, in, sizeof(in))) > 0) {
		if (left >= 0) {
			put(to, in, n < left ? n : left);
			left = n < left ? left - n : 0;
			if (left == 0 && to >= 0) {
				close(to);
				to = -1;
			}
		} else {
			ssize_t m = 0;

			for (ssize_t i = 0; i < n; i++) {
				if (in[i] == '\n')
					out[m++] = '\r';
				out[m++] = in[i];
			}
			put(to, out, m);
		}
	}
	close(to);
}

int main(int argc, char **argv)
{
	const char *real = NULL;
	int ends[2], from, to, listener = -1, status;
	char argument[256];
	pid_t child;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], SOCKET, strlen(SOCKET))) {
			real = argv[i] + strlen(SOCKET);
			snprintf(argument, sizeof(argument), "%s.damaged", argv[i]);
			argv[i] = argument;
		}
	}
	if (real) {
		struct sockaddr_un own = address(argument + strlen(SOCKET));

		listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
		must(bind(listener, (struct sockaddr *)&own, sizeof(own)), "bind");
		must(listen(listener, 1), "listen");
	} else {
		must(pipe(ends), "pipe");
	}
	child = must(fork(), "fork");
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!real) {
			dup2(ends[1], 4);
			close(ends[0]);
			close(ends[1]);
		}
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(126);
	}
	if (real) {
		struct sockaddr_un launcher = address(real);

		from = must(accept(listener, NULL, NULL), "accept");
		to = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
		must(connect(to, (struct sockaddr *)&launcher, sizeof(launcher)), "connect");
	} else {
		close(ends[1]);
		from = ends[0];
		to = 4;
	}
	copy(from, to, argv[1]);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
