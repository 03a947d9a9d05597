// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A small durable map from numbers to positive numbers, in the manner of an LSM tree, written with care and with bugs that can
 * be switched on:
 *
 * <ul>
 *   <li>A batch of changes is a record of the <b>log</b>, whose file is as long as it gets from the start, and is used again under the
 *       next number when its content is in a table. A record has the number of its log, so that old ones are told from new ones.
 *   <li>A <b>table</b> is written once. When there are {@link #MOST_TABLES}, one with the content of all takes their place.
 *   <li>The <b>manifest</b> says which tables there are, and which log goes on from them. It has two slots, written in turns; the
 *       newest that is whole counts.
 * </ul>
 */
final class KeyValueStore implements AutoCloseable {
    /** What can be wrong. */
    enum Bug {
        /** A batch is acknowledged when it is written, before it is synced. */
        ACKNOWLEDGED_BEFORE_SYNC,
        /** The log is never synced. */
        LOG_NOT_SYNCED,
        /** The log is synced before the batch is written. */
        SYNC_BEFORE_WRITE,
        /** A batch that only deletes is not synced. */
        DELETE_NOT_SYNCED,
        /** Each change of a batch has a checksum, and the batch has none: a part of it is taken. */
        PART_OF_BATCH_TAKEN,
        /** The number of the log in a record is not looked at: old records of a file that is used again are taken. */
        OLD_RECORDS_TAKEN,
        /** The log's file gets its next name, and the directory is not synced. */
        RENAME_NOT_SYNCED,
        /** The log's file is used again before the manifest says that its content is in a table. */
        LOG_REUSED_BEFORE_MANIFEST,
        /** A table is not synced before the manifest names it. */
        TABLE_NOT_SYNCED,
        /** The manifest names a table before that is written. */
        MANIFEST_BEFORE_TABLE,
        /** The manifest is not synced before the log's file is used again. */
        MANIFEST_NOT_SYNCED,
        /** The manifest has one slot. */
        ONE_SLOT,
        /** The manifest's checksum does not cover the number of tables. */
        CHECKSUM_WITHOUT_LENGTH,
        /** The manifest's checksum is not looked at. */
        TORN_MANIFEST_TAKEN,
        /** The table of all tables is written over the first of them. */
        COMPACTED_IN_PLACE,
        /** Old tables are deleted before there is the one that takes their place. */
        TABLES_DELETED_FIRST
    }

    private static final int MOST_TABLES = 2;
    private static final int DELETED = 0;

    private static final int LOG_SIZE = 4096;
    private static final String LOG = "log-";
    /** The length of a record before its entries: also number of the log, number of entries. */
    private static final int RECORD_HEAD = Frames.HEAD + 2 * Integer.BYTES;

    private static final int RECORD_ALIGNED = 512;
    private static final int ENTRY_HEAD = Frames.HEAD + 2 * Integer.BYTES;

    /** Of several logical blocks: the head is in the first one, and the number of tables at the end of the last one. */
    private static final int SLOT = 4096;

    private final Path directory;
    private final Set<Bug> bugs;
    private final Frames records;
    private final Frames slots;
    /** What is in tables. */
    private final TreeMap<Integer, Integer> stored = new TreeMap<>();
    /** What is in the log; {@link #DELETED} for what was deleted. */
    private final TreeMap<Integer, Integer> recent = new TreeMap<>();

    private int manifest;
    private List<Integer> tables = List.of();
    private int nextTable = 1;
    private FileChannel log;
    private int logNumber = 1;
    private int logEnd;

    private KeyValueStore(Path directory, Collection<Bug> bugs) {
        this.directory = directory;
        this.bugs = Set.copyOf(bugs);
        records = new Frames(has(Bug.PART_OF_BATCH_TAKEN) ? RECORD_HEAD : LOG_SIZE, true);
        slots = new Frames(
                SLOT - (has(Bug.CHECKSUM_WITHOUT_LENGTH) ? Integer.BYTES : 0), !has(Bug.TORN_MANIFEST_TAKEN));
    }

    private boolean has(Bug bug) {
        return bugs.contains(bug);
    }

    /** Makes an empty store. Returns when it is durable. */
    static void create(Path directory, Collection<Bug> bugs) throws IOException {
        try (KeyValueStore store = new KeyValueStore(directory, bugs)) {
            write(store.manifestFile(), ByteBuffer.allocate(2 * SLOT), true, false);
            store.writeManifest(store.logNumber, List.of());
            store.createLog();
        }
    }

    static KeyValueStore open(Path directory, Collection<Bug> bugs) throws IOException {
        KeyValueStore store = new KeyValueStore(directory, bugs);
        store.recover();
        return store;
    }

    /** Returns all keys and values. */
    Map<Integer, Integer> map() {
        TreeMap<Integer, Integer> map = new TreeMap<>(stored);
        map.putAll(recent);
        map.values().removeIf(value -> value == DELETED);
        return map;
    }

    // ---- the log ----

    /** Makes changes, all or none of which survive; the value 0 deletes. Runs {@code acknowledge} when they are durable. */
    void change(SortedMap<Integer, Integer> batch, Runnable acknowledge) throws IOException {
        ByteBuffer record = record(batch);
        if (logEnd + record.remaining() > LOG_SIZE) {
            startLog();
            record = record(batch);
        }
        if (has(Bug.SYNC_BEFORE_WRITE)) {
            log.force(false);
        }
        int length = record.remaining();
        Durable.write(log, logEnd, record);
        logEnd += length;
        recent.putAll(batch);
        if (has(Bug.ACKNOWLEDGED_BEFORE_SYNC)) {
            acknowledge.run();
        }
        boolean unsyncedDelete =
                has(Bug.DELETE_NOT_SYNCED) && batch.values().stream().allMatch(value -> value == DELETED);
        if (!has(Bug.LOG_NOT_SYNCED) && !has(Bug.SYNC_BEFORE_WRITE) && !unsyncedDelete) {
            log.force(false);
        }
        if (!has(Bug.ACKNOWLEDGED_BEFORE_SYNC)) {
            acknowledge.run();
        }
    }

    private ByteBuffer record(SortedMap<Integer, Integer> batch) {
        byte[] entries = entries(batch);
        int length = (RECORD_HEAD + entries.length + RECORD_ALIGNED - 1) / RECORD_ALIGNED * RECORD_ALIGNED;
        ByteBuffer record = ByteBuffer.allocate(length);
        record.position(Frames.HEAD).putInt(logNumber).putInt(batch.size()).put(entries);
        return records.complete(record);
    }

    /** Puts what is in the log into a table, and goes on with an empty log. */
    private void startLog() throws IOException {
        int table = nextTable++;
        List<Integer> with = new ArrayList<>(tables);
        with.add(table);
        if (has(Bug.MANIFEST_BEFORE_TABLE)) {
            writeManifest(logNumber + 1, with);
        }
        writeTable(table, recent);
        if (has(Bug.LOG_REUSED_BEFORE_MANIFEST)) {
            reuseLog();
            writeManifest(logNumber, with);
        } else {
            if (!has(Bug.MANIFEST_BEFORE_TABLE)) {
                writeManifest(logNumber + 1, with);
            }
            reuseLog();
        }
        stored.putAll(recent);
        recent.clear();
        if (tables.size() == MOST_TABLES) {
            compact();
        }
    }

    private void reuseLog() throws IOException {
        log.close();
        Files.move(logFile(logNumber), logFile(logNumber + 1), ATOMIC_MOVE);
        if (!has(Bug.RENAME_NOT_SYNCED)) {
            Durable.syncNames(directory);
        }
        logNumber++;
        openLog();
    }

    private void createLog() throws IOException {
        write(logFile(logNumber), ByteBuffer.allocate(LOG_SIZE), true, false);
        Durable.syncNames(directory);
        openLog();
    }

    private void openLog() throws IOException {
        log = FileChannel.open(logFile(logNumber), READ, WRITE);
        logEnd = 0;
    }

    // ---- tables ----

    private void writeTable(int table, SortedMap<Integer, Integer> content) throws IOException {
        byte[] entries = entries(content);
        ByteBuffer data = ByteBuffer.allocate(Frames.HEAD + Integer.BYTES + entries.length);
        data.position(Frames.HEAD).putInt(content.size()).put(entries);
        write(tableFile(table), Frames.RIGHT.complete(data), !has(Bug.TABLE_NOT_SYNCED), has(Bug.COMPACTED_IN_PLACE));
        if (!has(Bug.TABLE_NOT_SYNCED)) {
            Durable.syncNames(directory);
        }
    }

    /** Puts the content of all tables into one. */
    private void compact() throws IOException {
        List<Path> old = new ArrayList<>();
        tables.forEach(table -> old.add(tableFile(table)));
        if (has(Bug.TABLES_DELETED_FIRST)) {
            Durable.delete(old);
        }
        int table = has(Bug.COMPACTED_IN_PLACE) ? tables.get(0) : nextTable++;
        stored.values().removeIf(value -> value == DELETED);
        writeTable(table, stored);
        writeManifest(logNumber, List.of(table));
        old.remove(tableFile(table));
        Durable.delete(old);
    }

    // ---- the manifest ----

    private void writeManifest(int nextLog, List<Integer> nextTables) throws IOException {
        manifest++;
        ByteBuffer slot = ByteBuffer.allocate(SLOT);
        slot.position(Frames.HEAD).putInt(manifest).putInt(nextLog);
        nextTables.forEach(slot::putInt);
        slot.putInt(SLOT - Integer.BYTES, nextTables.size());
        int place = has(Bug.ONE_SLOT) ? 0 : manifest % 2;
        try (FileChannel channel = FileChannel.open(manifestFile(), WRITE)) {
            Durable.write(channel, place * (long) SLOT, slots.complete(slot));
            if (!has(Bug.MANIFEST_NOT_SYNCED)) {
                channel.force(false);
            }
        }
        tables = List.copyOf(nextTables);
    }

    // ---- recovery ----

    private void recover() throws IOException {
        readManifest();
        for (int table : tables) {
            readTable(table);
            nextTable = Math.max(nextTable, table + 1);
        }
        stored.values().removeIf(value -> value == DELETED);
        if (Files.exists(logFile(logNumber))) {
            openLog();
            ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(logFile(logNumber)));
            for (int length = take(data); length > 0; length = take(data)) {
                logEnd += length;
            }
        } else {
            Durable.delete(Durable.files(directory, LOG));
            createLog();
        }
    }

    private void readManifest() throws IOException {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(manifestFile()));
        ByteBuffer newest = null;
        for (int place = 0; place < 2; place++) {
            ByteBuffer slot = slots.at(data, place * SLOT).orElse(null);
            if (slot != null && slot.getInt(Frames.HEAD) > manifest) {
                newest = slot;
                manifest = slot.getInt();
            }
        }
        if (newest == null) {
            throw new IOException("No slot of the manifest is whole.");
        }
        logNumber = newest.getInt();
        List<Integer> found = new ArrayList<>();
        while (found.size() < newest.getInt(SLOT - Integer.BYTES)) {
            found.add(newest.getInt());
        }
        tables = List.copyOf(found);
    }

    private void readTable(int table) throws IOException {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(tableFile(table)));
        Optional<ByteBuffer> content = Frames.RIGHT.at(data, 0);
        if (content.isEmpty() || !takeEntries(content.get(), stored)) {
            throw new IOException("The table " + table + " is damaged.");
        }
    }

    /** Takes over the record at the end of what is known of the log; returns its length, or 0 if there is none. */
    private int take(ByteBuffer data) {
        Optional<ByteBuffer> found = records.at(data, logEnd);
        if (found.isEmpty()) {
            return 0;
        }
        ByteBuffer record = found.get();
        if (record.getInt() != logNumber && !has(Bug.OLD_RECORDS_TAKEN)) {
            return 0;
        }
        takeEntries(record, recent);
        return record.capacity();
    }

    // ---- entries: each a record of key, value, and a padding whose length depends on the value ----

    private static byte[] entries(SortedMap<Integer, Integer> content) {
        ByteBuffer data = ByteBuffer.allocate(content.size() * 1024);
        content.forEach((key, value) -> {
            int padding = value == DELETED ? 0 : 300 + value * 37 % 600;
            ByteBuffer entry = ByteBuffer.allocate(ENTRY_HEAD + padding);
            Arrays.fill(entry.array(), (byte) (int) value);
            entry.position(Frames.HEAD).putInt(key).putInt(value);
            data.put(Frames.RIGHT.complete(entry));
        });
        byte[] entries = new byte[data.position()];
        data.flip().get(entries);
        return entries;
    }

    /** Takes over as many entries as it says there, up to the first one that is not whole; returns whether all are. */
    private static boolean takeEntries(ByteBuffer data, Map<Integer, Integer> to) {
        for (int left = data.getInt(); left > 0; left--) {
            Optional<ByteBuffer> entry = Frames.RIGHT.at(data, data.position());
            if (entry.isEmpty()) {
                return false;
            }
            to.put(entry.get().getInt(), entry.get().getInt());
            data.position(data.position() + entry.get().capacity());
        }
        return true;
    }

    // ---- files ----

    private Path manifestFile() {
        return directory.resolve("manifest");
    }

    private Path tableFile(int number) {
        return directory.resolve("table-" + number);
    }

    private Path logFile(int number) {
        return directory.resolve(LOG + number);
    }

    private static void write(Path file, ByteBuffer data, boolean sync, boolean inPlace) throws IOException {
        int length = data.remaining();
        try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
            if (!inPlace) {
                channel.truncate(0);
            }
            Durable.write(channel, 0, data);
            channel.truncate(length);
            if (sync) {
                channel.force(true);
            }
        }
    }

    @Override
    public void close() throws IOException {
        if (log != null) {
            log.close();
        }
    }
}
