// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;

/** Writes a log in the format of dm-log-writes (drivers/md/dm-log-writes.c), entry by entry. */
final class LogWritesWriter implements AutoCloseable {
    private final FileChannel file;
    private final int sectorSize;
    private long entries;
    private long position;

    LogWritesWriter(Path path, int sectorSize) throws IOException {
        this.sectorSize = sectorSize;
        file = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        position = sectorSize; // The super block is written last, when the number of entries is known.
    }

    void write(long offset, byte[] data, int start, int length, boolean fua, boolean metadata) throws IOException {
        entry(offset, length, flags(fua, metadata), new byte[0]);
        put(ByteBuffer.wrap(data, start, length));
    }

    void zeroes(long offset, long length, boolean fua, boolean metadata) throws IOException {
        entry(offset, length, flags(fua, metadata), new byte[0]);
        position += length; // A hole in the file. An entry follows, at least the end mark.
    }

    void discard(long offset, long length) throws IOException {
        entry(offset, length, LogWrites.DISCARD, new byte[0]);
    }

    void flush() throws IOException {
        entry(0, 0, LogWrites.FLUSH, new byte[0]);
    }

    /** Truncates the text, as the kernel does, to what fits into a sector with the entry and a zero. */
    void mark(String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int room = sectorSize - LogWrites.ENTRY_SIZE - 1;
        entry(0, 0, LogWrites.MARK, bytes.length <= room ? bytes : Arrays.copyOf(bytes, room));
    }

    private static long flags(boolean fua, boolean metadata) {
        return (fua ? LogWrites.FUA : 0) | (metadata ? LogWrites.METADATA : 0);
    }

    private void entry(long offset, long length, long flags, byte[] text) throws IOException {
        if (offset % sectorSize != 0 || length % sectorSize != 0) {
            throw new IllegalStateException("The range of " + length + " bytes at " + offset
                    + " does not consist of the log's sectors of " + sectorSize + " bytes.");
        }
        ByteBuffer sector = ByteBuffer.allocate(sectorSize).order(ByteOrder.LITTLE_ENDIAN);
        sector.putLong(offset / sectorSize);
        sector.putLong(length / sectorSize);
        sector.putLong(flags);
        sector.putLong(text.length);
        sector.put(text);
        put(sector.rewind());
        entries++;
    }

    private void put(ByteBuffer data) throws IOException {
        while (data.hasRemaining()) {
            position += file.write(data, position);
        }
    }

    @Override
    public void close() throws IOException {
        try (file) {
            ByteBuffer sector = ByteBuffer.allocate(sectorSize).order(ByteOrder.LITTLE_ENDIAN);
            sector.putLong(LogWrites.MAGIC);
            sector.putLong(LogWrites.VERSION);
            sector.putLong(entries);
            sector.putInt(sectorSize);
            sector.rewind();
            position = 0;
            put(sector);
        }
    }
}
