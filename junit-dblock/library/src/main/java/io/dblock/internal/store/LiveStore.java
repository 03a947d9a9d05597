// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A store and the frozen states of it that snapshots need. Whoever changes the store holds the lock, and calls
 * {@link #preserve} before: that moves the old data into the newest layer. An older layer finds what it lacks in the newer
 * ones, and at last in the store.
 *
 * <p>A layer keeps the size that the store had then. Of a store that becomes smaller, what is cut off is preserved before.
 *
 * <p>The store is closed by the last of its users: the device, and each layer.
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

    /** A range is about to change. With the lock held. */
    void preserve(long offset, long length) throws IOException {
        if (newest == null) {
            return;
        }
        long end = Math.min(offset + length, newest.size());
        if (offset < end) {
            newest.overlay.copyMissing(store, offset, end - offset);
        }
    }

    /** The content as it is now. With the lock held. */
    Layer freeze() {
        Layer layer = new Layer();
        users++;
        return layer;
    }

    /** One user less. */
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

        /** The layer that has this byte; null if the store has it. */
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

        /** Gives what an older layer needs of it to that, and its memory back. Idempotent. */
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
