// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import io.dblock.kernel.NativeFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Keeps a device's data in an image file; see {@link ImageMode} for what becomes of the file. The file must not change its
 * size meanwhile.
 *
 * <p>Safe for use by several threads. Interrupting a thread that is reading or writing closes the file.
 */
public final class FileStore implements Store {
    private static final int ZEROS = 1 << 20;

    private final Path file;
    private final ImageMode mode;
    private final FileChannel channel;
    private final long size;
    private final Overlay overlay;
    private final NativeFile holes;

    /**
     * Opens an image.
     *
     * @param logicalBlockSize bytes; the file's size must be a multiple of it
     * @throws IllegalArgumentException if it is empty, or of another size
     * @throws NoSuchFileException if there is none
     */
    public FileStore(Path file, ImageMode mode, int logicalBlockSize) throws IOException {
        this.file = file;
        this.mode = mode;
        channel = mode == ImageMode.IN_PLACE
                ? FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)
                : FileChannel.open(file, StandardOpenOption.READ);
        boolean done = false;
        try {
            size = channel.size();
            if (size == 0 || size % logicalBlockSize != 0) {
                throw new IllegalArgumentException("The image " + file + " has " + size
                        + " bytes. Allowed: a multiple of the logical block (" + logicalBlockSize
                        + " bytes), at least one. Fill it up with \"truncate -s %" + logicalBlockSize + " " + file
                        + "\", or choose another logical block.");
            }
            overlay = mode == ImageMode.COPY_ON_WRITE ? new Overlay() : null;
            holes = mode == ImageMode.IN_PLACE ? NativeFile.open(file) : null;
            done = true;
        } finally {
            if (!done) {
                channel.close();
            }
        }
    }

    /** Its size in bytes: the file's. */
    @Override
    public long size() {
        return size;
    }

    @Override
    public long findData(long from, long end) {
        return from;
    }

    @Override
    public long findHole(long from, long end) {
        return end;
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        checkRange(offset, dst.remaining());
        if (overlay != null) {
            overlay.read(offset, dst);
        } else {
            readFile(offset, dst);
        }
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        checkWritable();
        checkRange(offset, src.remaining());
        if (overlay != null) {
            overlay.write(offset, src);
            return;
        }
        long at = offset;
        while (src.hasRemaining()) {
            at += channel.write(src, at);
        }
        if (flags.fua()) {
            channel.force(false);
        }
    }

    @Override
    public void flush() throws IOException {
        if (mode == ImageMode.IN_PLACE) {
            channel.force(false);
        }
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        writeZeroes(offset, length, true);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        checkWritable();
        checkRange(offset, length);
        if (overlay != null) {
            overlay.zero(offset, length, mayUnmap);
            return;
        }
        if (length == 0 || (mayUnmap && holes.punchHole(offset, length))) {
            return;
        }
        ByteBuffer zeros = ByteBuffer.allocate((int) Math.min(ZEROS, length));
        long at = offset;
        while (at < offset + length) {
            zeros.clear().limit((int) Math.min(zeros.capacity(), offset + length - at));
            at += channel.write(zeros, at);
        }
    }

    @Override
    public Set<Operation> supports() {
        return mode == ImageMode.READ_ONLY
                ? EnumSet.of(Operation.READ, Operation.FLUSH)
                : EnumSet.allOf(Operation.class);
    }

    @Override
    public void close() throws IOException {
        channel.close();
        if (holes != null) {
            holes.close();
        }
        if (overlay != null) {
            overlay.close();
        }
    }

    private void readFile(long offset, ByteBuffer dst) throws IOException {
        long at = offset;
        while (dst.hasRemaining()) {
            int got = channel.read(dst, at);
            if (got < 0) {
                throw new EOFException(
                        "The image " + file + " had " + size + " bytes when it was opened and now ends at "
                                + channel.size() + ": it was truncated while a device was using it.");
            }
            at += got;
        }
    }

    private void checkWritable() throws IOException {
        if (mode == ImageMode.READ_ONLY) {
            throw new BlockIOException(
                    io.dblock.kernel.Errno.EROFS, "The image " + file + " was opened with READ_ONLY");
        }
    }

    private void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size + " bytes of " + file + ".");
        }
    }

    /**
     * What was written, in memory, by chunks. A chunk is either all in the file or all here: its bit says which, and is
     * set, under the lock, after the chunk is filled. A set bit is never cleared, so accesses to chunks that are here
     * need no lock.
     */
    private final class Overlay {
        private static final int CHUNK = 4096;

        private final MemoryStore memory = new MemoryStore(size);
        private final AtomicLongArray present =
                new AtomicLongArray(Math.toIntExact(((size + CHUNK - 1) / CHUNK + 63) / 64));
        private final Object filling = new Object();
        private volatile boolean closed;

        void read(long offset, ByteBuffer dst) throws IOException {
            checkOpen();
            long at = offset;
            long end = offset + dst.remaining();
            int limit = dst.limit();
            while (at < end) {
                boolean here = isPresent(at / CHUNK);
                long runEnd = at;
                do {
                    runEnd = Math.min((runEnd / CHUNK + 1) * CHUNK, end);
                } while (runEnd < end && isPresent(runEnd / CHUNK) == here);
                dst.limit(dst.position() + (int) (runEnd - at));
                if (here) {
                    memory.read(at, dst);
                } else {
                    readFile(at, dst);
                }
                dst.limit(limit);
                at = runEnd;
            }
        }

        void write(long offset, ByteBuffer src) throws IOException {
            checkOpen();
            int length = src.remaining();
            if (length == 0) {
                return;
            }
            if (allPresent(offset, length)) {
                memory.write(offset, src, WriteFlags.NONE);
                return;
            }
            synchronized (filling) {
                fillEdges(offset, length);
                memory.write(offset, src, WriteFlags.NONE);
                setPresent(offset, length);
            }
        }

        void zero(long offset, long length, boolean mayUnmap) throws IOException {
            checkOpen();
            if (length == 0) {
                return;
            }
            synchronized (filling) {
                fillEdges(offset, length);
                memory.writeZeroes(offset, length, mayUnmap);
                setPresent(offset, length);
            }
        }

        /** Chunks only partly covered by the range get the rest of their data from the file. */
        private void fillEdges(long offset, long length) throws IOException {
            long end = offset + length;
            if (offset % CHUNK != 0) {
                fill(offset / CHUNK);
            }
            if (end % CHUNK != 0 && end != size) {
                fill(end / CHUNK);
            }
        }

        private void fill(long chunk) throws IOException {
            if (isPresent(chunk)) {
                return;
            }
            long start = chunk * CHUNK;
            ByteBuffer data = ByteBuffer.allocate((int) Math.min(CHUNK, size - start));
            readFile(start, data);
            memory.write(start, data.flip(), WriteFlags.NONE);
            setPresent(start, 1);
        }

        private boolean isPresent(long chunk) {
            return (present.get((int) (chunk / 64)) & 1L << chunk) != 0;
        }

        private boolean allPresent(long offset, long length) {
            for (long chunk = offset / CHUNK; chunk <= (offset + length - 1) / CHUNK; chunk++) {
                if (!isPresent(chunk)) {
                    return false;
                }
            }
            return true;
        }

        private void setPresent(long offset, long length) {
            for (long chunk = offset / CHUNK; chunk <= (offset + length - 1) / CHUNK; chunk++) {
                long bit = 1L << chunk;
                present.getAndUpdate((int) (chunk / 64), old -> old | bit);
            }
        }

        private void checkOpen() throws IOException {
            if (closed) {
                throw new java.nio.channels.ClosedChannelException();
            }
        }

        void close() {
            closed = true;
            memory.close();
        }
    }
}
