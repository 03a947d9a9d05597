// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.nio.ByteBuffer;
import java.util.Set;

/**
 * One request of a block device. It is completed once, with {@link #complete()} or {@link #fail(Errno)}, from any thread.
 */
public interface BlockRequest {

    /** What it asks for. */
    Operation operation();

    /** Where it starts, in bytes; 0 for a flush. */
    long offset();

    /** How much it concerns, in bytes; 0 for a flush. */
    long length();

    /** What it says about itself. */
    Set<RequestFlag> flags();

    /** The queue of the device it came through, from 0. */
    int queue();

    /** The I/O priority it was made with. */
    IoPriority priority();

    /** How long what it writes is expected to live. */
    WriteHint writeHint();

    /**
     * The data, {@code length()} bytes. Of a write: what to write, read-only. Of a read: where to put it; zeros until
     * then. The same buffer at each call; not to be touched after the request was completed.
     *
     * @throws IllegalStateException if the operation has no data
     */
    ByteBuffer data();

    /**
     * Ends the request with success. If the kernel has given up on it meanwhile, the late answer is dropped and counted.
     *
     * @throws IllegalStateException if it was completed or failed before
     */
    void complete();

    /**
     * Ends the request with an error. Some keep their meaning on the way to the application, see {@link Errno}; any other
     * becomes EIO there.
     *
     * @throws IllegalStateException if it was completed or failed before
     */
    void fail(Errno errno);
}
