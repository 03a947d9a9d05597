// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Commands;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every way for a server to die, at random moments, under fio on a raw disk and on mounted ext4 and XFS at once, while
 * somebody tries to unload the module. After each round all I/O has returned, nothing hangs, and nothing is left.
 *
 * <p>A sample of each in every build; {@code -Ddblock.deaths.rounds=100} for so many of each. What was chosen at random is
 * repeated by {@code -Ddblock.deaths.seed}, the rows are chosen by {@code -Ddblock.deaths.rows=stop,two}.
 */
class DeathsIT {

    private static final Deaths ASKED = Deaths.asAsked();
    private static final Table TABLE = new Table();

    private static Images images;
    private static VictimClassPath classPath;
    /** Of the rows that it survives; null if there is none. */
    private static VictimProcess survivor;

    @BeforeAll
    static void prepare() throws IOException {
        System.out.println("deaths: -Ddblock.deaths.seed=" + ASKED.seed());
        Machine.awaitClean(Round.BOUND);
        Commands.run("modprobe", "-a", "ext4", "xfs");
        images = Images.make();
        classPath = VictimClassPath.make();
        if (ASKED.isLong()) {
            archiveClasses();
        }
    }

    /** Has a victim do what victims do, and keep the classes it needed for all others. */
    private static void archiveClasses() throws IOException {
        try (VictimProcess first = VictimProcess.start(images, classPath, classPath.archiving())) {
            first.order("disks STORE 30000");
            first.order("close");
            first.tell("exit");
            first.awaitEnd(Round.BOUND);
        }
    }

    @AfterAll
    static void report() throws IOException {
        if (survivor != null) {
            survivor.close();
        }
        System.out.println("deaths: -Ddblock.deaths.seed=" + ASKED.seed() + "\n" + TABLE);
    }

    @TestFactory
    Stream<DynamicTest> survived() {
        return Arrays.stream(Row.values())
                .filter(ASKED::has)
                .map(row -> DynamicTest.dynamicTest(row.toString(), () -> rounds(row)));
    }

    private static void rounds(Row row) throws IOException {
        long start = System.nanoTime();
        for (int number = 0; ASKED.goesOn(number, Duration.ofNanos(System.nanoTime() - start)); number++) {
            TABLE.begin(row);
            String note = "deaths: " + row.name() + " round " + number + " of seed " + ASKED.seed();
            boolean well = false;
            VictimProcess victim = victim(row);
            try {
                Round round = new Round(row, victim, new Random(seedOf(row, number)));
                TABLE.well(row, round.run(note));
                well = true;
            } catch (AssertionError | IOException | RuntimeException e) {
                throw new AssertionError(
                        note + ": " + e.getMessage() + "\nThe victim's errors:\n" + victim.errors(), e);
            } finally {
                if (row.dies() || !well) {
                    victim.close();
                    survivor = row.dies() ? survivor : null;
                }
            }
            TABLE.took(row, Duration.ofNanos(System.nanoTime() - start));
        }
        Machine.unload(Round.BOUND);
    }

    private static long seedOf(Row row, int number) {
        return 31L * (31L * ASKED.seed() + row.name().hashCode()) + number;
    }

    private static VictimProcess victim(Row row) throws IOException {
        if (row.dies()) {
            return VictimProcess.start(images, classPath, List.of());
        }
        if (survivor == null) {
            survivor = VictimProcess.start(images, classPath, List.of());
        }
        return survivor;
    }
}
