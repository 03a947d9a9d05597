// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;
import java.util.List;

/**
 * A rule that has been armed. Closing it removes the rule, so that it can be armed for a scope:
 *
 * <pre>{@code
 * try (Fault bad = disk.faults().on(WRITE).sectors(8, 15).fail(EIO)) {
 *     ...
 *     assertThat(bad.hits()).isEqualTo(1);
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads, while I/O runs.
 */
public interface Fault extends AutoCloseable {

    /** Its name: the one given, or one like {@code fault-1}. */
    String name();

    /** What it does at present, with its name. */
    FaultRule rule();

    /** Whether it is still armed. */
    boolean isArmed();

    /**
     * How many requests it has acted on since it was armed, replacements included. A request that it holds or delays counts
     * from the moment it does, any other when its fate is decided, which is before it is answered. Requests, not sectors: the
     * kernel merges and splits what applications write.
     */
    long hits();

    /** Waits until it has acted on a request; see {@link #awaitHits}. */
    default void awaitHit(Duration timeout) throws InterruptedException {
        awaitHits(1, timeout);
    }

    /**
     * Waits until it has acted on {@code count} requests since it was armed. A held one is then among {@link #held()}.
     *
     * @param count at least 1: any rule has acted on none
     * @throws AssertionError if it has not within this time, or was removed; says which requests the device got instead
     * @throws IllegalArgumentException if {@code count} is less than 1
     */
    void awaitHits(long count, Duration timeout) throws InterruptedException;

    /** The requests it holds now, in the order in which they came. */
    List<HeldRequest> held();

    /** Lets all go that it holds, in the order in which they came. */
    void release();

    /**
     * Makes another rule of it, at the same place among the rules and with the same name. Requests that it holds or delays
     * stay so if the new rule does the same, otherwise they go on. {@code after} and {@code times} count anew;
     * {@link #hits()} goes on. What a medium error or a full disk knows of the sectors stays if the action is the same.
     *
     * @throws IllegalArgumentException if the rule has another name (an empty one will do), or is wrong for this device
     * @throws IllegalStateException if it is not armed any more
     */
    void replace(FaultRule rule);

    /** Removes it: once this has returned it acts on no request. Those that it holds or delays go on. */
    @Override
    void close();
}
