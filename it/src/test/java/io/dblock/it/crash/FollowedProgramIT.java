// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static java.lang.ProcessBuilder.Redirect.INHERIT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.crash.WriteAheadLog.Bug;
import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Verdict;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A crash test of a program in a process of its own, which acknowledges by what it prints. */
@Timeout(600)
class FollowedProgramIT {
    private static final int ENTRIES = 6;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "commit=3600")
    BlockDevice disk;

    @Test
    void aProgramWithoutABugLosesNothing() throws Exception {
        Verdict.of("a program of its own", test()).isNoLoss(20);
    }

    @Test
    void aProgramThatDoesNotSyncLosesWhatItHasPrinted() throws Exception {
        AssertionError failure =
                Verdict.of("a program without sync", test(Bug.NO_SYNC)).isLoss(disk, () -> test(Bug.NO_SYNC));
        assertThat(failure).hasMessageContaining("The acknowledgement that does not hold: ");
    }

    @Test
    void aProgramThatFailsFailsTheTest() {
        CrashTest test = CrashTest.of(disk)
                .workload(run -> run.follow(new ProcessBuilder("false").start(), LIMIT))
                .check(state -> assertThat(state.mount()).isDirectory());
        assertThatThrownBy(test::verify).isInstanceOf(AssertionError.class).hasMessageContaining("ended with status 1");
    }

    private CrashTest test(Bug... bugs) {
        return CrashTest.of(disk)
                .workload(run -> run.follow(start(disk.mount(), bugs), LIMIT))
                .check(state -> {
                    try (WriteAheadLog log = WriteAheadLog.open(state.mount(), List.of(bugs))) {
                        assertThat(log.map().keySet())
                                .containsAll(state.acknowledged(String.class).stream()
                                        .map(Integer::valueOf)
                                        .toList());
                    }
                })
                .within(Duration.ofSeconds(20));
    }

    private static Process start(Path directory, Bug... bugs) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                ClassPath.placeOf(Program.class).toString(),
                Program.class.getName(),
                directory.toString()));
        Stream.of(bugs).map(Enum::name).forEach(command::add);
        return new ProcessBuilder(command).redirectError(INHERIT).start();
    }

    /** Writes to a log, and prints the number of each entry that is durable. */
    static final class Program {
        private Program() {}

        public static void main(String[] args) throws Exception {
            List<Bug> bugs = Arrays.stream(args).skip(1).map(Bug::valueOf).toList();
            try (WriteAheadLog log = WriteAheadLog.open(Path.of(args[0]), bugs)) {
                for (int i = 1; i <= ENTRIES; i++) {
                    int entry = i;
                    log.put(entry, 1000 + entry, () -> System.out.println(entry));
                }
            }
        }
    }
}
