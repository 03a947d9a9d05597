// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import java.time.Duration;
import java.util.List;

/**
 * An armed rule. Closing it removes the rule, so a rule can be armed for a scope:
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

    /** Returns the name of the rule: the given one, or one like {@code fault-1}. */
    String name();

    /** Returns the rule as it is now, with its name. */
    FaultRule rule();

    /** Returns whether the rule is still armed. */
    boolean isArmed();

    /**
     * Returns how many requests the rule has acted on since it was armed, replacements included. A held or delayed
     * request counts from the start of the hold or delay. Any other request counts when its fate is decided, which is
     * before it is answered. These are requests, not sectors: the kernel merges and splits an application's writes.
     */
    long hits();

    /** Waits until the rule has acted on a request; see {@link #awaitHits}. */
    default void awaitHit(Duration timeout) throws InterruptedException {
        awaitHits(1, timeout);
    }

    /**
     * Waits until the rule has acted on {@code count} requests since it was armed. A held request is then among
     * {@link #held()}.
     *
     * @param count at least 1: every rule has acted on at least none
     * @throws AssertionError if the time is over or the rule is removed before that; the message has the requests the
     *     device got instead
     * @throws IllegalArgumentException if {@code count} is less than 1
     */
    void awaitHits(long count, Duration timeout) throws InterruptedException;

    /** Returns the requests that the rule holds now, in the order in which they came. */
    List<HeldRequest> held();

    /** Releases all requests that the rule holds, in the order in which they came. */
    void release();

    /**
     * Replaces the rule. Its place among the rules and its name stay. Requests that it holds or delays stay held or
     * delayed if the new rule does the same; otherwise they go on. {@code after} and {@code times} count anew, and
     * {@link #hits()} goes on. If the action is the same, what a medium error or a full disk knows of the sectors
     * stays.
     *
     * @throws IllegalArgumentException if the new rule has another name (an empty one is allowed), or does not fit this
     *     device
     * @throws IllegalStateException if the rule is no longer armed
     */
    void replace(FaultRule rule);

    /**
     * Removes the rule. Once this has returned, the rule acts on no request. Requests that it holds or delays go on.
     */
    @Override
    void close();
}
