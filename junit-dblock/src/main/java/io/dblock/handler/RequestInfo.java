// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.util.Set;

/**
 * What a request asks for, without its data.
 *
 * @param operation what to do
 * @param offset where it starts, in bytes; 0 for a flush
 * @param length how much it concerns, in bytes; 0 for a flush
 * @param flags what it says about itself
 * @param queue the queue of the device it came through, from 0
 */
public record RequestInfo(Operation operation, long offset, long length, Set<RequestFlag> flags, int queue) {
    /** Copies the flags. */
    public RequestInfo {
        flags = Set.copyOf(flags);
    }

    /** One after the last byte it concerns. */
    public long end() {
        return offset + length;
    }

    /** Whether it has this flag. */
    public boolean has(RequestFlag flag) {
        return flags.contains(flag);
    }
}
