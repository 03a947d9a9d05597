// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** The blocks in which a state differs from another, for {@link io.dblock.internal.server.DeviceCommands#show}. */
final class Changes {
    private final CrashLog log;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final DataOutputStream out = new DataOutputStream(bytes);
    private long offset;
    private long length;
    private int op;

    Changes(CrashLog log) {
        this.log = log;
    }

    /** A block, behind those before, is to be from this request. */
    void add(int block, int request) {
        long at = log.offsetOf(block);
        if (length == 0 || at != offset + length || request != op) {
            end();
            offset = at;
            op = request;
        }
        length += log.blockSize();
    }

    private void end() {
        if (length == 0) {
            return;
        }
        try {
            out.writeLong(offset);
            out.writeLong(length);
            out.writeLong(op);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // Cannot happen: the stream is in memory.
        }
        length = 0;
    }

    byte[] bytes() {
        end();
        return bytes.toByteArray();
    }
}
