// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockHandler;
import io.dblock.power.Survivors;

/** What the rules need to know of the device, and do to it. Thread-safe; called with none of the filter's locks but for the first two. */
public interface FaultContext {

    /** In bytes. */
    int logicalBlockSize();

    /** Of the device, in bytes. */
    long size();

    /** How many flushes have succeeded. */
    long flushEpoch();

    /** Whether the journal has had this mark. */
    boolean marked(String mark);

    /** Whether the store is a built-in one: its power can be cut and its content be kept. */
    boolean hasBuiltInStore();

    /** Whether it is a zoned device: of what is written there, nothing can be left out or be put elsewhere. */
    default boolean isZoned() {
        return false;
    }

    /** Whether it has a volatile write cache: the kernel sends flushes to no other disk. */
    default boolean hasVolatileCache() {
        return true;
    }

    /** Whether the kernel sends it FUA. */
    default boolean takesFua() {
        return true;
    }

    /** Whether its power is on. No rule sees what comes while it is off. */
    default boolean powered() {
        return true;
    }

    /**
     * Cuts the power. Calls {@link FaultFilter#failPending} for what waits here. The request that has the rule cut the power
     * is answered afterwards, or before, as the rule says.
     */
    void powerCut(Survivors survivors);

    /** The disk's content now, to be read from any thread later, and closed when it is not needed any more. */
    BlockHandler snapshot();

    /** A predicate of the test's, or something of ours, has thrown this; the request concerned has failed with EIO. */
    void failed(Throwable failure);
}
