// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** Writes frames to a blocking channel. Safe for use by several threads: each frame is written as a whole. */
final class FrameWriter {

    private final WritableByteChannel out;
    private int sequence;

    FrameWriter(WritableByteChannel out) {
        this.out = out;
    }

    void write(FrameType type, byte[] payload) throws IOException {
        write(type, payload, 0, payload.length);
    }

    synchronized void write(FrameType type, byte[] payload, int offset, int length) throws IOException {
        ByteBuffer frame = Frame.encode(type, sequence++, payload, offset, length);
        while (frame.hasRemaining()) {
            out.write(frame);
        }
    }
}
