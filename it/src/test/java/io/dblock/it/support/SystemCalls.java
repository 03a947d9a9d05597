// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import io.dblock.handler.Errno;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * A file as a native application has it: its calls, and the error numbers they end with. Java's own channels tell only a
 * translated text of these.
 */
public final class SystemCalls implements AutoCloseable {

    /** The C library's, with the types of x86-64 and ARM64. */
    private interface C extends Library {
        int open(String path, int flags) throws LastErrorException;

        int close(int fd) throws LastErrorException;

        long pread(int fd, Pointer to, long length, long offset) throws LastErrorException;

        long pwrite(int fd, Pointer from, long length, long offset) throws LastErrorException;

        int fsync(int fd) throws LastErrorException;

        int syncfs(int fd) throws LastErrorException;

        int fallocate(int fd, int mode, long offset, long length) throws LastErrorException;

        int ioctl(int fd, NativeLong request, Pointer argument) throws LastErrorException;

        int fcntl(int fd, int command, Pointer argument) throws LastErrorException;

        int posix_fadvise(int fd, long offset, long length, int advice);
    }

    private static final int O_RDONLY = 0;
    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_DSYNC = 0x1000;
    private static final int O_DIRECT = Platform.isARM() ? 0x10000 : 0x4000;
    private static final int POSIX_FADV_RANDOM = 1;
    private static final int POSIX_FADV_DONTNEED = 4;
    private static final int FALLOC_FL_KEEP_SIZE = 0x1;
    private static final int FALLOC_FL_PUNCH_HOLE = 0x2;
    private static final int FALLOC_FL_ZERO_RANGE = 0x10;
    private static final NativeLong BLKDISCARD = new NativeLong(0x1277);
    private static final int F_SET_RW_HINT = 1024 + 12;
    private static final int PAGE = 4096;

    private static final C LIBC = Native.load("c", C.class);

    /** How a file is opened. */
    public enum Mode {
        /** Through the page cache, without reading ahead. */
        BUFFERED(0),
        /** Past the page cache. */
        DIRECT(O_DIRECT),
        /** Past it, and each write durable when it is done. */
        DIRECT_DSYNC(O_DIRECT | O_DSYNC);

        private final int flags;

        Mode(int flags) {
            this.flags = flags;
        }
    }

    /** How a call ended: how many bytes, or an error number. */
    public record Outcome(long bytes, int errno) {
        /** Whether it succeeded. */
        public boolean ok() {
            return errno == 0;
        }

        /** The error, if it failed with one that has a name here. */
        public Optional<Errno> error() {
            return Arrays.stream(Errno.values())
                    .filter(known -> known.number() == errno)
                    .findFirst();
        }

        /** "ok", "ok 4096", "EIO", or "errno 4711". */
        @Override
        public String toString() {
            if (ok()) {
                return bytes == 0 ? "ok" : "ok " + bytes;
            }
            return error().map(Errno::name).orElse("errno " + errno);
        }
    }

    @FunctionalInterface
    private interface Call {
        long make();
    }

    private final int fd;

    /** Opens a file or a device for reading and writing. */
    public SystemCalls(Path path, Mode mode) {
        fd = LIBC.open(path.toString(), O_RDWR | O_CLOEXEC | mode.flags);
        if (mode == Mode.BUFFERED) {
            LIBC.posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        }
    }

    /** Memory for direct I/O, zeros. */
    public static Pointer memory(int length) {
        Memory memory = new Memory(length + PAGE);
        memory.clear();
        return memory.align(PAGE);
    }

    /** Calls pread. */
    public Outcome read(Pointer to, long length, long offset) {
        return outcome(() -> LIBC.pread(fd, to, length, offset));
    }

    /** Calls pwrite. */
    public Outcome write(Pointer from, long length, long offset) {
        return outcome(() -> LIBC.pwrite(fd, from, length, offset));
    }

    /**
     * Writes zeros from this offset on, call after call, until all are written or a call fails; a call may write less than it
     * is asked for.
     */
    public Outcome writeAll(long length, long offset) {
        Pointer zeros = memory(1 << 20);
        long written = 0;
        while (written < length) {
            Outcome one = write(zeros, Math.min(length - written, 1 << 20), offset + written);
            if (!one.ok()) {
                return new Outcome(written, one.errno());
            }
            written += one.bytes();
        }
        return new Outcome(written, 0);
    }

    /** Calls fsync. */
    public Outcome sync() {
        return outcome(() -> LIBC.fsync(fd));
    }

    /** Says how long what is written is expected to live, by an RWH_WRITE_LIFE_ number, with fcntl. */
    public Outcome writeHint(int hint) {
        Memory value = new Memory(Long.BYTES);
        value.setLong(0, hint);
        return outcome(() -> LIBC.fcntl(fd, F_SET_RW_HINT, value));
    }

    /** Discards, with the ioctl BLKDISCARD; of a device. */
    public Outcome discard(long offset, long length) {
        Memory range = new Memory(2 * Long.BYTES);
        range.setLong(0, offset);
        range.setLong(Long.BYTES, length);
        return outcome(() -> LIBC.ioctl(fd, BLKDISCARD, range));
    }

    /** Has the range read as zeros and lets the device give its space back: fallocate with PUNCH_HOLE. */
    public Outcome punchHole(long offset, long length) {
        return outcome(() -> LIBC.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
    }

    /** Has the range read as zeros and keep its space: fallocate with ZERO_RANGE. */
    public Outcome zeroRange(long offset, long length) {
        return outcome(() -> LIBC.fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length));
    }

    /** Has the clean pages of the file dropped. */
    public void forget() {
        LIBC.posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }

    /** Calls syncfs for the filesystem of a file or directory. */
    public static Outcome syncFilesystem(Path any) {
        return outcome(() -> {
            int fd = LIBC.open(any.toString(), O_RDONLY | O_CLOEXEC);
            try {
                return LIBC.syncfs(fd);
            } finally {
                LIBC.close(fd);
            }
        });
    }

    private static Outcome outcome(Call call) {
        try {
            return new Outcome(call.make(), 0);
        } catch (LastErrorException e) {
            return new Outcome(0, e.getErrorCode());
        }
    }

    @Override
    public void close() {
        LIBC.close(fd);
    }
}
