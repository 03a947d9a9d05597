// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/**
 * One unit of the stream between launcher and guest.
 *
 * <p>Its bytes: 4 bytes magic, 1 byte type, 3 zero bytes; then four 32-bit little-endian numbers: sequence number from 0,
 * payload length, CRC-32 of the payload, CRC-32 of the 20 header bytes before it; then the payload.
 */
@SuppressWarnings("ArrayRecordComponent") // Frames are never compared: each is consumed once.
record Frame(FrameType type, byte[] payload) {

    static final int HEADER_SIZE = 24;

    /** The largest payload in bytes. */
    static final int MAX_PAYLOAD = 32768;

    /** Has a byte with the eighth bit set, LF and CR, so that every conversion of text changes it. */
    private static final byte[] MAGIC = {(byte) 0xdb, 'F', '\n', '\r'};

    static byte[] magic() {
        return MAGIC.clone();
    }

    /** Returns the 32-bit little-endian number at {@code offset} of the payload. */
    int int32(int offset) {
        return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
    }

    String text() {
        return new String(payload, StandardCharsets.UTF_8);
    }

    static byte[] int32Payload(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }

    static ByteBuffer encode(FrameType type, int sequence, byte[] payload, int offset, int length) {
        if (length > MAX_PAYLOAD) {
            throw new IllegalArgumentException("payload of " + length + " bytes, at most " + MAX_PAYLOAD);
        }
        ByteBuffer out = ByteBuffer.allocate(HEADER_SIZE + length).order(ByteOrder.LITTLE_ENDIAN);
        out.put(MAGIC).put((byte) type.number()).put(new byte[3]);
        out.putInt(sequence).putInt(length).putInt(crc32(payload, offset, length));
        out.putInt(crc32(out.array(), 0, HEADER_SIZE - 4));
        out.put(payload, offset, length);
        return out.flip();
    }

    static int crc32(byte[] data, int offset, int length) {
        CRC32 crc = new CRC32();
        crc.update(data, offset, length);
        return (int) crc.getValue();
    }
}
