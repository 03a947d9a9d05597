// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;

/** Answers the requests of a block device in request form: any thread may complete a request, at any later time. */
@FunctionalInterface
public interface RequestHandler {

    /**
     * Takes one request and completes it, now or later. The kernel ends a request that is never completed with
     * ETIMEDOUT, after the device's request timeout.
     *
     * <p>One thread per queue of the device calls this method. A request that this thread completes within the call
     * reaches the kernel when the call returns; one that another thread completes reaches it at once. If the call
     * throws, a request that is not completed yet fails: with the error of a {@link BlockIOException}, with EIO for
     * anything else.
     */
    void handle(BlockRequest request) throws IOException;

    /**
     * Returns the operations the handler supports; it gets no others. Called once, before the device is made. The
     * default has {@link Operation#READ}, {@link Operation#WRITE} and {@link Operation#FLUSH}: a lambda gets no
     * discards, and the kernel writes zeros itself.
     */
    default Set<Operation> supports() {
        return EnumSet.of(Operation.READ, Operation.WRITE, Operation.FLUSH);
    }
}
