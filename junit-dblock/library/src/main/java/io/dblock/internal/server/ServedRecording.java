// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.store.RecordedRequests;

/** A recording of a device, kept by its server; see {@link io.dblock.internal.store.Recording}. */
public interface ServedRecording extends AutoCloseable {

    /** Returns how many requests have been recorded so far. */
    int count();

    /** Ends the recording and returns what it has. */
    RecordedRequests end();

    /** Gives the recorded data back. Idempotent. */
    @Override
    void close();
}
