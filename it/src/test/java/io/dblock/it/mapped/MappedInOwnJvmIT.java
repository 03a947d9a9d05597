// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A JVM that maps files of a disk which it serves itself waits for itself, and is helped out of that. */
class MappedInOwnJvmIT {
    private static final int REQUEST_TIMEOUT_SECONDS = 15;
    /** What nobody helps does not end at all. */
    private static final Duration END = Duration.ofMinutes(8);

    private static final Duration GONE = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    private Path output;
    private Path errors;
    private Process process;

    @BeforeEach
    void start() throws IOException {
        output = directory.resolve("output");
        errors = directory.resolve("errors");
        process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx64m",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        MappedInOwnJvm.class.getName(),
                        Integer.toString(REQUEST_TIMEOUT_SECONDS))
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile())
                .start();
    }

    @AfterEach
    void end() throws Exception {
        process.destroyForcibly();
        Poll.until("the JVM to end that maps its own disk", GONE, () -> !process.isAlive());
    }

    @Test
    void aJvmThatWaitsForAPageOfItsOwnDiskIsToldWhyAndGetsAnError() throws Exception {
        try {
            Poll.until("the JVM to end that maps its own disk", END, () -> !process.isAlive());
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\n" + said() + "\n" + String.join("\n", uninterruptible()), e);
        }
        String said = said();
        assertThat(process.exitValue()).as("%s", said).isZero();
        assertThat(Files.readString(output))
                .as("what the test sees: %s", said)
                .contains("error java.lang.InternalError")
                .endsWith("closed\n");
        assertThat(Files.readString(errors))
                .as("what the watchdog says")
                .contains("A file of the disk is mapped into the memory of the JVM that answers for the disk")
                .contains("placement = SERVER_PROCESS")
                .contains("is removed by force");
        assertThat(Files.readString(output))
                .as("what the device has kept of it")
                .contains("A file of the disk is mapped into the memory of the JVM that answers for the disk");

        Matcher disk = Pattern.compile("^disk (dblock\\S+)$", Pattern.MULTILINE).matcher(Files.readString(output));
        assertThat(disk.find()).isTrue();
        Poll.until(disk.group(1) + " to be gone", GONE, () -> Files.notExists(Path.of("/sys/block", disk.group(1))));
        assertThat(Files.readString(Path.of("/proc/self/mounts"))).doesNotContain("/dev/" + disk.group(1) + " ");
        Poll.until("nobody to wait in the kernel", GONE, () -> uninterruptible().isEmpty());
        System.out.println(
                "A JVM that mapped files of its own disk, requestTimeout " + REQUEST_TIMEOUT_SECONDS + " s:\n"
                        + (Files.readString(output) + Files.readString(errors))
                                .lines()
                                .filter(line -> line.matches("\\S.*|  (cause|way out|the device): .*"))
                                .collect(Collectors.joining("\n"))
                                .indent(2));
    }

    private String said() throws IOException {
        return "output:\n" + Files.readString(output) + "errors:\n" + Files.readString(errors);
    }

    /** The tasks that have memory, so are no threads of the kernel's, and are in D. */
    private static List<String> uninterruptible() throws IOException {
        List<String> found = new ArrayList<>();
        try (Stream<Path> processes = Files.list(Path.of("/proc"))) {
            for (Path pid : processes
                    .filter(p -> p.getFileName().toString().matches("\\d+"))
                    .toList()) {
                try (Stream<Path> tasks = Files.list(pid.resolve("task"))) {
                    for (Path task : tasks.toList()) {
                        String status = Files.readString(task.resolve("status"));
                        if (status.contains("VmRSS") && status.contains("State:\tD")) {
                            found.add(status.lines().findFirst().orElse("") + "\n"
                                    + Files.readString(task.resolve("stack")));
                        }
                    }
                } catch (IOException e) {
                    // It has ended meanwhile, or one of its tasks.
                }
            }
        }
        return found;
    }
}
