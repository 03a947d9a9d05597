// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import io.dblock.DblockException;

/** The C library, mapped directly. Integers and addresses only, so that a call allocates nothing. */
public final class Libc implements Linux {
    public static final Libc INSTANCE = new Libc();

    static final int PROT_READ_WRITE = 1 | 2;
    /** MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE. */
    static final int MAP_SPARSE = 0x02 | 0x20 | 0x4000;

    static final int MADV_DONTNEED = 4;
    /** Since Linux 5.14. */
    static final int MADV_POPULATE_WRITE = 23;
    /** Like MADV_DONTNEED, also for locked memory; since Linux 5.18. */
    static final int MADV_DONTNEED_LOCKED = 24;
    /** Depends on the architecture; see fcntl.h below arch/ in the kernel. */
    static final int O_DIRECT = Platform.isARM() ? 0x10000 : 0x4000;

    private static final int SEEK_END = 2;
    static final int SEEK_DATA = 3;
    static final int SEEK_HOLE = 4;
    private static final int PR_SET_IO_FLUSHER = 57;
    private static final int RLIMIT_MEMLOCK = 8;
    private static final long RLIM_INFINITY = -1;
    /** MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT. */
    private static final int MCL_ALL_ON_FAULT = 1 | 2 | 4;

    private static final int MLOCK_ONFAULT = 1;
    private static final int EPOLL_CLOEXEC = 0x80000;
    private static final int EFD_CLOEXEC_NONBLOCK = 0x80000 | 0x800;
    private static final int FALLOC_KEEP_SIZE = 0x01;
    private static final int FALLOC_PUNCH_HOLE = 0x02;
    private static final int O_WRONLY = 1;
    private static final int O_CREAT_EXCL = 0x40 | 0x80;
    private static final int FOR_EVERYBODY = 0666;

    static {
        if (!Platform.isLinux() || Native.POINTER_SIZE != 8 || Native.LONG_SIZE != 8) {
            throw new DblockException("junit-dblock runs on a 64-bit JVM on Linux; this one is "
                    + System.getProperty("os.name") + " " + System.getProperty("os.arch")
                    + ". Elsewhere run the tests in a Linux virtual machine or a privileged Linux container.");
        }
        Native.register(NativeMethods.class, NativeLibrary.getInstance("c"));
    }

    private Libc() {}

    @Override
    public int open(String path, int flags) {
        return result(NativeMethods.open(path, flags, 0));
    }

    @Override
    public int close(int fd) {
        return result(NativeMethods.close(fd));
    }

    @Override
    public int ioctl(int fd, long request, long argument) {
        return result(NativeMethods.ioctl(fd, request, argument));
    }

    @Override
    public ServeReader serveReader(int fd) {
        return DirectRead.of(fd);
    }

    @Override
    public int epollCreate() {
        return result(NativeMethods.epoll_create1(EPOLL_CLOEXEC));
    }

    @Override
    public int epollControl(int epoll, int operation, int fd, long event) {
        return result(NativeMethods.epoll_ctl(epoll, operation, fd, event));
    }

    @Override
    public int epollWait(int epoll, long events, int capacity, int timeoutMillis) {
        return result(NativeMethods.epoll_wait(epoll, events, capacity, timeoutMillis));
    }

    @Override
    public int eventfd() {
        return result(NativeMethods.eventfd(0, EFD_CLOEXEC_NONBLOCK));
    }

    @Override
    public int signal(int eventfd) {
        return result(NativeMethods.eventfd_write(eventfd, 1));
    }

    @Override
    public int finitModule(int fd) {
        return result((int) NativeMethods.syscall(isX86() ? 313 : 273, fd, NativeMemory.EMPTY_STRING.address(), 0));
    }

    @Override
    public int deleteModule(String name, int flags) {
        try (NativeMemory text = NativeMemory.ofString(name)) {
            return result((int) NativeMethods.syscall(isX86() ? 176 : 106, text.address(), flags, 0));
        }
    }

    /** mmap(2) of fresh memory; returns its address or a negative error. */
    long mmap(long length) {
        long address = NativeMethods.mmap(0, length, PROT_READ_WRITE, MAP_SPARSE, -1, 0);
        return address == -1 ? -Native.getLastError() : address;
    }

    int munmap(long address, long length) {
        return result(NativeMethods.munmap(address, length));
    }

    int madvise(long address, long length, int advice) {
        return result(NativeMethods.madvise(address, length, advice));
    }

    void copy(long from, long to, long length) {
        NativeMethods.memcpy(to, from, length);
    }

    void zero(long address, long length) {
        NativeMethods.memset(address, 0, length);
    }

    int punchHole(int fd, long offset, long length) {
        return result(NativeMethods.fallocate(fd, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, offset, length));
    }

    /** fallocate(2) without flags: the file becomes longer if the range ends beyond its end. */
    int allocate(int fd, long offset, long length) {
        return result(NativeMethods.fallocate(fd, 0, offset, length));
    }

    /** Creates an empty file for everybody; fails if there is a file of this name. */
    int createFile(String path) {
        int fd = result(NativeMethods.open(path, O_CREAT_EXCL | O_WRONLY | Linux.O_CLOEXEC, FOR_EVERYBODY));
        return fd < 0 ? fd : close(fd);
    }

    /** statvfs(3); {@code to} is the address of a struct statvfs. */
    int statvfs(byte[] path, long to) {
        try (NativeMemory where = NativeMemory.ofBytes(path)) {
            return result(NativeMethods.statvfs(where.address(), to));
        }
    }

    int mount(String source, byte[] target, String type, long flags, String data) {
        try (NativeMemory what = NativeMemory.ofString(source);
                NativeMemory where = NativeMemory.ofBytes(target);
                NativeMemory how = NativeMemory.ofString(type);
                NativeMemory options = NativeMemory.ofString(data)) {
            return result(
                    NativeMethods.mount(what.address(), where.address(), how.address(), flags, options.address()));
        }
    }

    int mkdir(byte[] path, int mode) {
        try (NativeMemory where = NativeMemory.ofBytes(path)) {
            return result(NativeMethods.mkdir(where.address(), mode));
        }
    }

    int umount(byte[] path, int flags) {
        try (NativeMemory where = NativeMemory.ofBytes(path)) {
            return result(NativeMethods.umount2(where.address(), flags));
        }
    }

    int setIoFlusher() {
        return result(NativeMethods.prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
    }

    /** setrlimit(2) of RLIMIT_MEMLOCK: no limit, for any user. */
    int unlimitLockedMemory() {
        try (NativeMemory limit = NativeMemory.allocate(2 * Long.BYTES)) {
            limit.buffer().putLong(RLIM_INFINITY).putLong(RLIM_INFINITY);
            return result(NativeMethods.setrlimit(RLIMIT_MEMLOCK, limit.address()));
        }
    }

    /** mlockall(2): locks current and future memory, each page when it is first touched. */
    int lockAllMemory() {
        return result(NativeMethods.mlockall(MCL_ALL_ON_FAULT));
    }

    /** mlock2(2): locks each page when it is first touched. */
    int lock(long address, long length) {
        return result((int) NativeMethods.syscall(isX86() ? 325 : 284, address, length, MLOCK_ONFAULT));
    }

    int unlock(long address, long length) {
        return result(NativeMethods.munlock(address, length));
    }

    /** setsid(2). */
    int newSession() {
        return result(NativeMethods.setsid());
    }

    /** _exit(2); does not return. */
    void exit(int status) {
        NativeMethods._exit(status);
    }

    int fsync(int fd) {
        return result(NativeMethods.fsync(fd));
    }

    /** pread(2); returns the bytes read, or a negative error. */
    long pread(int fd, long address, long length, long offset) {
        return result(NativeMethods.pread(fd, address, length, offset));
    }

    /** pwrite(2); returns the bytes written, or a negative error. */
    long pwrite(int fd, long address, long length, long offset) {
        return result(NativeMethods.pwrite(fd, address, length, offset));
    }

    /** Returns the size of a file or block device in bytes, or a negative error; moves the file's position. */
    long sizeOf(int fd) {
        return result(NativeMethods.lseek(fd, 0, SEEK_END));
    }

    /** lseek(2), which moves the file's position; returns the new one, or a negative error. */
    long seek(int fd, long offset, int whence) {
        return result(NativeMethods.lseek(fd, offset, whence));
    }

    int syncfs(int fd) {
        return result(NativeMethods.syncfs(fd));
    }

    int pageSize() {
        return NativeMethods.getpagesize();
    }

    private static boolean isX86() {
        // All other architectures with a current 64-bit JVM (aarch64, riscv64, loongarch64) have the generic numbers.
        return Platform.isIntel();
    }

    private static long result(long returned) {
        return returned == -1 ? -Native.getLastError() : returned;
    }

    private static int result(int returned) {
        return returned == -1 ? -Native.getLastError() : returned;
    }

    /**
     * In C, ioctl, open, syscall and prctl are variadic. On the supported architectures, up to six of their arguments
     * are passed like those of a function with fixed arguments.
     */
    private static final class NativeMethods {
        static native int open(String path, int flags, int mode);

        static native int close(int fd);

        static native int ioctl(int fd, long request, long argument);

        static native long syscall(long number, long a, long b, long c);

        static native int epoll_create1(int flags);

        static native int epoll_ctl(int epoll, int operation, int fd, long event);

        static native int epoll_wait(int epoll, long events, int capacity, int timeoutMillis);

        static native int eventfd(int initial, int flags);

        static native int eventfd_write(int fd, long value);

        static native long mmap(long address, long length, int protection, int flags, int fd, long offset);

        static native int munmap(long address, long length);

        static native int madvise(long address, long length, int advice);

        static native long memcpy(long to, long from, long length);

        static native long memset(long address, int value, long length);

        static native int fallocate(int fd, int mode, long offset, long length);

        static native int mount(long source, long target, long type, long flags, long data);

        static native int mkdir(long path, int mode);

        static native int umount2(long path, int flags);

        static native int prctl(int option, long a, long b, long c, long d);

        static native int setrlimit(int resource, long limit);

        static native int mlockall(int flags);

        static native int munlock(long address, long length);

        static native int setsid();

        static native void _exit(int status);

        static native int getpagesize();

        static native int fsync(int fd);

        static native long pread(int fd, long address, long length, long offset);

        static native long pwrite(int fd, long address, long length, long offset);

        static native long lseek(int fd, long offset, int whence);

        static native int syncfs(int fd);

        static native int statvfs(long path, long to);
    }
}
