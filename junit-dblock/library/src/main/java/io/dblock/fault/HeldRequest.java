// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.RequestInfo;
import java.time.Duration;

/** A request that a rule with {@link FaultBuilder#hold()} keeps from being done. Safe for use by several threads. */
public interface HeldRequest {

    /** What it asks for. */
    RequestInfo info();

    /** How long it has been held. */
    Duration heldFor();

    /**
     * Lets it go on. It is done by the calling thread, unless another rule still holds or delays it.
     *
     * @throws IllegalStateException if it is no longer held
     */
    void release();

    /**
     * Fails all of it, whatever other rules say, and does nothing of it.
     *
     * @throws IllegalArgumentException if the error has no block status, see {@link Action#ERRORS}
     * @throws IllegalStateException if it is no longer held
     */
    void fail(Errno errno);
}
