// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * How records are written: {@code length, checksum, content}. The checksum is of the length and the content.
 *
 * @param covers up to where the checksum covers a record, at most; less than all of it is a bug
 * @param checked whether the checksum is looked at; if not, that is a bug
 */
record Frames(int covers, boolean checked) {
    /** The length of what is before the content. */
    static final int HEAD = 2 * Integer.BYTES;

    static final Frames RIGHT = new Frames(Integer.MAX_VALUE, true);

    /** Completes a record whose content is in place, and returns it to be written. */
    ByteBuffer complete(ByteBuffer record) {
        record.putInt(0, record.capacity());
        return record.putInt(Integer.BYTES, checksum(record)).clear();
    }

    private int checksum(ByteBuffer record) {
        CRC32 crc = new CRC32();
        crc.update(record.slice(0, Integer.BYTES));
        crc.update(record.slice(HEAD, Math.min(covers, record.capacity()) - HEAD));
        return (int) crc.getValue();
    }

    /** Returns the record there, with its content to be read next; empty if there is none that is whole. */
    Optional<ByteBuffer> at(ByteBuffer data, int offset) {
        if (offset + HEAD > data.limit()) {
            return Optional.empty();
        }
        int length = data.getInt(offset);
        if (length < HEAD || length > data.limit() - offset) {
            return Optional.empty();
        }
        ByteBuffer record = data.slice(offset, length);
        return !checked || record.getInt(Integer.BYTES) == checksum(record)
                ? Optional.of(record.position(HEAD))
                : Optional.empty();
    }
}
