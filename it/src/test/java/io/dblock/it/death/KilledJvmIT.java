// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** A JVM that serves a mounted device dies without a word. */
class KilledJvmIT {

    /** The promise is 2 s; under emulation a bound must be generous. The figure itself is reported. */
    private static final Duration BOUND = Duration.ofSeconds(60);

    @Test
    void theDeviceOfAKilledJvmGoesAndNothingHangs(TestReporter reporter) throws Exception {
        Process victim = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Victim.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String line;
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(victim.getInputStream(), StandardCharsets.UTF_8))) {
            line = output.readLine();
            assertThat(line).as("the victim's node and mount point").isNotNull();
            victim.destroyForcibly();
            long killed = System.nanoTime();

            int space = line.indexOf(' ');
            Path node = Path.of(line.substring(0, space));
            Path mount = Path.of(line.substring(space + 1));
            Poll.until(
                    node + " to go after kill -9 of its server",
                    BOUND,
                    () -> Files.notExists(
                            Path.of("/sys/block", node.getFileName().toString())));
            Duration deviceGone = Duration.ofNanos(System.nanoTime() - killed);
            Poll.until("the victim to be gone", BOUND, () -> !victim.isAlive());
            Duration processGone = Duration.ofNanos(System.nanoTime() - killed);
            assertThat(node).doesNotExist();
            assertThat(hungTasks()).as("tasks in uninterruptible sleep").isEmpty();

            // The mount is left behind: the next use of the library clears it, because its owner is dead.
            assertThat(Files.readString(Path.of("/proc/self/mounts"))).contains(mount.toString());
            try (BlockDevice next = BlockDevice.builder().size("1MiB").create()) {
                assertThat(next.path()).exists();
            }
            assertThat(Files.readString(Path.of("/proc/self/mounts"))).doesNotContain(mount.toString());

            String report = "device gone after " + deviceGone.toMillis() + " ms, process after "
                    + processGone.toMillis() + " ms";
            System.out.println("kill -9 under I/O: " + report);
            reporter.publishEntry("kill -9", report);
        } finally {
            victim.destroyForcibly();
        }
        assertThat(Commands.run("dmesg")).doesNotContain("blocked for more than");
    }

    private static List<String> hungTasks() throws Exception {
        try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
            return processes
                    .filter(p -> p.getFileName().toString().matches("\\d+"))
                    .flatMap(KilledJvmIT::stateLines)
                    .filter(l -> l.contains("State:\tD"))
                    .toList();
        }
    }

    private static Stream<String> stateLines(Path process) {
        try {
            String status = Files.readString(process.resolve("status"));
            // Kernel threads rest in D at times; only processes count, and those have memory.
            return status.contains("VmRSS") ? Stream.of(status) : Stream.empty();
        } catch (java.io.IOException e) {
            return Stream.empty(); // it ended meanwhile
        }
    }
}
