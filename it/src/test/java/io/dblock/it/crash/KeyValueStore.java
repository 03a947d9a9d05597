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
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32;

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
    private static final int RECORD_HEAD = 4 * Integer.BYTES;
    private static final int RECORD_ALIGNED = 512;

    /** Of several logical blocks: the head is in the first one, and the number of tables at the end of the last one. */
    private static final int SLOT = 4096;

    private static final int SLOT_HEAD = 3 * Integer.BYTES;

    private final Path directory;
    private final Set<Bug> bugs;
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
        write(log, logEnd, record);
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
        record.putInt(length).putInt(0).putInt(logNumber).putInt(batch.size()).put(entries);
        return record.putInt(Integer.BYTES, checksum(record)).clear();
    }

    /** Returns the checksum of a record without its second number, which is the checksum. */
    private int checksum(ByteBuffer record) {
        CRC32 crc = new CRC32();
        crc.update(record.slice(0, Integer.BYTES));
        int end = has(Bug.PART_OF_BATCH_TAKEN) ? RECORD_HEAD : record.capacity();
        crc.update(record.slice(2 * Integer.BYTES, end - 2 * Integer.BYTES));
        return (int) crc.getValue();
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
            syncDirectory();
        }
        logNumber++;
        openLog();
    }

    private void createLog() throws IOException {
        write(logFile(logNumber), ByteBuffer.allocate(LOG_SIZE), true, false);
        syncDirectory();
        openLog();
    }

    private void openLog() throws IOException {
        log = FileChannel.open(logFile(logNumber), READ, WRITE);
        logEnd = 0;
    }

    // ---- tables ----

    private void writeTable(int table, SortedMap<Integer, Integer> content) throws IOException {
        byte[] entries = entries(content);
        ByteBuffer data = ByteBuffer.allocate(2 * Integer.BYTES + entries.length);
        data.putInt(content.size()).putInt(checksum(entries)).put(entries).clear();
        write(tableFile(table), data, !has(Bug.TABLE_NOT_SYNCED), has(Bug.COMPACTED_IN_PLACE));
        if (!has(Bug.TABLE_NOT_SYNCED)) {
            syncDirectory();
        }
    }

    /** Puts the content of all tables into one. */
    private void compact() throws IOException {
        List<Path> old = new ArrayList<>();
        tables.forEach(table -> old.add(tableFile(table)));
        if (has(Bug.TABLES_DELETED_FIRST)) {
            delete(old);
        }
        int table = has(Bug.COMPACTED_IN_PLACE) ? tables.get(0) : nextTable++;
        stored.values().removeIf(value -> value == DELETED);
        writeTable(table, stored);
        writeManifest(logNumber, List.of(table));
        old.remove(tableFile(table));
        delete(old);
    }

    private static void delete(List<Path> files) throws IOException {
        for (Path file : files) {
            Files.deleteIfExists(file);
        }
    }

    // ---- the manifest ----

    private void writeManifest(int nextLog, List<Integer> nextTables) throws IOException {
        manifest++;
        ByteBuffer slot = ByteBuffer.allocate(SLOT);
        slot.putInt(manifest).putInt(0).putInt(nextLog);
        nextTables.forEach(slot::putInt);
        slot.putInt(SLOT - Integer.BYTES, nextTables.size());
        slot.putInt(Integer.BYTES, slotChecksum(slot)).clear();
        int place = has(Bug.ONE_SLOT) ? 0 : manifest % 2;
        try (FileChannel channel = FileChannel.open(manifestFile(), WRITE)) {
            write(channel, place * (long) SLOT, slot);
            if (!has(Bug.MANIFEST_NOT_SYNCED)) {
                channel.force(false);
            }
        }
        tables = List.copyOf(nextTables);
    }

    private int slotChecksum(ByteBuffer slot) {
        CRC32 crc = new CRC32();
        crc.update(slot.slice(0, Integer.BYTES));
        int end = SLOT - (has(Bug.CHECKSUM_WITHOUT_LENGTH) ? Integer.BYTES : 0);
        crc.update(slot.slice(2 * Integer.BYTES, end - 2 * Integer.BYTES));
        return (int) crc.getValue();
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
            delete(logs());
            createLog();
        }
    }

    private void readManifest() throws IOException {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(manifestFile()));
        ByteBuffer newest = null;
        for (int place = 0; place < 2; place++) {
            ByteBuffer slot = data.slice(place * SLOT, SLOT);
            boolean whole = slot.getInt(0) > 0 && slot.getInt(Integer.BYTES) == slotChecksum(slot);
            boolean taken = whole || (has(Bug.TORN_MANIFEST_TAKEN) && slot.getInt(0) > 0);
            if (taken && slot.getInt(0) > manifest) {
                newest = slot;
                manifest = slot.getInt(0);
            }
        }
        if (newest == null) {
            throw new IOException("No slot of the manifest is whole.");
        }
        logNumber = newest.getInt(2 * Integer.BYTES);
        List<Integer> found = new ArrayList<>();
        for (int i = 0; i < newest.getInt(SLOT - Integer.BYTES); i++) {
            found.add(newest.getInt(SLOT_HEAD + i * Integer.BYTES));
        }
        tables = List.copyOf(found);
    }

    private void readTable(int table) throws IOException {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(tableFile(table)));
        int count = data.getInt();
        int checksum = data.getInt();
        byte[] entries = new byte[data.remaining()];
        data.get(entries);
        if (checksum != checksum(entries) || takeEntries(ByteBuffer.wrap(entries), count, stored) != count) {
            throw new IOException("The table " + table + " is damaged.");
        }
    }

    /** Takes over the record at the end of what is known of the log; returns its length, or 0 if there is none. */
    private int take(ByteBuffer data) {
        if (logEnd + RECORD_HEAD > LOG_SIZE) {
            return 0;
        }
        int length = data.getInt(logEnd);
        if (length < RECORD_HEAD || length > LOG_SIZE - logEnd) {
            return 0;
        }
        ByteBuffer record = data.slice(logEnd, length);
        if (record.getInt(Integer.BYTES) != checksum(record)) {
            return 0;
        }
        if (record.getInt(2 * Integer.BYTES) != logNumber && !has(Bug.OLD_RECORDS_TAKEN)) {
            return 0;
        }
        takeEntries(record.position(RECORD_HEAD), record.getInt(3 * Integer.BYTES), recent);
        return length;
    }

    // ---- entries: key, value, length and checksum of a padding whose length depends on the value, and the padding
    // ----

    private static byte[] entries(SortedMap<Integer, Integer> content) {
        ByteBuffer data = ByteBuffer.allocate(content.size() * 1024);
        content.forEach((key, value) -> {
            byte[] padding = new byte[value == DELETED ? 0 : 300 + value * 37 % 600];
            Arrays.fill(padding, (byte) (int) value);
            data.putInt(key).putInt(value).putInt(padding.length).putInt(checksum(padding));
            data.put(padding);
        });
        byte[] entries = new byte[data.position()];
        data.flip().get(entries);
        return entries;
    }

    /** Takes over entries up to the first one that is not whole; returns how many. */
    private static int takeEntries(ByteBuffer data, int count, Map<Integer, Integer> to) {
        for (int i = 0; i < count; i++) {
            if (data.remaining() < 4 * Integer.BYTES) {
                return i;
            }
            int key = data.getInt();
            int value = data.getInt();
            int length = data.getInt();
            int checksum = data.getInt();
            if (length < 0 || length > data.remaining()) {
                return i;
            }
            byte[] padding = new byte[length];
            data.get(padding);
            if (checksum != checksum(padding)) {
                return i;
            }
            to.put(key, value);
        }
        return count;
    }

    private static int checksum(byte[] data) {
        CRC32 crc = new CRC32();
        crc.update(data);
        return (int) crc.getValue();
    }

    // ---- files ----

    private Path manifestFile() {
        return directory.resolve("manifest");
    }

    private Path tableFile(int number) {
        return directory.resolve("table-" + number);
    }

    private Path logFile(int number) {
        return directory.resolve("log-" + number);
    }

    private List<Path> logs() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.getFileName().toString().startsWith("log-"))
                    .toList();
        }
    }

    private static void write(Path file, ByteBuffer data, boolean sync, boolean inPlace) throws IOException {
        int length = data.remaining();
        try (FileChannel channel = FileChannel.open(file, CREATE, WRITE)) {
            if (!inPlace) {
                channel.truncate(0);
            }
            write(channel, 0, data);
            channel.truncate(length);
            if (sync) {
                channel.force(true);
            }
        }
    }

    private static void write(FileChannel channel, long offset, ByteBuffer data) throws IOException {
        long at = offset;
        while (data.hasRemaining()) {
            at += channel.write(data, at);
        }
    }

    private void syncDirectory() throws IOException {
        try (FileChannel channel = FileChannel.open(directory, READ)) {
            channel.force(true);
        }
    }

    @Override
    public void close() throws IOException {
        if (log != null) {
            log.close();
        }
    }
}
