// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SqliteExample {

    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "commit=3600")
    BlockDevice disk;

    @Test
    void whatIsCommittedSurvivesEveryCut() throws Exception {
        try (Connection database = open(disk.mount());
                Statement sql = database.createStatement()) {
            sql.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY)");
        }
        CrashTest.of(disk)
                .workload(run -> {
                    try (Connection database = open(disk.mount());
                            Statement sql = database.createStatement()) {
                        for (int id = 0; id < 5; id++) {
                            sql.execute("INSERT INTO ledger VALUES (" + id + ")");
                            run.acknowledge(id);
                        }
                    }
                })
                .check(state -> {
                    try (Connection database = open(state.mount());
                            Statement sql = database.createStatement();
                            ResultSet rows = sql.executeQuery("SELECT id FROM ledger")) {
                        List<Integer> ids = new ArrayList<>();
                        while (rows.next()) {
                            ids.add(rows.getInt(1));
                        }
                        assertThat(ids).containsAll(state.acknowledged(Integer.class));
                    }
                })
                .verify();
    }

    private static Connection open(Path directory) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("ledger.db"));
    }
}
