// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

/**
 * The parts of a device that its workers and requests share.
 *
 * @param kernel the device as the module knows it
 * @param filters journal, rules and write cache
 * @param counters the counts for {@link io.dblock.DeviceStatistics}
 * @param failures what has gone wrong
 * @param serving the threads that serve the device, and the memory they use
 * @param answerer gives answers that do not go with a worker's next call
 */
record DeviceParts(
        KernelDevice kernel,
        Filters filters,
        Counters counters,
        Failures failures,
        Serving serving,
        Answerer answerer) {

    /** How much of its unused buffers a device with a user's handler keeps, in bytes. */
    private static final long KEPT_BUFFERS = 64L << 20;

    /** Creates the remaining parts. */
    static DeviceParts of(KernelDevice kernel, Filters filters, Failures failures) {
        Counters counters = new Counters();
        BufferPool ownBuffers = filters.disk().isBuiltIn() ? null : new BufferPool(KEPT_BUFFERS);
        Serving serving = new Serving(kernel, failures, ownBuffers);
        return new DeviceParts(
                kernel, filters, counters, failures, serving, new Answerer(kernel, counters, failures, serving));
    }
}
