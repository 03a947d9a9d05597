// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.Batch;
import java.util.ArrayDeque;

/** The unused batches of a {@link Dispatcher}, shared by its devices. */
final class BatchPool {
    /** How many requests each batch has room for. */
    static final int CAPACITY = 64;
    /** How many answers each batch has room for: some are in parts. */
    private static final int ANSWERS = 256;
    /** How many segments all answers of a batch have room for: a read of 1 MiB in blocks of 512 bytes. */
    private static final int SEGMENTS = 2048;

    private static final int KEPT = 64;

    private final ArrayDeque<Batch> free = new ArrayDeque<>();

    /** Returns a batch for this device and queue (-1: any), for up to {@code limit} requests. */
    Batch take(int device, int queue, int limit) {
        Batch batch;
        synchronized (this) {
            batch = free.poll();
        }
        if (batch == null) {
            return new Batch(device, queue, limit, CAPACITY, ANSWERS, SEGMENTS);
        }
        batch.direct(device, queue, limit);
        return batch;
    }

    /** Takes a batch back, which must not have answers in it. */
    synchronized void release(Batch batch) {
        if (free.size() < KEPT) {
            free.push(batch);
        }
    }
}
