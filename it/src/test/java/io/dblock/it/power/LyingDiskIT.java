// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.power;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.fault.Fault;
import io.dblock.handler.Operation;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What was acknowledged as durable outlives a power cut on a disk that keeps its word, and does not on one that lies. */
class LyingDiskIT {

    private static final int RECORDS = 20;

    // ---- a file and fsync ----

    @Test
    void aSyncedFileIsKeptByACorrectDisk(@DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk)
            throws Exception {
        appendAndSync(disk.mount().resolve("ledger"));
        disk.powerCut(Survivors.NONE);
        disk.restorePower();
        assertThat(Files.size(disk.mount().resolve("ledger"))).isEqualTo(RECORDS * 512L);
    }

    @Test
    void aSyncedFileIsLostByADiskThatIgnoresFlushes(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        try (Fault lie = disk.faults().onAny().named("lie").ignoreFlushes()) {
            appendAndSync(ledger);
            assertThat(lie.hits()).as("flushes it took no notice of").isPositive();
            disk.powerCut(Survivors.NONE);
        }
        disk.restorePower();
        Path found = disk.mount().resolve("ledger");
        long kept = Files.exists(found) ? Files.size(found) : 0;
        System.out.println("ext4 on a lying disk: of " + RECORDS * 512 + " bytes synced, " + kept + " are left");
        assertThat(kept).isLessThan(RECORDS * 512L);
    }

    private static void appendAndSync(Path file) throws Exception {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int i = 0; i < RECORDS; i++) {
                channel.write(ByteBuffer.allocate(512), i * 512L);
                channel.force(true);
            }
        }
    }

    // ---- SQLite ----

    @Test
    void aCommittedTransactionIsKeptByACorrectDisk(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        assertThat(rowsAfterCut(disk, "WAL", "FULL")).isEqualTo(RECORDS);
    }

    @Test
    void aCommittedTransactionIsLostByADiskThatIgnoresFlushes(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        Fault lie = disk.faults().onAny().named("lie").ignoreFlushes();
        assertThat(rowsAfterCut(disk, "WAL", "FULL")).isLessThan(RECORDS);
        assertThat(lie.hits()).as("flushes it took no notice of").isPositive();
    }

    /**
     * The disk is right, and the database does not ask it: synchronous=OFF is the same lie, one layer up. The flushes are held
     * meanwhile: ext4 asks by itself every 5 seconds.
     */
    @Test
    void aTransactionThatWasNeverSyncedIsLostByACorrectDisk(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4) BlockDevice disk) throws Exception {
        int rows = rowsAfterCut(
                disk,
                "WAL",
                "OFF",
                () -> Optional.of(disk.faults().on(Operation.FLUSH).lenient().hold()));
        assertThat(rows).isZero();
    }

    /**
     * With a rollback journal a transaction is committed by removing the journal. FULL does not sync the directory after
     * that, so a cut brings the journal back, which rolls back the last transaction: EXTRA is there for it
     * (https://sqlite.org/pragma.html#pragma_synchronous). Unless ext4 commits by itself, which it does once an hour here.
     */
    @Test
    void fullWithARollbackJournalLosesTheLastTransactionAndExtraNone(
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4, mountOptions = "commit=3600") BlockDevice full,
            @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4, mountOptions = "commit=3600") BlockDevice extra)
            throws Exception {
        assertThat(rowsAfterCut(full, "DELETE", "FULL")).isEqualTo(RECORDS - 1);
        assertThat(rowsAfterCut(extra, "DELETE", "EXTRA")).isEqualTo(RECORDS);
    }

    /** Commits each row in a transaction of its own, cuts the power when all have been acknowledged, and restores it. */
    private static int rowsAfterCut(BlockDevice disk, String journal, String synchronous) throws SQLException {
        return rowsAfterCut(disk, journal, synchronous, Optional::empty);
    }

    /** The same with a rule that is armed when there is a table, until the power is off. */
    private static int rowsAfterCut(
            BlockDevice disk, String journal, String synchronous, Supplier<Optional<Fault>> meanwhile)
            throws SQLException {
        Path file = disk.mount().resolve("test.db");
        Optional<Fault> rule = Optional.empty();
        Connection connection = open(file);
        try {
            try (Statement statement = connection.createStatement()) {
                if (journal.equals("WAL")) {
                    // No shared memory with other processes: it would be a mapped file on the device.
                    // A rollback journal needs none, and would not be removed.
                    statement.execute("PRAGMA locking_mode=EXCLUSIVE");
                }
                statement.execute("PRAGMA journal_mode=" + journal);
                statement.execute("PRAGMA synchronous=" + synchronous);
                statement.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, text TEXT)");
            }
            rule = meanwhile.get();
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO ledger VALUES (?, ?)")) {
                for (int i = 0; i < RECORDS; i++) {
                    insert.setInt(1, i);
                    insert.setString(2, "entry " + i);
                    assertThat(insert.executeUpdate()).isEqualTo(1);
                }
                disk.powerCut(Survivors.NONE);
            }
        } finally {
            closeWithoutPower(connection);
            rule.ifPresent(Fault::close);
        }
        disk.restorePower();
        int rows = rows(disk);
        System.out.println("SQLite, journal_mode=" + journal + ", synchronous=" + synchronous + ", rules "
                + disk.faults().list() + ": of " + RECORDS + " committed rows, " + rows + " are left");
        return rows;
    }

    private static Connection open(Path file) throws SQLException {
        return DriverManager.getConnection("jdbc:sqlite:" + file);
    }

    /** The process would be gone as well; here its files are closed, which may well fail. */
    private static void closeWithoutPower(Connection connection) {
        try {
            connection.close();
        } catch (SQLException e) {
            assertThat(e.getMessage()).containsIgnoringCase("I/O");
        }
    }

    /** How many rows are found after the power is back; 0 if there is no table, or no database any more. */
    private static int rows(BlockDevice disk) throws SQLException {
        Path file = disk.mount().resolve("test.db");
        if (!Files.exists(file)) {
            return 0;
        }
        try (Connection connection = open(file);
                Statement statement = connection.createStatement()) {
            try (ResultSet check = statement.executeQuery("PRAGMA integrity_check")) {
                assertThat(check.getString(1)).isEqualTo("ok");
            }
            try (ResultSet tables =
                    statement.executeQuery("SELECT count(*) FROM sqlite_master WHERE name = 'ledger'")) {
                if (tables.getInt(1) == 0) {
                    return 0;
                }
            }
            try (ResultSet found = statement.executeQuery("SELECT count(*) FROM ledger")) {
                return found.getInt(1);
            }
        }
    }
}
