// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;

/** Answers the requests of a block device in request form: each may be completed later, by any thread. */
@FunctionalInterface
public interface RequestHandler {

    /**
     * Takes one request, and completes it, now or later. A request never completed is ended by the kernel with ETIMEDOUT
     * after the device's request timeout.
     *
     * <p>Called by one thread per queue of the device. Throwing fails the request, if it is not completed yet: a
     * {@link BlockIOException} with its own error, anything else with EIO.
     */
    void handle(BlockRequest request) throws IOException;
}
