// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.testcontainers.ContainerDisk;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;

/** Containers that come before their disks in the source, of the class and of the test. */
@Testcontainers
class FieldOrderIT {
    @Container
    private static final GenericContainer<?> FOR_ALL =
            ContainerDisk.of(() -> FieldOrderIT.shared).mountIn(Images.idle(), "/data");

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    private static BlockDevice shared;

    @Container
    private final GenericContainer<?> forThis = ContainerDisk.of(() -> this.own).mountIn(Images.idle(), "/data");

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    private BlockDevice own;

    @Test
    void theFirstTestHasBoth() throws Exception {
        hasBoth();
    }

    @Test
    void theSecondTestHasBoth() throws Exception {
        hasBoth();
    }

    private void hasBoth() throws Exception {
        assertThat(FOR_ALL.execInContainer("sh", "-c", "echo x >> /data/x").getExitCode())
                .isZero();
        assertThat(shared.mount().resolve("data/x")).content().startsWith("x\n");
        assertThat(forThis.execInContainer("sh", "-c", "echo y >> /data/y").getExitCode())
                .isZero();
        assertThat(own.mount().resolve("data/y")).hasContent("y\n");
    }
}
