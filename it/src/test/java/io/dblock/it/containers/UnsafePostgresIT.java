// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.testcontainers.ContainerDisk;
import io.dblock.testcontainers.Durability;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.JdbcDatabaseContainer;

/** Tests of PostgreSQL as Testcontainers' module starts it: with fsync=off. */
class UnsafePostgresIT {
    /** ext4 flushes by itself only every ten minutes. */
    @DblockDevice(size = "512MiB", filesystem = EXT4, mountOptions = "commit=600")
    private BlockDevice disk;

    @Test
    void whatWasAcknowledgedIsLost() throws Exception {
        ContainerDisk data = ContainerDisk.of(disk).durability(Durability.AS_CONFIGURED);
        try (JdbcDatabaseContainer<?> postgres = data.mountIn(Images.postgres())) {
            postgres.start();
            Table table = new Table(postgres);
            table.create();
            table.execute("CHECKPOINT");
            disk.dropCaches(); // so that the table survives
            assertThatThrownBy(() -> data.requireFlush(() -> table.insert(1)))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("Nothing was flushed to " + disk.name());
            data.powerCut();
            assertThat(table.rows())
                    .as("of the acknowledged %s", table.acknowledged())
                    .isEmpty();
        }
    }

    @Test
    void itDoesNotStartIfSafeSettingsAreRequired() {
        try (JdbcDatabaseContainer<?> postgres =
                ContainerDisk.of(disk).durability(Durability.REQUIRED).mountIn(Images.postgres())) {
            assertThatThrownBy(postgres::start)
                    .hasRootCauseInstanceOf(IllegalStateException.class)
                    .rootCause()
                    .hasMessageContaining("does not start: with fsync=off");
        }
    }
}
