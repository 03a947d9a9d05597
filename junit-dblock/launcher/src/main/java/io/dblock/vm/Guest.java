// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.InputStream;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.Optional;

/** A guest that runs, and its two streams. Safe for use by several threads. */
interface Guest extends AutoCloseable {

    /** What it says, in frames; buffered. Each call gives another buffer, so there is one reader. */
    InputStream fromGuest();

    /** What it is told, in frames. */
    WritableByteChannel toGuest();

    /** How many bytes of standard input one frame may carry to it. */
    default int inputFrameSize() {
        return Frame.MAX_PAYLOAD;
    }

    /** How many such frames may be under way to it, which it did not say to have taken. */
    default int inputFrames() {
        return Integer.MAX_VALUE;
    }

    /** Waits for its own end, at most so long; whether that came. */
    boolean waitFor(Duration limit) throws InterruptedException;

    /** What the program that runs it is called and what it said itself, in one line. */
    String messages();

    /** Why it has to be ended before it goes wrong, and what to do about that. To be asked several times a second. */
    default Optional<String> danger() {
        return Optional.empty();
    }

    /** Ends it at once. May be called more than once. */
    void kill();

    /** Ends it and lets go of all it had. */
    @Override
    void close();
}
