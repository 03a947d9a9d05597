// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static java.lang.ProcessBuilder.Redirect.INHERIT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashState;
import io.dblock.crash.CrashTest;
import io.dblock.junit.DblockDevice;
import io.dblock.testcontainers.ContainerDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.testcontainers.containers.GenericContainer;

/** Crash tests of a program in a container. */
class ContainerCrashIT {
    private static final int ENTRIES = 3;

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    private static void check(Path ledger, CrashState state) throws IOException {
        List<String> paid = Files.exists(ledger) ? Files.readAllLines(ledger) : List.of();
        assertThat(paid).containsAll(state.acknowledged(String.class));
    }

    /** A container without a terminal ends with its command, and prints what the command prints. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatAContainerHasPrintedSurvivesIfItIsSynced(boolean synced) {
        String program = "cd /data; for i in $(seq " + ENTRIES + "); do echo paid $i >> ledger; "
                + (synced ? "sync ledger; " : "") + "echo paid $i; done";
        CrashTest test = CrashTest.of(disk)
                .workload(run -> {
                    Process container = new ProcessBuilder(
                                    "docker",
                                    "run",
                                    "--rm",
                                    "-v",
                                    disk.mount() + ":/data",
                                    Images.DEBIAN,
                                    "sh",
                                    "-e",
                                    "-c",
                                    program)
                            .redirectError(INHERIT)
                            .start();
                    run.follow(container, Images.LIMIT);
                })
                .check(state -> check(state.mount().resolve("ledger"), state));
        if (synced) {
            test.verify();
        } else {
            assertThatThrownBy(test::verify).isInstanceOf(AssertionError.class).hasMessageContaining("paid 1");
        }
        assertThat(test.report().acknowledgements()).isEqualTo(ENTRIES);
    }

    @Test
    void whatAContainerOfTestcontainersAcknowledgesSurvives() {
        ContainerDisk data = ContainerDisk.of(disk);
        CrashTest test = CrashTest.of(disk)
                .workload(run -> {
                    try (GenericContainer<?> container = data.mountIn(Images.idle(), "/data")) {
                        container.start();
                        for (int i = 1; i <= ENTRIES; i++) {
                            String entry = "paid " + i;
                            String program = "echo " + entry + " >> /data/ledger && sync /data/ledger";
                            assertThat(container
                                            .execInContainer("sh", "-c", program)
                                            .getExitCode())
                                    .isZero();
                            run.acknowledge(entry);
                        }
                    }
                })
                .check(state -> check(state.mount().resolve("data/ledger"), state));
        test.verify();
        assertThat(test.report().acknowledgements()).isEqualTo(ENTRIES);
    }
}
