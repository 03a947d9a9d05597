// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.handler.Operation.FLUSH;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.fault.Fault;
import io.dblock.fault.HeldRequest;
import io.dblock.junit.DblockDevice;
import io.dblock.power.Survivors;
import io.dblock.testcontainers.ContainerDisk;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.JdbcDatabaseContainer;
import org.testcontainers.images.builder.Transferable;

/**
 * The power of PostgreSQL is cut while its own benchmark runs. A cut is a snapshot of what it would leave, taken while a
 * flush waits at the disk: the last moment at which the flush before it is all that has been flushed. So the benchmark runs
 * on, and each cut is checked later, by a server of its own that recovers on a fork of the disk.
 */
class PgbenchIT {
    /** How long the benchmark runs. */
    private static final int SECONDS = Integer.getInteger("dblock.pgbench.seconds", 10);
    /** On the lying disk: there, each second shows the same. */
    private static final int LYING_SECONDS = Math.min(SECONDS, 3);
    /** Cuts of a run, evenly in time; 0: one at each flush. */
    private static final int CUTS = Integer.getInteger("dblock.pgbench.cuts", 5);
    /** Transactions of each second; 0: as many as go. */
    private static final int RATE = Integer.getInteger("dblock.pgbench.rate", 0);

    private static final Duration POLL = Duration.ofNanos(200_000);
    /** What the clocks of the benchmark and of this JVM may differ by: they ask the same kernel, each in its own way. */
    private static final Duration CLOCK = Duration.ofMillis(2);

    /** The benchmark's own transaction, but that its history says which client it was. */
    private static final String TRANSACTION =
            """
            \\set aid random(1, 100000)
            \\set tid random(1, 10)
            \\set delta random(-5000, 5000)
            BEGIN;
            UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
            SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
            UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
            UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = 1;
            INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler)
                VALUES (:tid, 1, :aid, :delta, CURRENT_TIMESTAMP, :client_id);
            END;
            """;

    @DblockDevice(size = "1GiB", filesystem = EXT4)
    private BlockDevice disk;

    /** A power cut that could have been. */
    private record Cut(Instant at, Survivors survivors, Snapshot left) {}

    private final List<Cut> cuts = new ArrayList<>();
    private long flushes;
    /** When the commits of each client were acknowledged. */
    private final Map<String, List<Instant>> acknowledged = new TreeMap<>();

    @Test
    void whatWasAcknowledgedSurvivesACutAtAnyFlush() throws Exception {
        try (JdbcDatabaseContainer<?> postgres = start()) {
            runBenchmark(postgres, SECONDS, true);
        }
        assertThat(cuts).isNotEmpty();
        long lost = 0;
        for (Cut cut : cuts) {
            lost += lost(cut);
        }
        report(SECONDS + " s on a disk that keeps its word", lost);
        assertThat(lost).as("commits lost by %s", cuts).isZero();
    }

    /** The same, where a flush is acknowledged and nothing is done. If this test lost nothing, the other would show nothing. */
    @Test
    void aLyingDiskLosesSome() throws Exception {
        try (JdbcDatabaseContainer<?> postgres = start()) {
            disk.faults().onAny().named("lie").fallThrough().ignoreFlushes();
            runBenchmark(postgres, LYING_SECONDS, false);
        }
        long lost = lost(cuts.get(cuts.size() - 1));
        report(LYING_SECONDS + " s on a disk that ignores flushes", lost);
        assertThat(lost).as("commits lost by %s", cuts).isPositive();
    }

    private JdbcDatabaseContainer<?> start() throws Exception {
        JdbcDatabaseContainer<?> postgres = ContainerDisk.of(disk).mountIn(Images.postgres());
        postgres.withCopyToContainer(Transferable.of(TRANSACTION), "/tmp/transaction.sql");
        postgres.start();
        run(
                postgres,
                "pgbench -U $POSTGRES_USER -q -i $POSTGRES_DB && psql -U $POSTGRES_USER -c CHECKPOINT $POSTGRES_DB");
        disk.dropCaches();
        return postgres;
    }

    private static String run(GenericContainer<?> container, String script) throws Exception {
        ExecResult result = container.execInContainer("sh", "-c", script);
        assertThat(result.getExitCode()).as(script + ": " + result.getStderr()).isZero();
        return result.getStdout();
    }

    /** Runs the benchmark and makes cuts meanwhile. */
    private void runBenchmark(JdbcDatabaseContainer<?> postgres, int seconds, boolean chance) throws Exception {
        String limits = "-c 4 -T " + seconds + (RATE == 0 ? "" : " -R " + RATE);
        try (Fault every = disk.faults()
                .on(FLUSH)
                .named("every flush")
                .fallThrough()
                .first()
                .hold()) {
            CompletableFuture<String> benchmark = CompletableFuture.supplyAsync(() -> {
                try {
                    return run(
                            postgres,
                            "cd /tmp && pgbench -U $POSTGRES_USER -n -l -f transaction.sql " + limits
                                    + " $POSTGRES_DB");
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
            Duration spacing =
                    CUTS == 0 ? Duration.ZERO : Duration.ofSeconds(seconds).dividedBy(CUTS + 1);
            Instant next = Instant.now().plus(spacing);
            Instant limit = Instant.now().plusSeconds(seconds).plus(Images.LIMIT);
            while (!benchmark.isDone()) {
                assertThat(Instant.now()).as("the end of the benchmark").isBefore(limit);
                LockSupport.parkNanos(POLL.toNanos());
                for (HeldRequest flush : every.held()) {
                    if (!Instant.now().isBefore(next) && (CUTS == 0 || cuts.size() < CUTS)) {
                        cut(chance);
                        next = next.plus(spacing);
                    }
                    flush.release();
                }
            }
            benchmark.join();
            flushes = every.hits();
        }
        // client, number, microseconds, script, and when it was done: seconds, microseconds
        run(postgres, "cat /tmp/pgbench_log.*")
                .lines()
                .map(line -> line.split(" ", -1))
                .forEach(fields -> acknowledged
                        .computeIfAbsent(fields[0], client -> new ArrayList<>())
                        .add(Instant.ofEpochSecond(Long.parseLong(fields[4]), Long.parseLong(fields[5]) * 1000)));
    }

    /** Cuts in turn lose all that was not flushed, and leave some of it by chance: a disk may do either. */
    private void cut(boolean chance) {
        Survivors survivors = chance && cuts.size() % 2 == 1 ? Survivors.random(cuts.size()) : Survivors.NONE;
        cuts.add(new Cut(Instant.now().minus(CLOCK), survivors, disk.snapshot(survivors)));
    }

    /** Returns how many commits that were acknowledged before a cut are not there after it. */
    private long lost(Cut cut) throws SQLException {
        Map<String, Long> kept = new TreeMap<>();
        try (BlockDevice fork = cut.left().fork();
                JdbcDatabaseContainer<?> postgres = ContainerDisk.of(fork).mountIn(Images.postgres())) {
            postgres.start();
            try (Connection connection = postgres.createConnection("");
                    Statement statement = connection.createStatement()) {
                try (ResultSet rows =
                        statement.executeQuery("SELECT btrim(filler), count(*) FROM pgbench_history GROUP BY 1")) {
                    while (rows.next()) {
                        kept.put(rows.getString(1), rows.getLong(2));
                    }
                }
                try (ResultSet sums = statement.executeQuery(
                        "SELECT (SELECT coalesce(sum(delta), 0) FROM pgbench_history),"
                                + " (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers)")) {
                    sums.next();
                    assertThat(List.of(sums.getLong(2), sums.getLong(3)))
                            .as("the sums of accounts and tellers after %s, of whole transactions", cut)
                            .containsOnly(sums.getLong(1));
                }
            }
        }
        long lost = 0;
        for (Map.Entry<String, List<Instant>> client : acknowledged.entrySet()) {
            long before = client.getValue().stream()
                    .filter(time -> time.isBefore(cut.at()))
                    .count();
            lost += Math.max(0, before - kept.getOrDefault(client.getKey(), 0L));
        }
        return lost;
    }

    private void report(String what, long lost) {
        System.out.println("pgbench for " + what + ": " + flushes + " flushes, " + cuts.size()
                + " cuts, "
                + acknowledged.values().stream().mapToInt(List::size).sum() + " commits acknowledged, "
                + acknowledgedBefore(cuts.get(cuts.size() - 1)) + " of them before the last cut, " + lost + " lost");
    }

    private long acknowledgedBefore(Cut cut) {
        return acknowledged.values().stream()
                .flatMap(List::stream)
                .filter(time -> time.isBefore(cut.at()))
                .count();
    }
}
