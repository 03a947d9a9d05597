// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.WRITE;
import static io.dblock.power.Survivors.NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/**
 * H2 finds its newest data by a header that is not always up to date, or else at the end of its file. 1.4.199 may overwrite
 * what the header leads to before it writes a new header. After a power cut in between it finds nothing: the database opens,
 * and is empty (https://github.com/h2database/h2database/pull/2049, in 1.4.200).
 *
 * <p>H2 reuses the space of old data after 45 seconds. RETENTION_TIME=0 has it do so at once, which is meant for programs that
 * sync, as this one does.
 */
class H2IT {
    private static final int ROWS = 8;

    @DblockDevice(size = "32MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void version14199OpensEmpty() throws Exception {
        assertThat(afterCuts("1.4.199", NONE)).contains("empty");
    }

    @Test
    void version23232HasAllCommittedRows() throws Exception {
        assertThat(afterCuts("2.3.232", NONE)).hasSizeGreaterThan(ROWS).containsOnly("complete");
    }

    @Test
    void version23232HasThemEvenIfWritesAreTorn() throws Exception {
        assertThat(afterCuts("2.3.232", Survivors.random(1).torn()))
                .hasSizeGreaterThan(ROWS)
                .containsOnly("complete");
    }

    /** What becomes of the database by a power cut: at each write to the disk, and when all rows are committed. */
    private List<String> afterCuts(String version, Survivors survivors) throws Exception {
        List<String> found = new ArrayList<>();
        AtomicInteger committed = new AtomicInteger();
        try (Engine h2 = Engine.of("h2", version);
                Connection database = open(h2, disk, ";RETENTION_TIME=0");
                Statement sql = database.createStatement()) {
            sql.execute("SET WRITE_DELAY 0");
            sql.execute("CREATE TABLE ledger (id INT PRIMARY KEY, text VARCHAR)");
            sql.execute("CHECKPOINT SYNC");
            CutPoints.Step commitRows = () -> {
                for (int id = 0; id < ROWS; id++) {
                    sql.execute("INSERT INTO ledger VALUES (" + id + ", '" + "paid ".repeat(1000) + "')");
                    sql.execute("CHECKPOINT SYNC");
                    committed.incrementAndGet();
                }
            };
            CutPoints.during(commitRows, disk.faults().on(WRITE), () -> {
                int acknowledged = committed.get();
                try (BlockDevice after = disk.fork(survivors)) {
                    found.add(state(h2, after, acknowledged));
                }
            });
        }
        System.out.println("H2 " + version + " after " + found.size() + " cuts, " + survivors + ": " + found);
        return found;
    }

    private static String state(Engine h2, BlockDevice disk, int acknowledged) throws Exception {
        try (Connection database = open(h2, disk, ";IFEXISTS=TRUE");
                Statement sql = database.createStatement();
                ResultSet rows = sql.executeQuery("SELECT count(*) FROM ledger WHERE id < " + acknowledged)) {
            rows.next();
            return rows.getInt(1) == acknowledged ? "complete" : "rows are missing";
        } catch (SQLException e) {
            return e.getMessage().contains("\"LEDGER\" not found") ? "empty" : e.getMessage();
        }
    }

    private static Connection open(Engine h2, BlockDevice disk, String options) throws Exception {
        Path file = disk.mount().resolve("ledger");
        Class<?> driver = h2.classLoader().loadClass("org.h2.Driver");
        return ((Driver) driver.getDeclaredConstructor().newInstance())
                .connect("jdbc:h2:" + file + ";DB_CLOSE_ON_EXIT=FALSE" + options, new Properties());
    }
}
