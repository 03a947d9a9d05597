// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.io.IOException;
import java.nio.ByteBuffer;

/** Another source up to a limit, and zeros beyond it. The limit can only become smaller. */
final class LimitedSource implements Source {
    private final Source source;
    private volatile long limit;

    LimitedSource(Source source) {
        this.source = source;
        limit = source.size();
    }

    /** Lowers the limit: everything from this byte on reads as zeros. A higher limit changes nothing. */
    void limit(long bytes) {
        limit = Math.min(limit, bytes);
    }

    @Override
    public long size() {
        return Long.MAX_VALUE;
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        int end = dst.limit();
        long there = Math.min(Math.max(limit - offset, 0), dst.remaining());
        dst.limit(dst.position() + (int) there);
        if (there > 0) {
            source.read(offset, dst);
        }
        dst.limit(end);
        while (dst.hasRemaining()) {
            dst.put((byte) 0);
        }
    }

    @Override
    public long findData(long from, long end) throws IOException {
        long last = Math.min(end, limit);
        if (from >= last) {
            return end;
        }
        long data = source.findData(from, last);
        return data == last ? end : data;
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        long last = Math.min(end, limit);
        return from >= last ? from : source.findHole(from, last);
    }

    @Override
    public void close() throws IOException {
        source.close();
    }
}
