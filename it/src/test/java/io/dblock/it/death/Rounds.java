// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * Runs the rows of the table, as often as {@link Deaths} says. In each round somebody tries to unload the module all the
 * while; after it all I/O has returned, nothing hangs, nothing is left, and the kernel has no complaint.
 */
final class Rounds implements AutoCloseable {

    /** Of a row: what goes wrong again and again need not be seen more often. */
    private static final int MOST_FAILURES = 3;

    private final Deaths asked = Deaths.asAsked();
    private final Table table = new Table();
    private final Images images;
    private final VictimClassPath classPath;
    /** Of the rows that it survives; null if there is none. */
    private VictimProcess survivor;

    private Rounds(Images images, VictimClassPath classPath) {
        this.images = images;
        this.classPath = classPath;
    }

    static Rounds prepare() throws IOException {
        Machine.awaitClean(Round.BOUND);
        Commands.run("modprobe", "-a", "ext4", "xfs");
        Rounds rounds = new Rounds(Images.make(), VictimClassPath.make());
        System.out.println("deaths: " + rounds.asked);
        if (rounds.asked.isLong()) {
            rounds.archiveClasses();
        }
        return rounds;
    }

    /** Has a victim and its server do what they do, and keep the classes they needed for all others. */
    private void archiveClasses() throws IOException {
        try (VictimProcess first = VictimProcess.start(images, classPath.archiving())) {
            for (String serving : List.of("TEST_JVM", "SERVER_PROCESS")) {
                first.order("disks " + serving + " 30000");
                first.order("close");
            }
            first.tell("exit");
            first.awaitEnd(Round.BOUND);
            Poll.until("the first server process to be gone", Round.BOUND, () -> Machine.serversOf(first.pid())
                    .isEmpty());
        }
        assertThat(classPath.hasArchives())
                .as("archives of classes were written")
                .isTrue();
    }

    Stream<DynamicTest> of(Row.Group group) {
        return Arrays.stream(Row.values())
                .filter(row -> row.group() == group && asked.has(row))
                .map(row -> DynamicTest.dynamicTest(row.toString(), () -> rounds(row)));
    }

    private void rounds(Row row) throws IOException {
        assumeTrue(!row.isForGuests() || "1".equals(System.getenv("DBLOCK_GUEST")), "this is not a guest of ours");
        List<AssertionError> failures = new ArrayList<>();
        long start = System.nanoTime();
        for (int number = 0;
                failures.size() < MOST_FAILURES && asked.goesOn(number, Duration.ofNanos(System.nanoTime() - start));
                number++) {
            table.begin(row);
            round(row, number).ifPresent(failures::add);
            table.took(row, Duration.ofNanos(System.nanoTime() - start));
        }
        try {
            Machine.unload(Round.BOUND);
        } catch (AssertionError e) {
            failures.add(e);
        }
        if (!failures.isEmpty()) {
            AssertionError first = failures.remove(0);
            failures.forEach(first::addSuppressed);
            throw first;
        }
    }

    /** What is wrong with it, if something is. */
    private Optional<AssertionError> round(Row row, int number) throws IOException {
        String note = "deaths: " + row.name() + " round " + number + " of seed " + asked.seed();
        VictimProcess victim = victim(row);
        boolean well = false;
        Round round = new Round(row, victim, new Random(seedOf(row, number)));
        try {
            Round.Outcome outcome = round.run(note);
            table.well(row, outcome);
            well = true;
            if (asked.isLong()) {
                System.out.println(note + ": " + outcome);
            }
            return Optional.empty();
        } catch (AssertionError | IOException | RuntimeException e) {
            System.out.println(note + " failed: " + e);
            return Optional.of(
                    new AssertionError(note + ": " + e.getMessage() + "\nThe victim's errors:\n" + victim.errors(), e));
        } finally {
            if (row.dies() || !well || !victim.isAlive()) {
                victim.close();
                survivor = row.dies() ? survivor : null;
            }
            if (!well) {
                round.abandon();
            }
        }
    }

    private long seedOf(Row row, int number) {
        return 31L * (31L * asked.seed() + row.name().hashCode()) + number;
    }

    private VictimProcess victim(Row row) throws IOException {
        if (row.dies()) {
            return VictimProcess.start(images, classPath.options());
        }
        if (survivor == null) {
            survivor = VictimProcess.start(images, classPath.options());
        }
        return survivor;
    }

    /** Prints the table. */
    @Override
    public void close() throws IOException {
        if (survivor != null) {
            survivor.close();
        }
        System.out.println("deaths: " + asked + "\n" + table);
    }
}
