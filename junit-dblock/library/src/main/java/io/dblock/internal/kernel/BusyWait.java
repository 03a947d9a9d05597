// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Retries operations that fail while a disk is in use. Some uses end by themselves: udev and blkid open every new disk
 * for a moment, and a new child process of this JVM has all its open files until it closes them. So this gives up early
 * only if there is a holder to name, and otherwise after a long time.
 */
public final class BusyWait {
    static final Duration NAMED = Duration.ofSeconds(5);
    static final Duration UNNAMED = Duration.ofSeconds(60);
    private static final Duration BEFORE_COLLECTING = Duration.ofMillis(200);
    private static final Duration OFTEN = Duration.ofMillis(20);
    /** Looking for holders reads all of /proc. */
    private static final Duration SELDOM = Duration.ofSeconds(1);

    private final Supplier<List<String>> holders;
    private final BooleanSupplier collectable;
    private final Runnable collector;
    private final LongSupplier clock;
    private final Consumer<Duration> sleep;

    /**
     * Creates a wait from the lines of {@link io.dblock.internal.kernel.Holders}, whether garbage of this JVM may hold
     * the disk, what collects it, and a clock.
     */
    public BusyWait(
            Supplier<List<String>> holders,
            BooleanSupplier collectable,
            Runnable collector,
            LongSupplier clock,
            Consumer<Duration> sleep) {
        this.holders = holders;
        this.collectable = collectable;
        this.collector = collector;
        this.clock = clock;
        this.sleep = sleep;
    }

    /** Returns an empty list once {@code done} is true, or else the users of the disk. */
    public List<String> until(BooleanSupplier done) {
        long start = clock.getAsLong();
        boolean collected = false;
        while (!done.getAsBoolean()) {
            Duration passed = Duration.ofNanos(clock.getAsLong() - start);
            if (!collected && passed.compareTo(BEFORE_COLLECTING) >= 0) {
                collected = true;
                // A mapping of a file ends when its buffer is collected; Java 17 has no other way.
                if (collectable.getAsBoolean()) {
                    collector.run();
                }
            }
            if (passed.compareTo(NAMED) < 0) {
                sleep.accept(OFTEN);
                continue;
            }
            List<String> lasting = holders.get().stream()
                    .filter(line -> !line.contains("jspawnhelper"))
                    .toList();
            if (!lasting.isEmpty()) {
                return lasting;
            }
            if (passed.compareTo(UNNAMED) >= 0) {
                return List.of("a user that cannot be seen from here, after " + UNNAMED.toSeconds()
                        + " s: a mount in another namespace, or a process in another container");
            }
            sleep.accept(SELDOM);
        }
        return List.of();
    }

    /** Sleeps. Teardown must also work in an interrupted thread, so this only notes an interrupt. */
    public static void pause(Duration duration) {
        boolean interrupted = Thread.interrupted();
        try {
            Thread.sleep(duration.toMillis());
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
