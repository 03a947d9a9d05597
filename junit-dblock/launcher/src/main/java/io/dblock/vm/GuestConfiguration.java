// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * The configuration of the guest's init: records {@code key=value}, each ended by a NUL. Values are bytes, as arguments,
 * environment and file names are on Linux. Not thread-safe.
 */
final class GuestConfiguration {

    private final ByteArrayOutputStream records = new ByteArrayOutputStream();

    GuestConfiguration add(String key, String value) {
        return add(key, value.getBytes(StandardCharsets.UTF_8));
    }

    GuestConfiguration add(String key, byte[] value) {
        for (byte b : value) {
            if (b == 0) {
                throw new IllegalArgumentException("NUL in the value of " + key);
            }
        }
        records.writeBytes((key + "=").getBytes(StandardCharsets.UTF_8));
        records.writeBytes(value);
        records.write(0);
        return this;
    }

    byte[] toBytes() {
        return records.toByteArray();
    }
}
