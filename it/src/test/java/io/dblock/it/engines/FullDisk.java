// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** A filesystem without a free block. */
final class FullDisk {
    private static final int BLOCK = 4096;

    private FullDisk() {}

    /** Fills it with a file, which is returned; deleting that file frees the space. */
    static Path fill(Path directory) throws IOException {
        Path ballast = directory.resolve("ballast");
        try (FileChannel channel = FileChannel.open(ballast, CREATE_NEW, WRITE)) {
            // Once more after a sync: until then ext4 keeps blocks for what it may need to write the data.
            while (writeUntilFull(channel, 1 << 20) + writeUntilFull(channel, BLOCK) > 0) {
                channel.force(true);
            }
        }
        return ballast;
    }

    /** Returns how many bytes there was room for. */
    private static long writeUntilFull(FileChannel channel, int length) throws IOException {
        long start = channel.position();
        try {
            while (true) {
                channel.write(ByteBuffer.allocate(length));
            }
        } catch (IOException e) {
            if (!"No space left on device".equals(e.getMessage())) {
                throw e;
            }
        }
        return channel.position() - start;
    }
}
