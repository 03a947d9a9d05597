// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/**
 * Keeps a device's data in an image file; {@link ImageMode} says how the file is used. Nothing else may change the size
 * of the file meanwhile.
 *
 * <p>Safe for use by several threads. Interrupting a thread that reads or writes closes the file.
 */
public final class FileStore implements Store {
    private final ImageFile file;
    private final ImageMode mode;
    /** A store over the file if writes go to memory, else null. */
    private final MemoryStore copy;

    private volatile boolean closed;

    /**
     * Opens an image.
     *
     * @param logicalBlockSize bytes; the file's size must be a multiple of it
     * @throws IllegalArgumentException if the file is empty or has another size
     * @throws NoSuchFileException if there is no such file
     */
    public FileStore(Path file, ImageMode mode, int logicalBlockSize) throws IOException {
        this.mode = mode;
        this.file = new ImageFile(file, mode == ImageMode.IN_PLACE, logicalBlockSize);
        boolean done = false;
        try {
            copy = mode == ImageMode.COPY_ON_WRITE ? new MemoryStore(this.file) : null;
            done = true;
        } finally {
            if (!done) {
                this.file.close();
            }
        }
    }

    /** Returns the size in bytes, at first that of the file. */
    @Override
    public long size() {
        return copy != null ? copy.size() : file.size();
    }

    /** Changes the size; for an image in place, also that of the file. */
    @Override
    public void resize(long bytes) throws IOException {
        if (mode == ImageMode.READ_ONLY) {
            throw new IllegalStateException("The image " + file + " was opened with READ_ONLY, so its size cannot be"
                    + " changed. Use COPY_ON_WRITE or IN_PLACE.");
        }
        if (copy != null) {
            copy.resize(bytes);
        } else {
            file.resize(bytes);
        }
    }

    @Override
    public MemoryStore inMemory() {
        return copy;
    }

    private Source source() {
        return copy != null ? copy : file;
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        checkOpen();
        source().read(offset, dst);
    }

    @Override
    public long findData(long from, long end) throws IOException {
        return source().findData(from, end);
    }

    @Override
    public long findHole(long from, long end) throws IOException {
        return source().findHole(from, end);
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        checkWritable();
        if (copy != null) {
            copy.write(offset, src, flags);
            return;
        }
        file.write(offset, src);
        if (flags.fua()) {
            file.force();
        }
    }

    @Override
    public void flush() throws IOException {
        if (mode == ImageMode.IN_PLACE) {
            file.force();
        }
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        writeZeroes(offset, length, true);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        checkWritable();
        if (copy != null) {
            copy.writeZeroes(offset, length, mayUnmap);
        } else {
            file.zero(offset, length, mayUnmap);
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
        closed = true;
        source().close();
    }

    private void checkOpen() throws ClosedChannelException {
        if (closed) {
            throw new ClosedChannelException();
        }
    }

    private void checkWritable() throws IOException {
        checkOpen();
        if (mode == ImageMode.READ_ONLY) {
            throw new BlockIOException(Errno.EROFS, "The image " + file + " was opened with READ_ONLY");
        }
    }
}
