// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file in memory until it is closed, not until a garbage collection: a mapped file keeps its filesystem mounted. */
final class Mapping implements AutoCloseable {
    private final MappedByteBuffer buffer;

    private Mapping(MappedByteBuffer buffer) {
        this.buffer = buffer;
    }

    /** Maps all of a file. */
    static Mapping of(Path file, FileChannel.MapMode mode) throws IOException {
        try (FileChannel channel = mode == FileChannel.MapMode.READ_ONLY
                ? FileChannel.open(file, StandardOpenOption.READ)
                : FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return new Mapping(channel.map(mode, 0, channel.size()));
        }
    }

    /** Its memory. Must not be used once this is closed. */
    MappedByteBuffer buffer() {
        return buffer;
    }

    /** Java 17 has no other way; Lucene's is the same. */
    @Override
    public void close() {
        try {
            Class<?> type = Class.forName("sun.misc.Unsafe");
            Field unsafe = type.getDeclaredField("theUnsafe");
            unsafe.setAccessible(true);
            Method unmap = type.getMethod("invokeCleaner", ByteBuffer.class);
            unmap.invoke(unsafe.get(null), buffer);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot unmap", e);
        }
    }
}
