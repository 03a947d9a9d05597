// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.util.Set;

/**
 * A request without its data.
 *
 * @param operation what the request asks for
 * @param offset where the request starts, in bytes; 0 for a flush
 * @param length the length of the request, in bytes; 0 for a flush
 * @param flags the flags of the request
 * @param queue the number of the device's queue that the request came through, from 0
 * @param priority the I/O priority of the request
 * @param writeHint how long the written data is expected to live
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

    /** Creates a request without priority and write hint. */
    public RequestInfo(Operation operation, long offset, long length, Set<RequestFlag> flags, int queue) {
        this(operation, offset, length, flags, queue, IoPriority.NONE, WriteHint.NOT_SET);
    }

    /** Returns the offset after the last byte of the request. */
    public long end() {
        return offset + length;
    }

    /** Returns whether the request has this flag. */
    public boolean has(RequestFlag flag) {
        return flags.contains(flag);
    }
}
