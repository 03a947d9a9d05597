// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.WRITE;
import static io.dblock.power.Survivors.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/**
 * SQLite's modes. A rollback journal is removed when its transaction is committed, and FULL does not sync the directory after
 * that. A power cut brings the journal back, and it rolls back the last committed transaction. EXTRA and the write-ahead log
 * do not lose it (https://sqlite.org/pragma.html#pragma_synchronous).
 */
class SqliteIT {
    private static final int ROWS = 3;

    @DblockDevice(size = "16MiB", filesystem = EXT4, mountOptions = "commit=3600") // ext4 commits when it is asked to
    BlockDevice disk;

    @Test
    void fullLosesTheLastCommittedRowOfARollbackJournal() throws Exception {
        assertThat(lostRows("DELETE", "FULL")).contains(1).containsOnly(0, 1);
    }

    @Test
    void extraLosesNone() throws Exception {
        assertThat(lostRows("DELETE", "EXTRA")).hasSizeGreaterThan(ROWS).containsOnly(0);
    }

    @Test
    void fullLosesNoneWithAWriteAheadLog() throws Exception {
        assertThat(lostRows("WAL", "FULL")).hasSizeGreaterThan(ROWS).containsOnly(0);
    }

    @Test
    void offLosesAll() throws Exception {
        assertThat(lostRows("DELETE", "OFF")).endsWith(ROWS);
    }

    /** How many committed rows a power cut loses: at each write to the disk, and when all rows are committed. */
    private List<Integer> lostRows(String journalMode, String synchronous) throws Exception {
        List<Integer> lost = new ArrayList<>();
        AtomicInteger committed = new AtomicInteger();
        try (Connection database = open(disk);
                Statement sql = database.createStatement()) {
            sql.execute("PRAGMA journal_mode=" + journalMode);
            sql.execute("PRAGMA synchronous=EXTRA");
            sql.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY)");
            sql.execute("PRAGMA synchronous=" + synchronous);
            CutPoints.Step commitRows = () -> {
                for (int id = 0; id < ROWS; id++) {
                    sql.execute("INSERT INTO ledger VALUES (" + id + ")");
                    committed.incrementAndGet();
                }
            };
            CutPoints.during(commitRows, disk.faults().on(WRITE), () -> {
                int acknowledged = committed.get();
                try (BlockDevice after = disk.fork(NONE)) {
                    lost.add(acknowledged - rowsBelow(acknowledged, after));
                }
            });
        }
        System.out.println("SQLite " + journalMode + " " + synchronous + ": rows lost " + lost);
        return lost;
    }

    private static int rowsBelow(int id, BlockDevice disk) throws Exception {
        try (Connection database = open(disk);
                Statement sql = database.createStatement()) {
            return sql.executeQuery("SELECT count(*) FROM ledger WHERE id < " + id)
                    .getInt(1);
        }
    }

    private static Connection open(BlockDevice disk) throws Exception {
        Path file = disk.mount().resolve("ledger.db");
        return DriverManager.getConnection("jdbc:sqlite:" + file);
    }
}
