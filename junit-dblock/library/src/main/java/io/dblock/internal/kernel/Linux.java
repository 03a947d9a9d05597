// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/**
 * The system calls of this package. Like the kernel, they return a negative error number on failure. Tests replace them
 * with their own kernel.
 */
public interface Linux {
    int O_RDONLY = 0;
    int O_RDWR = 2;
    int O_CLOEXEC = 0x80000;
    int O_NONBLOCK = 0x800;

    int EPOLL_CTL_ADD = 1;
    int EPOLL_CTL_DEL = 2;
    int EPOLL_CTL_MOD = 3;
    int EPOLLIN = 0x001;
    int EPOLLONESHOT = 1 << 30;
    int EPOLLET = 1 << 31;

    /** open(2). */
    int open(String path, int flags);

    /** close(2). */
    int close(int fd);

    /** ioctl(2). Neither allocates nor locks: this is the data path. */
    int ioctl(int fd, long request, long argument);

    /** Returns a cheaper way to call DBLOCK_SERVE on a session; null if there is none. */
    ServeReader serveReader(int fd);

    /** epoll_create1(2), closed on exec. */
    int epollCreate();

    /** epoll_ctl(2); {@code event} is the address of a struct epoll_event, see {@link Readiness}. */
    int epollControl(int epoll, int operation, int fd, long event);

    /** epoll_wait(2); {@code events} is the address of an array of struct epoll_event. */
    int epollWait(int epoll, long events, int capacity, int timeoutMillis);

    /** eventfd(2) of 0, closed on exec, nonblocking. */
    int eventfd();

    /** Adds 1 to an eventfd. */
    int signal(int eventfd);

    /** finit_module(2), without parameters. */
    int finitModule(int fd);

    /** delete_module(2). */
    int deleteModule(String name, int flags);
}
