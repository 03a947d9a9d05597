// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.internal.store.Extents.Extent;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Finds the blocks of a disk that read as zeros. */
final class BlankBlocks {
    private static final int CHUNK = 1 << 20;

    private BlankBlocks() {}

    /**
     * Adds the blocks in {@code extent} that read as zeros to {@code found}. No block is found in a part that cannot be
     * read.
     */
    static CompletableFuture<Void> find(
            Disk disk, FilteredRequest request, int block, Extent extent, List<Extent> found) {
        CompletableFuture<Void> before = CompletableFuture.completedFuture(null);
        for (long at = extent.start(); at < extent.end(); at += CHUNK) {
            long offset = at;
            int length = (int) Math.min(CHUNK, extent.end() - at);
            before = before.thenCompose(nothing -> {
                ByteBuffer content = ByteBuffer.allocateDirect(length);
                // If the disk cannot be read because its power is off, the write that follows fails by itself.
                return disk.read(request, offset, content).handle((done, error) -> {
                    if (error == null) {
                        collect(content, offset, block, found);
                    }
                    return null;
                });
            });
        }
        return before;
    }

    private static void collect(ByteBuffer content, long offset, int block, List<Extent> found) {
        for (int at = 0; at < content.limit(); at += block) {
            if (blank(content, at, block)) {
                found.add(new Extent(offset + at, offset + at + block));
            }
        }
    }

    private static boolean blank(ByteBuffer content, int start, int length) {
        for (int i = start; i < start + length; i += Long.BYTES) {
            if (content.getLong(i) != 0) {
                return false;
            }
        }
        return true;
    }
}
