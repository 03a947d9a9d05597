// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests of what is said when a container's disk is described wrongly. */
class ContainerDiskTest {
    private final BlockDevice disk = FakeDisk.of("dblock0", List.of(), Optional.empty());
    private BlockDevice later;

    @Test
    void aFieldThatIsNotInjectedYetIsRefusedWithTheRemedy() {
        assertThatThrownBy(() -> ContainerDisk.of(later))
                .isInstanceOf(NullPointerException.class)
                .hasMessageContaining("use ContainerDisk.of(() -> disk)");
    }

    @Test
    void aDeviceIsAskedForWhenItIsNeeded() {
        ContainerDisk data = ContainerDisk.of(() -> later);
        assertThatThrownBy(data::device)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("returned null")
                .hasMessageContaining("a static field has its device from @BeforeAll on");
        later = disk;
        assertThat(data.device()).isSameAs(disk);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/data", "..", "../data", "a/../..", "."})
    void aDirectoryOutsideOfTheFilesystemIsRefused(String name) {
        assertThatThrownBy(() -> ContainerDisk.of(disk).directory(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("directory is \"" + name + "\"");
    }

    @Test
    void anOwnerHasNumbers() {
        assertThatThrownBy(() -> ContainerDisk.of(disk).owner(-1, 0)).hasMessageContaining("owner is -1:0");
    }

    @Test
    void aPathInAContainerIsAbsolute() {
        assertThatThrownBy(() -> ContainerDisk.of(disk).mountIn(new FakeContainer("ledger"), "data"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("path is \"data\"");
    }
}
