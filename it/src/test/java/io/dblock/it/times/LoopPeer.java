// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import io.dblock.it.support.Commands;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** A loop device over a file in memory. */
final class LoopPeer implements SteppedPeer {
    private interface C extends Library {
        int open(String path, int flags) throws LastErrorException;

        int close(int fd) throws LastErrorException;

        int ioctl(int fd, NativeLong request, NativeLong argument) throws LastErrorException;
    }

    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final long LOOP_SET_FD = 0x4C00;
    private static final long LOOP_CLR_FD = 0x4C01;
    private static final long LOOP_CTL_GET_FREE = 0x4C82;

    private static final C LIBC = Native.load("c", C.class);

    private final Path file;
    private final int backing;
    private final int control;
    private int loop = -1;

    LoopPeer() throws IOException {
        Commands.run("modprobe", "loop");
        file = Files.createTempFile("loop", ".img");
        try (RandomAccessFile sized = new RandomAccessFile(file.toFile(), "rw")) {
            sized.setLength((long) MIB << 20);
        }
        backing = open(file);
        control = open(Path.of("/dev/loop-control"));
    }

    private static int open(Path path) {
        return LIBC.open(path.toString(), O_RDWR | O_CLOEXEC);
    }

    private static int ioctl(int fd, long request, long argument) {
        return LIBC.ioctl(fd, new NativeLong(request), new NativeLong(argument));
    }

    @Override
    public String create() {
        String name = "loop" + ioctl(control, LOOP_CTL_GET_FREE, 0);
        loop = open(Path.of("/dev", name));
        ioctl(loop, LOOP_SET_FD, backing);
        return name;
    }

    @Override
    public void destroy() {
        ioctl(loop, LOOP_CLR_FD, 0);
        LIBC.close(loop);
    }

    @Override
    public void close() {
        LIBC.close(control);
        LIBC.close(backing);
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new AssertionError("Cannot delete " + file, e);
        }
    }
}
