// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.RequestInfo;
import java.time.Duration;

/** A request that a rule with {@link FaultBuilder#hold()} holds. Safe for use by several threads. */
public interface HeldRequest {

    /** Returns what the request asks for. */
    RequestInfo info();

    /** Returns how long the request has been held. */
    Duration heldFor();

    /**
     * Releases the request. The calling thread does it, unless another rule still holds or delays it.
     *
     * @throws IllegalStateException if the request is no longer held
     */
    void release();

    /**
     * Fails the whole request, whatever other rules say; nothing of it is done.
     *
     * @throws IllegalArgumentException if the error has no block status, see {@link Action#ERRORS}
     * @throws IllegalStateException if the request is no longer held
     */
    void fail(Errno errno);
}
