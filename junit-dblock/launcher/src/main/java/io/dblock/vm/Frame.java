// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/**
 * One unit of the stream between launcher and guest.
 *
 * <p>On the wire: 4 bytes magic, 1 byte type, 3 zero bytes, then little-endian 32 bits each: sequence number from 0,
 * payload length, CRC-32 of the payload, CRC-32 of the 20 header bytes before it; then the payload.
 */
@SuppressWarnings("ArrayRecordComponent") // Frames are never compared: each is consumed once.
record Frame(FrameType type, byte[] payload) {

    static final int HEADER_SIZE = 24;

    /** Largest payload in bytes. */
    static final int MAX_PAYLOAD = 32768;

    /** Has the eighth bit, LF and CR in it: no conversion of text leaves it as it was. */
    private static final byte[] MAGIC = {(byte) 0xdb, 'F', '\n', '\r'};

    static byte[] magic() {
        return MAGIC.clone();
    }

    /** The first 32 bits of the payload from {@code offset}, little-endian. */
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
