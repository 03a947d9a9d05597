// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.device.StaleRuns;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.Mounts;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;

/** One death, from the making of the disks to a clean machine. */
final class Round {

    /** Of every wait. The promise is 2 s on a real machine; an emulated one that others use too is a hundred times slower. */
    static final Duration BOUND = Duration.ofMinutes(5);

    private static final int MOST_LOAD_MILLIS = 400;
    private static final Path POINTS = Path.of("/run/dblock-deaths");

    private final Row row;
    private final VictimProcess victim;
    private final RandomGenerator random;
    private Serving serving;
    private Disks disks;
    private Fio load;
    private boolean excused;

    Round(Row row, VictimProcess victim, RandomGenerator random) {
        this.row = row;
        this.victim = victim;
        this.random = random;
    }

    /**
     * What it came to.
     *
     * @param lastError from the death until the last I/O had returned
     * @param refused how often unloading the module was refused meanwhile
     * @param unloaded how often it succeeded
     */
    record Outcome(Duration lastError, int refused, int unloaded) {}

    VictimProcess victim() {
        return victim;
    }

    RandomGenerator random() {
        return random;
    }

    /** Somebody was killed who need not have been: the load, or who answers it. */
    void excuseLoad() {
        excused = true;
    }

    Fio load() {
        return load;
    }

    /** The pid of the victim's server process. */
    long server() throws IOException {
        List<Long> servers = Machine.serversOf(victim.pid());
        assertThat(servers).as("the server processes of %s", victim.pid()).hasSize(1);
        assertThat(Machine.commandOf(servers.get(0)))
                .as("the server's command, with what DBLOCK_SERVER_OPTIONS had")
                .containsAll(victim.serverOptions());
        return servers.get(0);
    }

    Outcome run(String note) throws IOException {
        Kernel.note(note);
        serving = row.servings().get(random.nextInt(row.servings().size()));
        disks = Disks.parse(
                victim.order("disks " + serving + " " + row.timeout().toMillis()));
        if (serving.isHandler()) {
            disks = mounted(disks);
        }
        Duration lastError;
        Unloader unloader = new Unloader(RandomGenerator.of("L64X128MixRandom"));
        try (unloader;
                Fio fio = Fio.start(disks, row.load(), BOUND)) {
            load = fio;
            row.prepare(this);
            LockSupport.parkNanos(
                    Duration.ofMillis(random.nextInt(MOST_LOAD_MILLIS)).toNanos());
            long struck = System.nanoTime();
            row.strike(this);
            int status = fio.awaitEnd(BOUND);
            lastError = Duration.ofNanos(System.nanoTime() - struck);
            if (row.fails()) {
                assertThat(status)
                        .as("the status of fio, which should have got errors; it said:\n%s", fio.said())
                        .isNotZero();
            } else if (!excused) {
                assertThat(fio.said()).as("what fio said").containsPattern("(?s)(err= 0:.*){3}");
            }
            row.recover(this);
            end();
            Machine.awaitClean(BOUND);
        }
        assertThat(Machine.troubleSince(note)).as("the kernel's complaints").isEmpty();
        return new Outcome(lastError, unloader.refused(), unloader.unloaded());
    }

    /** Takes away what a round that failed has left, for the sake of the next one. */
    void abandon() {
        for (String point : List.of("ext4", "xfs")) {
            Mounts.detach(KernelPath.of(POINTS.resolve(point)));
        }
        StaleRuns.clearAll();
    }

    private void end() throws IOException {
        if (row.dies() || (excused && !victim.isAlive())) {
            victim.awaitEnd(BOUND);
            Poll.until("the server process of a dead JVM to be gone", BOUND, () -> Machine.serversOf(victim.pid())
                    .isEmpty());
            // What it had mounted keeps no device.
            Machine.awaitNoDevices(BOUND);
            return;
        }
        if (serving.isHandler()) {
            for (Path mount : List.of(disks.ext4Mount(), disks.xfsMount())) {
                bounded("unmounting " + mount, () -> Kernel.unmount(mount));
                Files.delete(mount);
            }
        }
        assertThat(victim.order("close"))
                .as("what the library said when the disks were closed")
                .matches(said -> excused || row.closesWell(said), "what may be said then");
    }

    /** Mounts those of a handler, which the library takes for raw. */
    private static Disks mounted(Disks raw) throws IOException {
        Path ext4 = Files.createDirectories(POINTS.resolve("ext4"));
        Path xfs = Files.createDirectories(POINTS.resolve("xfs"));
        bounded("mounting ext4", () -> Kernel.mount(raw.ext4(), ext4, "ext4", ""));
        bounded("mounting XFS", () -> Kernel.mount(raw.xfs(), xfs, "xfs", ""));
        return new Disks(raw.raw(), raw.ext4(), raw.xfs(), ext4, xfs);
    }

    /** Destroys all disks by force, and returns what came of each: "destroyed", or an error number. */
    List<String> destroyAll() {
        List<String> outcomes = new ArrayList<>();
        try (ControlSession session = ControlSession.open()) {
            for (String name : disks.names()) {
                try {
                    session.destroy(name, true);
                    outcomes.add("destroyed");
                } catch (ControlException e) {
                    outcomes.add(Integer.toString(e.errno()));
                }
            }
        }
        return outcomes;
    }

    /** A call that nothing can interrupt runs in a thread that may be left behind. */
    private static void bounded(String what, Runnable call) {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        call.run();
                    } catch (RuntimeException e) {
                        thrown.set(e);
                    }
                },
                what);
        thread.setDaemon(true);
        thread.start();
        Poll.until(what, BOUND, () -> !thread.isAlive());
        if (thrown.get() != null) {
            throw new AssertionError(what + " failed: " + thrown.get(), thrown.get());
        }
    }
}
