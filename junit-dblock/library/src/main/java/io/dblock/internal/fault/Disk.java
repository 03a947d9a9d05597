// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.internal.store.BlockLog;
import java.io.IOException;

/**
 * What answers the requests that the fault rules let pass: a store with its write cache, a zoned store, or a user's handler.
 * It gets whole requests and, from the rules, parts of them that are cut at logical blocks. Safe for use by several threads.
 */
public interface Disk {

    /**
     * Does a request.
     *
     * @return true if it is done and the caller answers it; false if the disk answers it itself, from any thread, perhaps
     *     before this returns
     * @throws IOException if it fails; a {@link io.dblock.handler.BlockIOException} has an error other than EIO. The caller
     *     answers it, unless that is done already
     */
    boolean handle(DiskRequest request) throws IOException;

    /**
     * Returns the memory that the data of writes is to be put into because the disk keeps it there; null if the disk is a
     * user's handler.
     */
    default BlockLog memory() {
        return null;
    }

    /** Returns whether each request is done at once, so that no answer is late if several are fetched together. */
    default boolean isQuick() {
        return false;
    }

    /** Returns whether this is a built-in store, not a user's handler. */
    default boolean isBuiltIn() {
        return memory() != null;
    }
}
