// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Reads frames, and returns only those that arrived whole, in order and unchanged. Not thread-safe.
 */
final class FrameReader {

    private final InputStream in;
    private int expected;
    private long position;

    FrameReader(InputStream in) {
        this.in = in;
    }

    /** Returns how many bytes were read so far, in whole frames. */
    long position() {
        return position;
    }

    /**
     * Returns the next frame, or null if the stream ended between two frames.
     *
     * @throws DamagedStreamException if the data is not a frame, is not the next frame, or was changed or cut off
     */
    Frame next() throws IOException {
        byte[] bytes = in.readNBytes(Frame.HEADER_SIZE);
        if (bytes.length == 0) {
            return null;
        }
        if (bytes.length < Frame.HEADER_SIZE) {
            throw damaged("it ends after " + bytes.length + " of the " + Frame.HEADER_SIZE + " bytes of a header");
        }
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[4];
        header.get(magic);
        if (!Arrays.equals(magic, Frame.magic())) {
            throw damaged(describeMagic(magic, bytes));
        }
        if (header.getInt(Frame.HEADER_SIZE - 4) != Frame.crc32(bytes, 0, Frame.HEADER_SIZE - 4)) {
            throw damaged("the checksum of the frame's header is wrong");
        }
        int type = header.get() & 0xff;
        int sequence = header.getInt(8);
        int length = header.getInt(12);
        if (sequence != expected) {
            throw damaged("frame " + Integer.toUnsignedString(sequence) + " came instead of frame "
                    + Integer.toUnsignedString(expected));
        }
        if (length < 0 || length > Frame.MAX_PAYLOAD) {
            throw damaged("a frame of " + Integer.toUnsignedString(length) + " bytes, at most " + Frame.MAX_PAYLOAD
                    + " are possible");
        }
        byte[] payload = in.readNBytes(length);
        if (payload.length < length) {
            throw damaged("it ends after " + payload.length + " of the " + length + " bytes of a frame");
        }
        if (header.getInt(16) != Frame.crc32(payload, 0, length)) {
            throw damaged("the checksum of the frame's " + length + " bytes is wrong");
        }
        FrameType known = FrameType.of(type);
        if (known == null) {
            throw damaged("a frame of unknown type " + type);
        }
        expected++;
        position += Frame.HEADER_SIZE + length;
        return new Frame(known, payload);
    }

    private static String describeMagic(byte[] magic, byte[] header) {
        byte[] crlf = {(byte) 0xdb, 'F', '\r', '\n'};
        if (Arrays.equals(magic, crlf) && header[4] == '\r') {
            return "line feeds were turned into CR LF on the way";
        }
        StringBuilder hex = new StringBuilder();
        for (byte b : magic) {
            hex.append(String.format(" %02x", b));
        }
        return "no frame begins here (the bytes are" + hex + ")";
    }

    private DamagedStreamException damaged(String what) {
        return new DamagedStreamException(
                "at frame " + Integer.toUnsignedString(expected) + " (byte " + position + " of the stream): " + what);
    }
}
