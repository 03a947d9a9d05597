// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A log of the kernel's dm-log-writes, or one written by {@link Journal#exportLogWrites(Path)}: the writes to a device
 * in the order in which they left its cache. The data stays in the file, which must not change.
 *
 * @see <a href="https://docs.kernel.org/admin-guide/device-mapper/log-writes.html">dm-log-writes</a>
 */
public final class LogWrites {
    static final long MAGIC = 0x6a736677736872L;
    static final long VERSION = 1;
    static final int ENTRY_SIZE = 32;
    static final long FLUSH = 1;
    static final long FUA = 1 << 1;
    static final long DISCARD = 1 << 2;
    static final long MARK = 1 << 3;
    static final long METADATA = 1 << 4;
    /** The mark that the kernel sets when the log ends. */
    public static final String END_MARK = "dm-log-writes-end";

    private static final int SUPER_SIZE = 28;
    private static final int COPY = 1 << 20;

    private final Path file;
    private final int sectorSize;
    private final List<Entry> entries;

    /**
     * An entry of the log.
     *
     * @param index its place in the log, from 0
     * @param offset where it writes, in bytes; 0 if it does not write
     * @param length how much it writes or discards, in bytes; 0 if nothing
     * @param flush whether it is a flush; a flush with a length writes after flushing
     * @param fua whether it was durable when it completed
     * @param discard whether it discards its range instead of writing it
     * @param metadata whether it writes a filesystem's metadata
     * @param mark the text of a mark; null if the entry is not a mark
     * @param position where its data starts in the file, in bytes
     */
    public record Entry(
            int index,
            long offset,
            long length,
            boolean flush,
            boolean fua,
            boolean discard,
            boolean metadata,
            String mark,
            long position) {

        /** Returns whether the entry writes data. */
        public boolean isWrite() {
            return length > 0 && !discard;
        }

        @Override
        public String toString() {
            if (mark != null) {
                return index + ": MARK \"" + mark + "\"";
            }
            StringBuilder text = new StringBuilder().append(index).append(':');
            text.append(flush ? " FLUSH" : "").append(discard ? " DISCARD" : isWrite() ? " WRITE" : "");
            text.append(fua ? " FUA" : "").append(metadata ? " META" : "");
            return length == 0 ? text.toString() : text + " " + EntryText.sectors(offset, length);
        }
    }

    private LogWrites(Path file, int sectorSize, List<Entry> entries) {
        this.file = file;
        this.sectorSize = sectorSize;
        this.entries = List.copyOf(entries);
    }

    /**
     * Reads the entries of a log.
     *
     * @param file a file, or the device that dm-log-writes has logged to
     * @throws IOException if the file cannot be read, is not such a log, or is damaged
     */
    public static LogWrites read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            ByteBuffer head = get(channel, 0, SUPER_SIZE, file + ": no super block");
            long magic = head.getLong();
            long version = head.getLong();
            long count = head.getLong();
            int sectorSize = head.getInt();
            if (magic != MAGIC) {
                throw new IOException(file + " is not a log of dm-log-writes: its first 8 bytes are "
                        + Long.toHexString(magic) + ", not " + Long.toHexString(MAGIC) + ".");
            }
            if (version != VERSION) {
                throw new IOException(
                        file + " is a log of dm-log-writes of version " + version + ". Known: " + VERSION + ".");
            }
            if (sectorSize < 512 || Integer.bitCount(sectorSize) != 1 || count < 0 || count > Integer.MAX_VALUE) {
                throw new IOException(file + " has a damaged super block: " + count + " entries, sectors of "
                        + sectorSize + " bytes.");
            }
            return new LogWrites(file, sectorSize, entries(channel, (int) count, sectorSize, file));
        }
    }

    private static List<Entry> entries(FileChannel channel, int count, int sectorSize, Path file) throws IOException {
        List<Entry> entries = new ArrayList<>();
        long limit = Long.MAX_VALUE / sectorSize;
        long position = sectorSize;
        for (int index = 0; index < count; index++) {
            String what = file + ": entry " + index + " of " + count;
            ByteBuffer sector = get(channel, position, sectorSize, what);
            long first = sector.getLong();
            long sectors = sector.getLong();
            long flags = sector.getLong();
            long textLength = sector.getLong();
            boolean isMark = (flags & MARK) != 0;
            boolean isDiscard = (flags & DISCARD) != 0;
            if (first < 0 || sectors < 0 || first > limit - sectors) {
                throw new IOException(what + " is damaged: " + sectors + " sectors at " + first + ".");
            }
            if ((flags & ~(FLUSH | FUA | DISCARD | MARK | METADATA)) != 0) {
                throw new IOException(what + " has unknown flags: 0x" + Long.toHexString(flags) + ".");
            }
            if (isMark && (textLength < 0 || textLength > sectorSize - ENTRY_SIZE)) {
                throw new IOException(what + " is damaged: a mark of " + textLength + " bytes.");
            }
            byte[] text = new byte[isMark ? (int) textLength : 0];
            sector.get(text);
            String mark = isMark ? new String(text, StandardCharsets.UTF_8) : null;
            position += sectorSize;
            entries.add(new Entry(
                    index,
                    first * sectorSize,
                    sectors * sectorSize,
                    (flags & FLUSH) != 0,
                    (flags & FUA) != 0,
                    isDiscard,
                    (flags & METADATA) != 0,
                    mark,
                    position));
            if (!isDiscard) {
                position += sectors * sectorSize;
            }
        }
        return entries;
    }

    private static ByteBuffer get(FileChannel channel, long position, int length, String what) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw new EOFException(what + " at byte " + position + " is cut off after " + buffer.position() + " of "
                        + length + " bytes.");
            }
        }
        return buffer.flip();
    }

    /** Returns the unit of the log's ranges in bytes: the logical block of the logged device. */
    public int sectorSize() {
        return sectorSize;
    }

    /** Returns all entries, in order. */
    public List<Entry> entries() {
        return entries;
    }

    /**
     * Returns the entry with this mark; the first, if there are several.
     *
     * @throws IllegalArgumentException if there is no such mark
     */
    public Entry mark(String text) {
        return entries.stream()
                .filter(entry -> text.equals(entry.mark()))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException("There is no mark \"" + text + "\" in " + file + ". Its marks: "
                                + entries.stream()
                                        .map(Entry::mark)
                                        .filter(mark -> mark != null)
                                        .toList() + "."));
    }

    /** Returns the data that an entry writes; empty if it writes no data. */
    public byte[] data(Entry entry) throws IOException {
        if (!entry.isWrite()) {
            return new byte[0];
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return get(
                            channel,
                            entry.position(),
                            Math.toIntExact(entry.length()),
                            file + ": the data of entry " + entry.index())
                    .array();
        }
    }

    /** Replays the whole log to {@code target}. */
    public void replay(FileChannel target) throws IOException {
        replay(target, entries.size());
    }

    /** Replays the entries before the mark {@code text} to {@code target}, see {@link #mark(String)}. */
    public void replayTo(String text, FileChannel target) throws IOException {
        replay(target, mark(text).index());
    }

    /**
     * Replays the first {@code count} entries to {@code target}. Discarded ranges read as zeros.
     *
     * @param target a file, or a device's {@link io.dblock.BlockDevice#openChannel() channel}, as large as the logged
     *     device
     * @throws IndexOutOfBoundsException if there are fewer entries
     */
    public void replay(FileChannel target, int count) throws IOException {
        try (FileChannel source = FileChannel.open(file, StandardOpenOption.READ)) {
            for (Entry entry : entries.subList(0, count)) {
                for (long done = 0; done < entry.length(); done += COPY) {
                    int length = (int) Math.min(COPY, entry.length() - done);
                    ByteBuffer part = entry.discard()
                            ? ByteBuffer.allocate(length)
                            : get(
                                    source,
                                    entry.position() + done,
                                    length,
                                    file + ": the data of entry " + entry.index());
                    while (part.hasRemaining()) {
                        target.write(part, entry.offset() + done + part.position());
                    }
                }
            }
        }
    }
}
