// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.util.List;

/**
 * A disk with a volatile cache that {@link PowerOracle} examines: a unit test's, or a real device behind a direct channel.
 * Offsets and lengths are in bytes, multiples of the logical block. A write is one request, and is completed when it returns.
 */
public interface PowerDisk extends AutoCloseable {

    /** Bytes. */
    long size();

    /** Bytes. */
    int logicalBlock();

    /** The longest write that stays one request, in bytes. */
    int longestWrite();

    byte[] read(long offset, int length) throws IOException;

    void write(long offset, byte[] data, boolean fua) throws IOException;

    void flush() throws IOException;

    void discard(long offset, long length) throws IOException;

    void writeZeroes(long offset, long length) throws IOException;

    /** Whether the next three can be used. */
    boolean canHold();

    /** Writes without completing; the returned action completes it, which is no error after a cut. */
    Held writeHeld(long offset, byte[] data) throws IOException;

    /** Has a flush come that is carried out by the returned action; that fails if there was a cut meanwhile. */
    Held flushHeld();

    /** The rest of a request that came before. */
    interface Held {
        void go() throws IOException;
    }

    /** Changes how much may be cached, in bytes. */
    void limit(long bytes);

    List<UnflushedWrite> unflushed();

    CutReport cut(Survivors survivors) throws IOException;

    void restore() throws IOException;

    PowerImage snapshot() throws IOException;

    PowerImage snapshot(Survivors survivors) throws IOException;

    @Override
    void close() throws IOException;

    /** A snapshot. */
    interface PowerImage extends AutoCloseable {
        byte[] read(long offset, int length) throws IOException;

        /** Null if this kind cannot. */
        PowerDisk fork() throws IOException;

        @Override
        void close() throws IOException;
    }
}
