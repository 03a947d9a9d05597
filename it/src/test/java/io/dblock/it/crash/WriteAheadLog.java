// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A small durable map from numbers to numbers: a write-ahead log in segments, whose blocks are allocated before, and a
 * snapshot of the map that takes the place of old segments. Written with care, and with bugs that can be switched on.
 *
 * <p>A {@linkplain Frames record} has {@code key, value, padding}. A segment ends at the first record that is not whole.
 */
final class WriteAheadLog implements AutoCloseable {
    /** What can be wrong. */
    enum Bug {
        /** A record is acknowledged before it is written. */
        ACKNOWLEDGED_FIRST,
        /** The log is never synced. */
        NO_SYNC,
        /** The log is synced before the record is written. */
        SYNC_BEFORE_WRITE,
        /** Only every second record is synced. */
        SYNC_EVERY_SECOND,
        /** The first record of a segment is not synced. */
        FIRST_NOT_SYNCED,
        /** The last record of a segment is not synced. */
        LAST_NOT_SYNCED,
        /** The checksum does not cover the padding, so a torn record is taken for whole. */
        WEAK_CHECKSUM,
        /** The checksum is not looked at. */
        NO_CHECKSUM,
        /** The snapshot is written over the old one. */
        SNAPSHOT_IN_PLACE,
        /** The snapshot takes the place of the old one before it is synced. */
        SNAPSHOT_NOT_SYNCED,
        /** Old segments are deleted before there is a snapshot. */
        DELETED_FIRST,
        /** Old segments are overwritten for reuse while the snapshot is not synced. */
        REUSED_BEFORE_SYNC,
        /** A torn record at the end of a segment makes recovery forget the segment. */
        RECOVERY_FORGETS_SEGMENT,
        /** Recovery deletes the segments, and then writes what was in them to a snapshot: it must not be cut in between. */
        RECOVERY_NOT_REPEATABLE
    }

    private static final int HEAD = Frames.HEAD + 2 * Integer.BYTES;
    /** Larger than a logical block, so that it can be torn. */
    private static final int RECORD = 1200;

    private static final int RECORDS_PER_SEGMENT = 3;
    /** The key of the record that says how many others a snapshot has. */
    private static final int COUNT = 0;

    private static final String SNAPSHOT = "snapshot";
    private static final String SEGMENT = "segment-";

    private final Path directory;
    private final Set<Bug> bugs;
    private final Frames frames;
    private final TreeMap<Integer, Integer> map = new TreeMap<>();
    private FileChannel segment;
    private int segmentNumber;
    private int records;
    private int appended;

    private WriteAheadLog(Path directory, Collection<Bug> bugs) {
        this.directory = directory;
        this.bugs = Set.copyOf(bugs);
        frames = new Frames(has(Bug.WEAK_CHECKSUM) ? HEAD : RECORD, !has(Bug.NO_CHECKSUM));
    }

    private boolean has(Bug bug) {
        return bugs.contains(bug);
    }

    static WriteAheadLog open(Path directory, Collection<Bug> bugs) throws IOException {
        WriteAheadLog log = new WriteAheadLog(directory, bugs);
        log.recover();
        return log;
    }

    Map<Integer, Integer> map() {
        return map;
    }

    // ---- write ----

    /** Stores this, and runs {@code acknowledge} when it is durable. */
    void put(int key, int value, Runnable acknowledge) throws IOException {
        if (has(Bug.ACKNOWLEDGED_FIRST)) {
            acknowledge.run();
        }
        if (segment == null || records == RECORDS_PER_SEGMENT) {
            startSegment();
        }
        if (has(Bug.SYNC_BEFORE_WRITE)) {
            segment.force(false);
        }
        Durable.write(segment, (long) records * RECORD, record(key, value));
        records++;
        appended++;
        if (isSynced()) {
            segment.force(false);
        }
        map.put(key, value);
        if (!has(Bug.ACKNOWLEDGED_FIRST)) {
            acknowledge.run();
        }
    }

    private boolean isSynced() {
        return !has(Bug.NO_SYNC)
                && !has(Bug.SYNC_BEFORE_WRITE)
                && !(has(Bug.SYNC_EVERY_SECOND) && appended % 2 == 1)
                && !(has(Bug.FIRST_NOT_SYNCED) && records == 1)
                && !(has(Bug.LAST_NOT_SYNCED) && records == RECORDS_PER_SEGMENT);
    }

    private void startSegment() throws IOException {
        close();
        segmentNumber++;
        segment = FileChannel.open(segment(segmentNumber), CREATE, WRITE, TRUNCATE_EXISTING);
        records = 0;
        Durable.write(segment, 0, ByteBuffer.allocate(RECORDS_PER_SEGMENT * RECORD));
        segment.force(true);
        Durable.syncNames(directory);
    }

    /** Writes the map to a snapshot and removes the segments that it makes superfluous. */
    void checkpoint() throws IOException {
        close();
        List<Path> old = segments();
        if (has(Bug.DELETED_FIRST)) {
            Durable.delete(old);
        }
        Path target = directory.resolve(SNAPSHOT);
        Path next = has(Bug.SNAPSHOT_IN_PLACE) ? target : directory.resolve(SNAPSHOT + ".next");
        try (FileChannel channel = FileChannel.open(next, CREATE, WRITE)) {
            Durable.write(channel, 0, record(COUNT, map.size()));
            long at = RECORD;
            for (Map.Entry<Integer, Integer> entry : map.entrySet()) {
                Durable.write(channel, at, record(entry.getKey(), entry.getValue()));
                at += RECORD;
            }
            if (has(Bug.REUSED_BEFORE_SYNC)) {
                overwrite(old);
            }
            if (!has(Bug.SNAPSHOT_NOT_SYNCED)) {
                channel.force(true);
            }
        }
        if (!next.equals(target)) {
            Files.move(next, target, ATOMIC_MOVE);
        }
        Durable.syncNames(directory);
        Durable.delete(old);
    }

    private static void overwrite(List<Path> files) throws IOException {
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, WRITE)) {
                Durable.write(channel, 0, ByteBuffer.allocate(RECORD));
                channel.force(false);
            }
        }
    }

    private ByteBuffer record(int key, int value) {
        ByteBuffer record = ByteBuffer.allocate(RECORD);
        record.putInt(Frames.HEAD, key);
        for (int i = HEAD - Integer.BYTES; i < RECORD; i += Integer.BYTES) {
            record.putInt(i, value);
        }
        return frames.complete(record);
    }

    // ---- recover ----

    private Path segment(int number) {
        return directory.resolve(SEGMENT + (1000 + number));
    }

    private List<Path> segments() throws IOException {
        return Durable.files(directory, SEGMENT);
    }

    private void recover() throws IOException {
        Path snapshot = directory.resolve(SNAPSHOT);
        if (Files.exists(snapshot)) {
            ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(snapshot));
            for (int at = 0; at == 0 || at <= map.get(COUNT) * RECORD; at += RECORD) {
                if (!take(data, at)) {
                    throw new IOException("The snapshot is damaged at " + at + " of " + data.limit() + " bytes.");
                }
            }
            map.remove(COUNT);
        }
        for (Path file : segments()) {
            ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(file));
            Map<Integer, Integer> before = Map.copyOf(map);
            int at = 0;
            while (take(data, at)) {
                at += RECORD;
            }
            if (has(Bug.RECOVERY_FORGETS_SEGMENT) && isTorn(data, at)) {
                map.clear();
                map.putAll(before);
            }
            segmentNumber = Integer.parseInt(file.getFileName().toString().substring(SEGMENT.length())) - 1000;
        }
        if (has(Bug.RECOVERY_NOT_REPEATABLE) && !segments().isEmpty()) {
            Durable.delete(segments());
            Durable.syncNames(directory);
            checkpoint();
        }
    }

    private static boolean isTorn(ByteBuffer data, int at) {
        for (int i = at; i < data.limit(); i++) {
            if (data.get(i) != 0) {
                return true;
            }
        }
        return false;
    }

    /** Takes over the record there; returns whether there is one. */
    private boolean take(ByteBuffer data, int at) throws IOException {
        Optional<ByteBuffer> found = frames.at(data, at);
        if (found.isEmpty()) {
            return false;
        }
        ByteBuffer record = found.get();
        int key = record.getInt();
        int value = record.getInt();
        while (record.hasRemaining()) {
            if (record.getInt() != value) {
                throw new IOException("The record of " + key + " was taken for whole, and is not.");
            }
        }
        map.put(key, value);
        return true;
    }

    @Override
    public void close() throws IOException {
        if (segment != null) {
            segment.close();
            segment = null;
        }
    }
}
