// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

/**
 * The system calls this package makes. Like the kernel itself they return a negative error number when they fail.
 * Tests put a kernel of their own in this place.
 */
interface Linux {
    int O_RDONLY = 0;
    int O_RDWR = 2;
    int O_CLOEXEC = 0x80000;
    int O_NONBLOCK = 0x800;

    /** open(2). */
    int open(String path, int flags);

    /** close(2). */
    int close(int fd);

    /** ioctl(2). No allocation, no lock: this is the data path. */
    int ioctl(int fd, long request, long argument);

    /** finit_module(2), without parameters. */
    int finitModule(int fd);

    /** delete_module(2). */
    int deleteModule(String name, int flags);
}
