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
import java.sql.Driver;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;

/**
 * H2 finds its newest data by a header that is not always up to date, or else at the end of its file. 1.4.199 may overwrite
 * what the header leads to before it writes a new header. After a power cut in between it finds nothing of that, or what was there
 * when the database was closed: all rows that have been committed since are gone
 * (https://github.com/h2database/h2database/pull/2049, in 1.4.200).
 *
 * <p>H2 reuses the space of old data after 45 seconds. RETENTION_TIME=0 has it do so at once, which is meant for programs that
 * sync, as this one does.
 */
class H2IT {
    private static final int ROWS = 8;

    @DblockDevice(size = "32MiB", filesystem = EXT4, mountOptions = "commit=3600") // ext4 commits when it is asked to
    BlockDevice disk;

    @Test
    void version14199LosesAllCommittedRows() throws Exception {
        try (Engine h2 = Engine.of("h2", "1.4.199")) {
            AssertionError failure = Verdict.of("H2 1.4.199", test(h2)).isLoss(disk, () -> test(h2));
            assertThat(failure).hasMessageContaining("The acknowledgement that does not hold: 0 (number 1 of 2)");
        }
    }

    @Test
    void version23232HasAllCommittedRows() throws Exception {
        try (Engine h2 = Engine.of("h2", "2.3.232")) {
            Verdict.of("H2 2.3.232", test(h2)).isNoLoss(50);
        }
    }

    private CrashTest test(Engine h2) throws Exception {
        try (Connection database = open(h2, disk.mount(), "");
                Statement sql = database.createStatement()) {
            sql.execute("CREATE TABLE ledger (id INT PRIMARY KEY, text VARCHAR)");
        }
        return CrashTest.of(disk)
                .workload(run -> {
                    try (Connection database = open(h2, disk.mount(), ";RETENTION_TIME=0");
                            Statement sql = database.createStatement()) {
                        sql.execute("SET WRITE_DELAY 0"); // no thread writes by the clock
                        for (int id = 0; id < ROWS; id++) {
                            sql.execute("INSERT INTO ledger VALUES (" + id + ", '" + "paid ".repeat(1000) + "')");
                            sql.execute("CHECKPOINT SYNC");
                            run.acknowledge(id);
                        }
                    }
                })
                .check(state -> {
                    try (Connection database = open(h2, state.mount(), ";IFEXISTS=TRUE");
                            Statement sql = database.createStatement()) {
                        List<Integer> ids = new ArrayList<>();
                        try (ResultSet rows = sql.executeQuery("SELECT id FROM ledger ORDER BY id")) {
                            while (rows.next()) {
                                ids.add(rows.getInt(1));
                            }
                        }
                        assertThat(ids).containsAll(state.acknowledged(Integer.class));
                    }
                })
                .within(Duration.ofSeconds(30));
    }

    private static Connection open(Engine h2, Path directory, String options) throws Exception {
        // What it does when it is closed depends on nothing but its content: it compacts nothing for as long as 200 ms.
        String url = "jdbc:h2:" + directory.resolve("ledger") + ";DB_CLOSE_ON_EXIT=FALSE;MAX_COMPACT_TIME=0" + options;
        Class<?> driver = h2.classLoader().loadClass("org.h2.Driver");
        return ((Driver) driver.getDeclaredConstructor().newInstance()).connect(url, new Properties());
    }
}
