// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.Snapshot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * The current content of a device. For a built-in store it is that of the store, without the effect of fault rules; for
 * a user's handler it is what the handler reads.
 */
final class Content implements AutoCloseable {
    private final BlockDevice device;
    private final Snapshot snapshot;
    private final FileChannel channel;

    Content(BlockDevice device) {
        this.device = device;
        Snapshot taken = null;
        try {
            taken = device.snapshot();
        } catch (IllegalStateException e) {
            // A user's handler has no snapshots.
        }
        snapshot = taken;
        channel = taken == null ? device.openChannel() : null;
    }

    byte[] read(long offset, int length) {
        if (snapshot != null) {
            return snapshot.read(offset, length);
        }
        int block = device.logicalBlockSize();
        long start = offset / block * block;
        long end = (offset + length + block - 1) / block * block;
        ByteBuffer blocks = ByteBuffer.allocateDirect(Math.toIntExact(end - start));
        try {
            while (blocks.hasRemaining()) {
                if (channel.read(blocks, start + blocks.position()) < 0) {
                    throw new DblockException("There is nothing to read at " + (start + blocks.position()) + " of "
                            + device.name() + ", which has " + device.size() + " bytes.");
                }
            }
        } catch (IOException e) {
            throw new DblockException(
                    "Cannot read " + (end - start) + " bytes at " + start + " of " + device.name() + ": "
                            + e.getMessage(),
                    e);
        }
        byte[] bytes = new byte[length];
        blocks.get((int) (offset - start), bytes);
        return bytes;
    }

    @Override
    public void close() {
        if (snapshot != null) {
            snapshot.close();
            return;
        }
        try {
            channel.close();
        } catch (IOException e) {
            throw new DblockException("Cannot close the channel to " + device.name() + ": " + e.getMessage(), e);
        }
    }
}
