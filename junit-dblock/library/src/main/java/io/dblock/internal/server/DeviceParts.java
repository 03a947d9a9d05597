// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

/**
 * The parts of a device that those share who handle its requests.
 *
 * @param kernel its side in the module
 * @param filters journal, rules and write cache
 * @param counters what {@link io.dblock.DeviceStatistics} shows
 * @param failures what went wrong
 * @param serving the threads that serve it, and the memory that they serve with
 * @param answerer for answers from other threads
 */
record DeviceParts(
        KernelDevice kernel,
        Filters filters,
        Counters counters,
        Failures failures,
        Serving serving,
        Answerer answerer) {

    /** {@code ownBuffers} as in {@link Serving}. */
    static DeviceParts of(KernelDevice kernel, Filters filters, Failures failures, BufferPool ownBuffers) {
        Counters counters = new Counters();
        Serving serving = new Serving(kernel, failures, ownBuffers);
        return new DeviceParts(
                kernel, filters, counters, failures, serving, new Answerer(kernel, counters, failures, serving));
    }
}
