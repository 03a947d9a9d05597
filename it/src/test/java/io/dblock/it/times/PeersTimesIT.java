// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.Placement;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What making a disk costs beside other kinds of disks, and starting the server process beside other processes, in one boot.
 * Printed as ratios; not asserted, the machine is shared.
 */
class PeersTimesIT {
    private static final int ROUNDS = 9;
    private static final int STARTS = 5;
    private static final String OURS = "dblock, server process";

    private final Laps laps = new Laps();

    @Test
    void disksAreMadeAndDestroyedBesideOtherKinds() throws Exception {
        Map<String, Peer> peers = new LinkedHashMap<>();
        peers.put(OURS, Peer.dblock(Placement.SERVER_PROCESS));
        peers.put("dblock, test's JVM", Peer.dblock(Placement.TEST_JVM));
        List<String> missing = new ArrayList<>();
        add(peers, "loop over tmpfs", LoopPeer::new, missing);
        add(peers, "null_blk with memory", Peer::nullBlk, missing);
        add(peers, "zram", Peer::zram, missing);
        add(peers, "ublk, served in C", Peer::ublk, missing);
        add(peers, "nbd, served in C", Peer::nbd, missing);
        add(peers, "scsi_debug host", Peer::scsiDebug, missing);
        try {
            List<String> order = new ArrayList<>(peers.keySet());
            Random random = new Random(5);
            for (int round = 0; round <= ROUNDS; round++) {
                Collections.shuffle(order, random);
                for (String name : order) {
                    // The first round loads classes and modules.
                    time(name, peers.get(name), round > 0);
                }
            }
        } finally {
            for (Peer peer : peers.values()) {
                peer.close();
            }
        }
        System.out.printf(
                "  %d MiB, median of %d rounds in ms (spread)%n  %-24s %-28s %8s   %-28s %8s%n",
                Peer.MIB, ROUNDS, "", "create", "ours to", "destroy", "ours to");
        for (String name : peers.keySet()) {
            System.out.printf(
                    "  %-24s %-28s %8.2f   %-28s %8.2f%n",
                    name,
                    laps.text("create " + name),
                    laps.median("create " + OURS) / laps.median("create " + name),
                    laps.text("destroy " + name),
                    laps.median("destroy " + OURS) / laps.median("destroy " + name));
        }
        missing.forEach(line -> System.out.println("  not measured: " + line));
    }

    private interface Maker {
        Peer make() throws IOException;
    }

    /** A kernel need not have all of them. */
    private static void add(Map<String, Peer> peers, String name, Maker maker, List<String> missing) {
        try {
            peers.put(name, maker.make());
        } catch (AssertionError | IOException e) {
            missing.add(name + ": " + e.getMessage().strip().replace('\n', ' '));
        }
    }

    private void time(String name, Peer peer, boolean counts) throws IOException {
        Peer.Lap lap = peer.lap();
        if (counts) {
            laps.add("create " + name, lap.created());
            laps.add("destroy " + name, lap.destroyed());
        }
    }

    @Test
    void theServerProcessIsStartedBesideOtherProcesses() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        for (int round = 0; round <= STARTS; round++) {
            time("a program that does nothing (true)", round, () -> run("true"));
            time(
                    "a JVM that does nothing (java -version, class-data sharing)",
                    round,
                    () -> run(java, "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData", "-version"));
            ServerProcess.stop();
            time("the server process, until it answers", round, () -> {
                ServerProcess.startAhead();
                Poll.until("the server process", Duration.ofMinutes(5), () -> ServerProcess.pid()
                        .isPresent());
            });
            SteppedPeer peer = Peer.dblock(Placement.SERVER_PROCESS);
            time("the first disk of a new server", round, peer::create);
            peer.destroy();
            time("the second disk", round, peer::create);
            peer.destroy();
            time("the end of the server", round, ServerProcess::stop);
        }
        String ours = "the server process, until it answers";
        System.out.printf("  %-62s %-28s %8s%n", "median of " + STARTS + " in ms (spread)", "", "ours to");
        for (String step : steps) {
            System.out.printf("  %-62s %-28s %8.2f%n", step, laps.text(step), laps.median(ours) / laps.median(step));
        }
    }

    private final List<String> steps = new ArrayList<>();

    private interface Step {
        void run() throws Exception;
    }

    private void time(String name, int round, Step step) throws Exception {
        long start = System.nanoTime();
        step.run();
        if (round > 0) {
            laps.add(name, System.nanoTime() - start);
        } else {
            steps.add(name);
        }
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(process.waitFor(2, TimeUnit.MINUTES))
                .as("%s ends", (Object) command)
                .isTrue();
        assertThat(process.exitValue()).as("%s", (Object) command).isZero();
    }
}
