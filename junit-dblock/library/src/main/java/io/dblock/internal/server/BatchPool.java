// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;
import java.util.ArrayDeque;

/** The batches of all devices of a JVM. */
final class BatchPool {
    /** The largest there is; a smaller limit can be set when one is taken. */
    static final int CAPACITY = 64;

    private static final int KEPT = 64;

    private final ArrayDeque<Batch> free = new ArrayDeque<>();

    /** One for this device and queue, -1 for any, for up to {@code limit} requests and {@link #CAPACITY} answers. */
    Batch take(int device, int queue, int limit) {
        Batch batch;
        synchronized (this) {
            batch = free.poll();
        }
        if (batch == null) {
            return new Batch(device, queue, limit, CAPACITY, CAPACITY);
        }
        batch.direct(device, queue, limit);
        return batch;
    }

    /** There must be no answers in it. */
    synchronized void release(Batch batch) {
        if (free.size() < KEPT) {
            free.push(batch);
        }
    }
}
