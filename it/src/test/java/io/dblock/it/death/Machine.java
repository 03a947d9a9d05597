// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.internal.device.StaleRuns;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** What is looked at after a death: the machine has to be as if nothing had been. */
final class Machine {

    /** As the guest's own watch has them, see guest-init.c; a machine that is no guest has none. */
    private static final Pattern KERNEL_TROUBLE = Pattern.compile(
            "WARNING: |BUG: |kernel BUG at|Oops|general protection fault|Unable to handle kernel|blocked for more than"
                    + "|detected stall|soft lockup|hard LOCKUP|possible recursive locking|possible circular locking"
                    + "|inconsistent lock state|suspicious RCU usage|KASAN:|UBSAN:|refcount_t:|list_add corruption"
                    + "|list_del corruption|Bad page state|scheduling while atomic|invalid context at"
                    + "|Objects remaining in|Out of memory: Killed process");

    private static final Path PROC = Path.of("/proc");

    private Machine() {}

    /** The devices there are. */
    static List<String> devices() throws IOException {
        return entries(Path.of("/sys/block"), "dblock*");
    }

    /** The mounts of dblock devices. */
    static List<String> mounts() throws IOException {
        return Files.readAllLines(PROC.resolve("self/mountinfo")).stream()
                .filter(line -> line.contains(" /dev/dblock"))
                .toList();
    }

    /** Loop devices that are in use. */
    static List<String> loops() throws IOException {
        List<String> used = new ArrayList<>();
        for (String loop : entries(Path.of("/sys/block"), "loop*")) {
            if (Files.exists(Path.of("/sys/block", loop, "loop/backing_file"))) {
                used.add(loop);
            }
        }
        return used;
    }

    /** Every thread of the machine that sleeps uninterruptibly now, and where in the kernel. */
    static List<String> uninterruptible() throws IOException {
        List<String> found = new ArrayList<>();
        for (String pid : entries(PROC, "[0-9]*")) {
            Path tasks = PROC.resolve(pid).resolve("task");
            for (String task : entries(tasks, "[0-9]*")) {
                String stat = read(tasks.resolve(task).resolve("stat"));
                int end = stat.lastIndexOf(')');
                if (end > 0 && stat.startsWith(") D", end)) {
                    found.add(stat.substring(0, end + 3) + "\n"
                            + read(tasks.resolve(task).resolve("stack")));
                }
            }
        }
        return found;
    }

    /** Where the threads of a process wait in the kernel, those that only wait for each other left out. */
    static String kernelStacks(long pid) throws IOException {
        StringBuilder text = new StringBuilder();
        Path tasks = PROC.resolve(Long.toString(pid)).resolve("task");
        for (String task : entries(tasks, "[0-9]*")) {
            String stack = read(tasks.resolve(task).resolve("stack"));
            if (!stack.contains("futex_wait")) {
                text.append(read(tasks.resolve(task).resolve("stat"))).append(stack);
            }
        }
        return text.toString();
    }

    /** The server processes of a JVM. */
    static List<Long> serversOf(long testJvm) throws IOException {
        List<Long> found = new ArrayList<>();
        for (String pid : entries(PROC, "[0-9]*")) {
            if (read(PROC.resolve(pid).resolve("cmdline")).endsWith("ServerMain\0" + testJvm + "\0")) {
                found.add(Long.parseLong(pid));
            }
        }
        return found;
    }

    /** What a process was started with; one empty word if it is gone. */
    static List<String> commandOf(long pid) {
        return List.of(read(PROC.resolve(Long.toString(pid)).resolve("cmdline")).split("\0", -1));
    }

    /** Waits until the devices are gone, with whatever is still mounted on them. */
    static void awaitNoDevices(Duration bound) {
        Poll.until("the devices to go", bound, () -> devices().isEmpty());
    }

    /** Has the library clear what dead JVMs have left, and waits until the machine is clean. */
    static void awaitClean(Duration bound) throws IOException {
        List<String> cleared = StaleRuns.clearAll();
        String after = cleared.isEmpty() ? "" : " (after the library has cleared: " + cleared + ")";
        await("no device" + after, bound, Machine::devices);
        await("no mount" + after, bound, Machine::mounts);
        await("no loop device" + after, bound, Machine::loops);
        await("no task in uninterruptible sleep", bound, Machine::uninterruptible);
    }

    private interface Look {
        List<String> found() throws IOException;
    }

    private static void await(String what, Duration bound, Look look) throws IOException {
        try {
            Poll.until(what, bound, () -> look.found().isEmpty());
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + ". There is: " + String.join("\n", look.found()), e);
        }
    }

    /** Unloads the module, which is either loaded and unused, or not loaded. */
    static void unload(Duration bound) {
        Poll.until("the module to be unloaded", bound, () -> {
            Kernel.unload("dblock");
            return Files.notExists(Path.of("/sys/module/dblock"));
        });
    }

    /** What is wrong with the kernel since a note in its log, a line for each; the note has to be there. */
    static List<String> troubleSince(String note) {
        String log = Kernel.log();
        int from = log.lastIndexOf(note);
        // A log that has run over the note is all the newer.
        return log.substring(Math.max(0, from))
                .lines()
                .filter(line -> KERNEL_TROUBLE.matcher(line).find())
                .toList();
    }

    private static List<String> entries(Path directory, String glob) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
            stream.forEach(path -> names.add(path.getFileName().toString()));
        } catch (NoSuchFileException e) {
            return List.of(); // a process that has ended meanwhile
        }
        return names;
    }

    /** Empty if the process has ended meanwhile. */
    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}
