// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
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
import org.junit.jupiter.api.Timeout;

/** What is known of SQLite's modes, see https://sqlite.org/pragma.html#pragma_synchronous. */
@Timeout(600)
class SqliteCrashIT {
    private static final int ROWS = 5;

    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "commit=3600") // ext4 commits when it is asked to
    BlockDevice disk;

    private static Connection open(Path mount) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + mount.resolve("ledger.db"));
    }

    private CrashReport verify(String journalMode, String synchronous) throws Exception {
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
                .verify();
    }

    private void loses(String journalMode, String synchronous) {
        Throwable failure =
                catchThrowable(() -> System.out.println("lost nothing: " + verify(journalMode, synchronous)));
        System.out.println("SQLite " + journalMode + " " + synchronous + ": " + failure);
        assertThat(failure)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("The acknowledgement that does not");
    }

    private void keeps(String journalMode, String synchronous) throws Exception {
        CrashReport report = verify(journalMode, synchronous);
        System.out.println("SQLite " + journalMode + " " + synchronous + ": " + report);
        assertThat(report.checked()).isGreaterThan(100);
    }

    @Test
    void fullLosesTheLastCommittedRowOfARollbackJournal() {
        loses("DELETE", "FULL");
    }

    @Test
    void extraLosesNone() throws Exception {
        keeps("DELETE", "EXTRA");
    }

    @Test
    void fullLosesNoneWithAWriteAheadLog() throws Exception {
        keeps("WAL", "FULL");
    }

    @Test
    void offLoses() {
        loses("DELETE", "OFF");
    }
}
