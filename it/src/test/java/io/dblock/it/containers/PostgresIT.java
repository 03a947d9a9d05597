// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.FLUSH;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.it.support.Poll;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import io.dblock.testcontainers.ContainerDisk;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.ContainerLaunchException;
import org.testcontainers.containers.JdbcDatabaseContainer;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;

/** Tests of PostgreSQL on a disk: Testcontainers' module, which starts it with fsync=off. */
@Testcontainers
class PostgresIT {
    // Before its disk, whose extension comes after that of Testcontainers anyway.
    @Container
    private final JdbcDatabaseContainer<?> postgres =
            ContainerDisk.of(() -> this.disk).mountIn(Images.postgres());

    @DblockDevice(size = "512MiB", filesystem = EXT4)
    private BlockDevice disk;

    private final ContainerDisk data = ContainerDisk.of(() -> disk);
    private final Table table = new Table(postgres);

    @Test
    void whatWasAcknowledgedSurvivesPowerCuts() throws Exception {
        table.create();
        String url = postgres.getJdbcUrl();
        String id = postgres.getContainerId();
        for (int cut = 1; cut <= 3; cut++) {
            int before = table.acknowledged().size();
            Thread client = new Thread(table::insertUntilItIsGone);
            client.start();
            Poll.until(
                    "20 more commits", Images.LIMIT, () -> table.acknowledged().size() >= before + 20);
            data.powerCut();
            awaitEnd(client);
            assertThat(table.rows()).as("after cut %s", cut).containsAll(table.acknowledged());
        }
        assertThat(postgres.getJdbcUrl()).isEqualTo(url);
        assertThat(postgres.getContainerId()).isEqualTo(id);
        assertThat(postgres.getLogs()).contains("database system was not properly shut down");
    }

    @Test
    void aCommitFlushesBecauseTheSettingIsTurnedOn() throws Exception {
        table.create();
        data.requireFlush(() -> table.insert(1));
        assertThat(postgres.execInContainer("sh", "-c", "psql -U $POSTGRES_USER -d $POSTGRES_DB -Atc 'SHOW fsync'")
                        .getStdout())
                .isEqualToIgnoringNewLines("on");
    }

    @Test
    void aCutByARuleIsFollowedByPowerOn() throws Exception {
        table.create();
        Fault cut = disk.faults().on(FLUSH).after(10).times(1).powerCut(Survivors.NONE);
        Thread client = new Thread(table::insertUntilItIsGone);
        client.start();
        cut.awaitHit(Images.LIMIT);
        data.powerOn();
        awaitEnd(client);
        assertThat(table.rows()).containsAll(table.acknowledged());
    }

    /** Whether the next flush is that of a commit or one of ext4's journal, PostgreSQL may not go on as if nothing were. */
    @Test
    void aFlushThatFailsIsAPanicAndNothingAcknowledgedIsLost() throws Exception {
        table.create();
        table.insert(1);
        Fault failing = disk.faults().on(FLUSH).times(1).fail(EIO);
        Thread client = new Thread(table::insertUntilItIsGone);
        client.start();
        failing.awaitHit(Images.LIMIT);
        Poll.until("PostgreSQL to panic", Images.LIMIT, () -> !panics().isEmpty());
        awaitEnd(client);
        System.out.println("PostgreSQL, whose flush has failed: " + panics());
        data.powerOff();
        data.powerOn();
        assertThat(table.rows()).containsAll(table.acknowledged());
        assertThat(postgres.getLogs()).contains("database system was not properly shut down");
    }

    private static void awaitEnd(Thread client) throws InterruptedException {
        client.join(Images.LIMIT.toMillis());
        assertThat(client.isAlive())
                .as("the client waits for a database that is gone")
                .isFalse();
    }

    private List<String> panics() {
        return postgres.getLogs()
                .lines()
                .filter(line -> line.contains("PANIC:"))
                .toList();
    }

    @Test
    void whatCannotRecoverSaysWhy() throws Exception {
        table.create();
        table.insert(1);
        data.powerOff();
        disk.restorePower();
        Files.delete(disk.mount().resolve("data/global/pg_control"));
        disk.dropCaches();
        disk.powerCut();
        assertThatThrownBy(data::powerOn)
                .isInstanceOf(ContainerLaunchException.class)
                .hasMessageContaining("has ended with exit code")
                .hasMessageContaining("pg_control");
    }
}
