// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.InputStream;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.Optional;

/** A running guest and its two streams. Safe for use by several threads. */
interface Guest extends AutoCloseable {

    /** Returns the stream of frames from the guest. Must be called once: each call returns another buffer. */
    InputStream fromGuest();

    /** Returns the channel for frames to the guest. */
    WritableByteChannel toGuest();

    /** Returns the largest payload of a frame to the guest with standard input or data of a connection, in bytes. */
    default int inputFrameSize() {
        return Frame.MAX_PAYLOAD;
    }

    /** Returns how many such frames may be under way, that is, not yet reported as {@link FrameType#TAKEN}. */
    default int inputFrames() {
        return Integer.MAX_VALUE;
    }

    /** Waits at most this long for the end of the guest. Returns whether it has ended. */
    boolean waitFor(Duration limit) throws InterruptedException;

    /** Returns one line with the name of the program that runs the guest, and with its state or its messages. */
    String messages();

    /**
     * Returns why the guest must be ended before it misbehaves, and what to do about it; empty if it may go on. Must be
     * called several times a second.
     */
    default Optional<String> danger() {
        return Optional.empty();
    }

    /** Kills the guest. May be called more than once. */
    void kill();

    /** Kills the guest and frees its resources. */
    @Override
    void close();
}
