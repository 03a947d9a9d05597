// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.testcontainers.ContainerDisk;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.postgresql.PostgreSQLContainer;
import org.testcontainers.utility.DockerImageName;

@Testcontainers
class ContainerCutTest {

    // Yours is "postgres:17".
    static final DockerImageName IMAGE =
            DockerImageName.parse("dblock/postgres").asCompatibleSubstituteFor("postgres");

    @DblockDevice(size = "512MiB", filesystem = EXT4)
    static BlockDevice disk;

    static final ContainerDisk data = ContainerDisk.of(() -> disk);

    @Container
    static final PostgreSQLContainer postgres =
            data.mountIn(new PostgreSQLContainer(IMAGE)).withStartupTimeout(Duration.ofMinutes(5));

    @Test
    void aCommitIsDurable() throws Exception {
        try (Connection connection = postgres.createConnection("")) {
            Statement sql = connection.createStatement();
            sql.execute("CREATE TABLE ledger (entry text)");
            data.requireFlush(() -> sql.execute("INSERT INTO ledger VALUES ('paid')"));
        }
        data.powerCut(); // kills the container, cuts the power, restores it, and starts the container again
        try (Connection connection = postgres.createConnection("");
                Statement sql = connection.createStatement()) {
            assertTrue(sql.executeQuery("SELECT entry FROM ledger").next());
        }
    }
}
