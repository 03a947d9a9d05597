// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;

/** Answers the requests of a block device in request form: each may be completed later, by any thread. */
@FunctionalInterface
public interface RequestHandler {

    /**
     * Takes one request, and completes it, now or later. A request never completed is ended by the kernel with ETIMEDOUT
     * after the device's request timeout.
     *
     * <p>Called by one thread per queue of the device. What is completed within the call, by the thread that makes it,
     * reaches the kernel when the call returns; what any other thread completes, at once. Throwing fails the request, if it is not completed yet: a
     * {@link BlockIOException} with its own error, anything else with EIO.
     */
    void handle(BlockRequest request) throws IOException;

    /**
     * What the handler does; only these operations come. Asked once, before the device is made. The default has
     * {@link Operation#READ}, {@link Operation#WRITE} and {@link Operation#FLUSH}: a lambda gets no discards, and the
     * kernel writes zeros itself.
     */
    default Set<Operation> supports() {
        return EnumSet.of(Operation.READ, Operation.WRITE, Operation.FLUSH);
    }
}
