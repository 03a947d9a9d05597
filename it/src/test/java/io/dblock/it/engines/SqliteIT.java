// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import io.dblock.it.support.Verdict;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * SQLite's modes. A rollback journal is removed when its transaction is committed, and FULL does not sync the directory after
 * that. A power cut brings the journal back, and it rolls back the last committed transaction. EXTRA and the write-ahead log
 * do not lose it (https://sqlite.org/pragma.html#pragma_synchronous).
 */
@Timeout(600)
class SqliteIT {
    private static final int ROWS = 5;

    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "commit=3600") // ext4 commits when it is asked to
    BlockDevice disk;

    @Test
    void fullLosesTheLastCommittedRowOfARollbackJournal() throws Exception {
        loses("DELETE", "FULL");
    }

    @Test
    void extraLosesNone() throws Exception {
        losesNone("DELETE", "EXTRA");
    }

    @Test
    void fullLosesNoneWithAWriteAheadLog() throws Exception {
        losesNone("WAL", "FULL");
    }

    @Test
    void offLoses() throws Exception {
        loses("DELETE", "OFF");
    }

    private void loses(String journalMode, String synchronous) throws Exception {
        AssertionError failure = Verdict.of("SQLite " + journalMode + " " + synchronous, test(journalMode, synchronous))
                .isLoss(disk, () -> test(journalMode, synchronous));
        assertThat(failure).hasMessageContaining("The acknowledgement that does not");
    }

    private void losesNone(String journalMode, String synchronous) throws Exception {
        Verdict.of("SQLite " + journalMode + " " + synchronous, test(journalMode, synchronous))
                .isNoLoss(50);
    }

    private CrashTest test(String journalMode, String synchronous) throws SQLException {
        try (Connection database = open(disk.mount());
                Statement sql = database.createStatement()) {
            sql.execute("PRAGMA journal_mode=" + journalMode);
            sql.execute("PRAGMA synchronous=EXTRA");
            sql.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, text TEXT)");
        }
        return CrashTest.of(disk)
                .workload(run -> {
                    try (Connection database = open(disk.mount());
                            Statement sql = database.createStatement()) {
                        sql.execute("PRAGMA synchronous=" + synchronous);
                        for (int id = 0; id < ROWS; id++) {
                            sql.execute("INSERT INTO ledger VALUES (" + id + ", 'row " + id + "')");
                            run.acknowledge(id);
                        }
                    }
                })
                .check(state -> {
                    try (Connection database = open(state.mount());
                            Statement sql = database.createStatement()) {
                        try (ResultSet checked = sql.executeQuery("PRAGMA integrity_check")) {
                            assertThat(checked.getString(1)).isEqualTo("ok");
                        }
                        List<Integer> ids = new ArrayList<>();
                        try (ResultSet rows = sql.executeQuery("SELECT id FROM ledger")) {
                            while (rows.next()) {
                                ids.add(rows.getInt(1));
                            }
                        }
                        assertThat(ids).containsAll(state.acknowledged(Integer.class));
                    }
                })
                .within(Duration.ofSeconds(30));
    }

    private static Connection open(Path directory) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("ledger.db"));
    }
}
