// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.Errno;
import io.dblock.power.Survivors;

/**
 * The device, as the rules see and change it. Thread-safe. Only the first two methods are called with locks of the
 * filter held.
 */
public interface FaultContext {

    /** Returns the logical block in bytes. */
    int logicalBlockSize();

    /** Returns the size of the device in bytes. */
    long size();

    /** Returns how many flushes have succeeded. */
    long flushEpoch();

    /** Returns whether this mark was set in the journal. */
    boolean marked(String mark);

    /** Returns whether the store is a built-in one: then its power can be cut and its content be kept. */
    boolean hasBuiltInStore();

    /** Returns whether the device is zoned: then no written data can be left out or put elsewhere. */
    default boolean isZoned() {
        return false;
    }

    /** Returns whether the device has a volatile write cache. The kernel sends flushes to no other device. */
    default boolean hasVolatileCache() {
        return true;
    }

    /** Returns whether the kernel sends FUA to the device. */
    default boolean takesFua() {
        return true;
    }

    /** Returns whether the power is on. Rules see no request while it is off. */
    default boolean powered() {
        return true;
    }

    /**
     * Cuts the power and calls {@link FaultFilter#failPending} for the requests that wait here. The request that
     * triggered the cut is answered before or after it, as the rule says.
     */
    void powerCut(Survivors survivors);

    /** Returns the current content of the disk. Any thread may read it later; the caller closes it. */
    BlockHandler snapshot();

    /** Reports what a predicate of the test, or our own code, has thrown. The request has failed with EIO. */
    void failed(Throwable failure);

    /**
     * Reports what the disk has thrown for a request or a part of one.
     *
     * @return the error that the request fails with
     */
    Errno thrown(DiskRequest request, Throwable failure);
}
