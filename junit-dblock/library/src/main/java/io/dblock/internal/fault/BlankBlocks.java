// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.store.Extents;
import io.dblock.internal.store.Extents.Extent;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** Finds the blocks of a disk that read as zeros, for a request of a {@link FaultRun}. */
final class BlankBlocks {
    private static final int CHUNK = 1 << 20;

    private final FaultRun run;
    private final DiskRequest request;
    private final int block;
    private final Consumer<Extents> then;
    private final ArrayDeque<Extent> places;
    private final Extents found = new Extents();
    private final AtomicInteger turns = new AtomicInteger();

    /** {@code then} gets the blocks that were found. None is found in a part that cannot be read. */
    BlankBlocks(FaultRun run, DiskRequest request, int block, Collection<Extent> places, Consumer<Extents> then) {
        this.run = run;
        this.request = request;
        this.block = block;
        this.places = new ArrayDeque<>(places);
        this.then = then;
    }

    /** Looks at the next place. */
    void next() {
        if (turns.getAndIncrement() > 0) {
            // The thread that is in the loop goes on: a disk that answers at once must not make the stack deeper.
            return;
        }
        do {
            try {
                look();
            } catch (Throwable t) {
                run.broken(t);
            }
        } while (turns.decrementAndGet() > 0);
    }

    private void look() {
        Extent place = places.poll();
        if (place == null) {
            then.accept(found);
            return;
        }
        long offset = place.start();
        int length = (int) Math.min(CHUNK, place.length());
        if (length < place.length()) {
            places.push(new Extent(offset + length, place.end()));
        }
        ByteBuffer content = ByteBuffer.allocateDirect(length);
        RequestInfo read = new RequestInfo(
                Operation.READ, offset, length, Set.of(), request.queue(), request.priority(), request.writeHint());
        run.pass(new RequestPart(request, read, 0, content, errno -> looked(offset, content, errno)));
    }

    private void looked(long offset, ByteBuffer content, Errno errno) {
        // If the disk cannot be read because its power is off, the write that follows fails by itself.
        for (int at = 0; errno == null && at < content.capacity(); at += block) {
            if (isBlank(content, at, block)) {
                found.add(offset + at, offset + at + block);
            }
        }
        next();
    }

    private static boolean isBlank(ByteBuffer content, int start, int length) {
        for (int i = start; i < start + length; i += Long.BYTES) {
            if (content.getLong(i) != 0) {
                return false;
            }
        }
        return true;
    }
}
