// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A store and its frozen states, which snapshots need. A thread that changes the store holds the lock and calls
 * {@link #preserve} first: that copies the old data to the newest layer. A layer takes what it lacks from newer layers,
 * and finally from the store.
 *
 * <p>A layer keeps the size of the store at its time. If the store becomes smaller, the part that is cut off is
 * preserved first.
 *
 * <p>The last user, the device or a layer, closes the store.
 */
final class LiveStore {
    final ReentrantLock lock = new ReentrantLock();
    final Store store;

    // Guarded by the lock.
    private Layer newest;
    private int users = 1;

    LiveStore(Store store) {
        this.store = store;
    }

    /** Preserves a range that is about to change. The caller holds the lock. */
    void preserve(long offset, long length) throws IOException {
        if (newest == null) {
            return;
        }
        long end = Math.min(offset + length, newest.size());
        if (offset < end) {
            newest.overlay.copyMissing(store, offset, end - offset);
        }
    }

    /** Freezes the current content. The caller holds the lock. */
    Layer freeze() {
        Layer layer = new Layer();
        users++;
        return layer;
    }

    /** Removes one user. */
    void release() throws IOException {
        lock.lock();
        try {
            if (--users == 0) {
                store.close();
            }
        } finally {
            lock.unlock();
        }
    }

    /** A state of the store. */
    final class Layer implements Source {
        private final long size = store.size();
        private final Overlay overlay = new Overlay(size);
        private Layer older = newest;
        private Layer newer;
        private boolean closed;

        private Layer() {
            if (older != null) {
                older.newer = this;
            }
            newest = this;
        }

        @Override
        public long size() {
            return size;
        }

        @Override
        public void read(long offset, ByteBuffer dst) throws IOException {
            lock.lock();
            try {
                long end = offset + dst.remaining();
                int limit = dst.limit();
                long at = offset;
                while (at < end) {
                    Layer owner = owner(at);
                    long runEnd = runEnd(owner, at, end);
                    dst.limit(dst.position() + (int) (runEnd - at));
                    source(owner).read(at, dst);
                    dst.limit(limit);
                    at = runEnd;
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public long findData(long from, long end) throws IOException {
            return find(from, end, true);
        }

        @Override
        public long findHole(long from, long end) throws IOException {
            return find(from, end, false);
        }

        private long find(long from, long end, boolean data) throws IOException {
            lock.lock();
            try {
                long at = from;
                while (at < end) {
                    Layer owner = owner(at);
                    long runEnd = runEnd(owner, at, end);
                    Source source = source(owner);
                    long found = data ? source.findData(at, runEnd) : source.findHole(at, runEnd);
                    if (found < runEnd) {
                        return found;
                    }
                    at = runEnd;
                }
                return end;
            } finally {
                lock.unlock();
            }
        }

        /** Returns the layer that has this byte; null if the store has it. */
        private Layer owner(long at) {
            if (closed) {
                throw new IllegalStateException("This snapshot is closed.");
            }
            Layer layer = this;
            while (layer != null && !layer.overlay.has(at)) {
                layer = layer.newer;
            }
            return layer;
        }

        private long runEnd(Layer owner, long at, long end) {
            long runEnd = end;
            for (Layer layer = this; layer != null; layer = layer.newer) {
                runEnd = layer.overlay.runEnd(at, runEnd);
                if (layer == owner) {
                    break;
                }
            }
            return runEnd;
        }

        private Source source(Layer owner) {
            return owner == null ? store : owner.overlay.memory();
        }

        /** Moves what an older layer needs to that layer and frees the memory. Idempotent. */
        @Override
        public void close() throws IOException {
            lock.lock();
            try {
                if (closed) {
                    return;
                }
                closed = true;
                if (older != null) {
                    older.overlay.addMissing(overlay);
                    older.newer = newer;
                }
                if (newer != null) {
                    newer.older = older;
                } else {
                    newest = older;
                }
                overlay.close();
                release();
            } finally {
                lock.unlock();
            }
        }
    }
}
