// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.nio.ByteBuffer;
import java.util.Set;

/**
 * One request of a block device. Complete it once, with {@link #complete()} or {@link #fail(Errno)}, from any thread.
 */
public interface BlockRequest {

    /** Returns what the request asks for. */
    Operation operation();

    /** Returns where the request starts, in bytes; 0 for a flush. */
    long offset();

    /** Returns the length of the request in bytes; 0 for a flush. */
    long length();

    /** Returns the flags of the request. */
    Set<RequestFlag> flags();

    /** Returns the number of the device's queue that the request came through, from 0. */
    int queue();

    /** Returns the I/O priority of the request. */
    IoPriority priority();

    /** Returns how long the written data is expected to live. */
    WriteHint writeHint();

    /**
     * Returns the data, {@link #length()} bytes. For a write: what to write, read-only. For a read: where to put the
     * data; zeros until then. Every call returns the same buffer. Do not use it after the request is completed.
     *
     * @throws IllegalStateException if the operation has no data
     */
    ByteBuffer data();

    /**
     * Completes the request with success. If the kernel has given up on the request meanwhile, the late answer is
     * dropped and counted.
     *
     * @throws IllegalStateException if the request was completed or failed before
     */
    void complete();

    /**
     * Completes the request with an error. Some errors keep their meaning on the way to the application, see
     * {@link Errno}; any other becomes EIO there.
     *
     * @throws IllegalStateException if the request was completed or failed before
     */
    void fail(Errno errno);
}
