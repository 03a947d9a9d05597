// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** System calls that Java does not have. Most cost a tenth of the program that would make them. */
final class Kernel {

    /** Has a JVM print the stacks of its threads. */
    static final int SIGQUIT = 3;

    static final int SIGSTOP = 19;
    static final int SIGCONT = 18;
    static final int SIGKILL = 9;

    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;
    private static final int SYSLOG_READ_ALL = 3;
    private static final int LOG_BYTES = 256 << 10;
    /** MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT. */
    private static final int MCL_ALL_ON_FAULT = 7;

    private interface C extends Library {
        int kill(int pid, int signal) throws LastErrorException;

        int mount(String source, String target, String type, long flags, String data) throws LastErrorException;

        int umount2(String target, int flags) throws LastErrorException;

        int delete_module(String name, int flags) throws LastErrorException;

        int klogctl(int type, Pointer buffer, int length) throws LastErrorException;

        int open(String path, int flags) throws LastErrorException;

        int dup2(int old, int number) throws LastErrorException;

        int close(int fd) throws LastErrorException;

        int mlockall(int flags) throws LastErrorException;

        int munlockall() throws LastErrorException;
    }

    private static final C LIBC = Native.load("c", C.class);

    private Kernel() {}

    static void signal(long pid, int signal) {
        LIBC.kill(Math.toIntExact(pid), signal);
    }

    static void mount(Path device, Path point, String type, String options) {
        LIBC.mount(device.toString(), point.toString(), type, 0, options);
    }

    static void unmount(Path point) {
        LIBC.umount2(point.toString(), 0);
    }

    /** Unloads a module; 0, or the error. */
    static int unload(String module) {
        try {
            LIBC.delete_module(module, O_NONBLOCK);
            return 0;
        } catch (LastErrorException e) {
            return e.getErrorCode();
        }
    }

    /** Closes a descriptor; its number is taken in the same step, so that nobody else gets it. */
    static void replaceByNothing(int fd) {
        int nothing = LIBC.open("/dev/null", O_CLOEXEC);
        LIBC.dup2(nothing, fd);
        LIBC.close(nothing);
    }

    /** Keeps this JVM's memory from being swapped out, so that it outlives a swap area that fails. */
    static void lockMemory() {
        LIBC.mlockall(MCL_ALL_ON_FAULT);
    }

    static void unlockMemory() {
        LIBC.munlockall();
    }

    /** The end of the kernel's log. */
    static String log() {
        try (Memory memory = new Memory(LOG_BYTES)) {
            int length = LIBC.klogctl(SYSLOG_READ_ALL, memory, LOG_BYTES);
            return new String(memory.getByteArray(0, length), StandardCharsets.UTF_8);
        }
    }

    /** Writes a line of our own to the kernel's log, so that whatever it says next has its place. */
    static void note(String line) {
        try {
            Files.writeString(Path.of("/dev/kmsg"), line + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
