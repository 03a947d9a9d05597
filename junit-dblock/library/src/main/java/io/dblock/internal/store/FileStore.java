// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.ImageMode;
import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/**
 * Keeps a device's data in an image file; see {@link ImageMode} for what becomes of the file. Nobody else must change its
 * size meanwhile.
 *
 * <p>Safe for use by several threads. Interrupting a thread that is reading or writing closes the file.
 */
public final class FileStore implements Store {
    private final ImageFile file;
    private final ImageMode mode;
    /** Over the file, if what is written goes to memory, else null. */
    private final CowStore copy;

    /**
     * Opens an image.
     *
     * @param logicalBlockSize bytes; the file's size must be a multiple of it
     * @throws IllegalArgumentException if it is empty, or of another size
     * @throws NoSuchFileException if there is none
     */
    public FileStore(Path file, ImageMode mode, int logicalBlockSize) throws IOException {
        this.mode = mode;
        this.file = new ImageFile(file, mode == ImageMode.IN_PLACE, logicalBlockSize);
        boolean done = false;
        try {
            copy = mode == ImageMode.COPY_ON_WRITE ? new CowStore(this.file) : null;
            done = true;
        } finally {
            if (!done) {
                this.file.close();
            }
        }
    }

    /** Its size in bytes: at first the file's. */
    @Override
    public long size() {
        return copy != null ? copy.size() : file.size();
    }

    /** Changes its size; in place, the file's, too. */
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

    private Source source() {
        return copy != null ? copy : file;
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
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
        source().close();
    }

    private void checkWritable() throws IOException {
        if (mode == ImageMode.READ_ONLY) {
            throw new BlockIOException(Errno.EROFS, "The image " + file + " was opened with READ_ONLY");
        }
    }
}
