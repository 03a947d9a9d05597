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
 * @param priority the I/O priority it was made with
 * @param writeHint how long what it writes is expected to live
 */
public record RequestInfo(
        Operation operation,
        long offset,
        long length,
        Set<RequestFlag> flags,
        int queue,
        IoPriority priority,
        WriteHint writeHint) {
    /** Copies the flags. */
    public RequestInfo {
        flags = Set.copyOf(flags);
    }

    /** One that says nothing of its priority and its data. */
    public RequestInfo(Operation operation, long offset, long length, Set<RequestFlag> flags, int queue) {
        this(operation, offset, length, flags, queue, IoPriority.NONE, WriteHint.NOT_SET);
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
