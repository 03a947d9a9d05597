// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.Errno;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.BlockLog;
import io.dblock.internal.store.Chunk;
import io.dblock.journal.Capture;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.journal.FailedRange;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * Records the requests of a device in a ring of plain numbers. It keeps the newest entries; of older entries, it keeps
 * only requests still under way. A request on which no rule acted allocates nothing. Safe for use by several threads.
 *
 * <p>For each request, call {@link #begin}, then {@link #data} when its data is there, if {@link #wantsData}, and
 * {@link #end} just before it is answered. Times are those of {@link System#nanoTime()}. Operations and flags are the
 * numbers of {@link Batch}.
 */
public final class JournalRing implements Recorder, AutoCloseable {
    /** The default number of entries. */
    public static final int DEFAULT_CAPACITY = 1 << 16;
    /** The default limit for data, in bytes. */
    public static final long DEFAULT_CONTENT_BYTES = 16 << 20;

    /** The number of a request whose operation the journal does not know. */
    public static final long NOT_RECORDED = 0;

    private static final int CHUNK = 1 << 10;
    /** How many entries the first chunk starts with: an idle device has only the few reads of the partition scan. */
    private static final int FIRST = 1 << 5;

    // The fields of an entry, each a long.
    private static final int SUBMITTED = 0;
    private static final int COMPLETED = 1;
    private static final int HEAD = 2;
    private static final int OFFSET = 3;
    private static final int LENGTH = 4;
    private static final int ORDER = 5;
    private static final int EPOCH = 6;
    private static final int HASH = 7;
    private static final int CONTENT = 8;
    private static final int BEFORE = 9;
    private static final int FIELDS = 10;

    // The fields of the head: operation, flags, queue, hints, errno, state.
    private static final int FLAGS_SHIFT = 8;
    private static final int QUEUE_SHIFT = 24;
    private static final int HINTS_SHIFT = 32;
    private static final int ERRNO_SHIFT = 40;
    private static final long UNDER_WAY = 1L << 56;
    private static final long HAS_HASH = 1L << 57;
    private static final long HAS_CONTENT = 1L << 58;
    /** The entry is a mark or an event, which is among the objects. */
    private static final long IS_OBJECT = 1L << 59;

    private final Object lock = new Object();
    private final long start = System.nanoTime();
    private final int capacity;
    private final long[][] chunks;
    /** The objects of each chunk, or null: {@link Outcome}, {@link MarkEntry}, {@link EventEntry}. */
    private final Object[][] objects;
    /** Requests under way whose place was needed; at most as many as the device's queues hold. */
    private final LinkedHashMap<Long, long[]> aside = new LinkedHashMap<>();

    private final ConcurrentHashMap<String, Long> marks = new ConcurrentHashMap<>();
    private final CopyOnWriteArrayList<Listener> listeners = new CopyOnWriteArrayList<>();
    private final Contents contents = new Contents(DEFAULT_CONTENT_BYTES);
    private volatile Consumer<String> onMark = text -> {};
    private volatile Capture capture = Capture.RECENT;

    // Guarded by lock.
    private long last;
    private long completed;
    private long dropped;
    private long lastDropped;
    private volatile long flushEpoch;

    /** The result of a request, unless it succeeded, or failed as a whole with one error. */
    private record Outcome(List<FailedRange> failures, List<String> rules) {}

    /** Creates a ring of {@link #DEFAULT_CAPACITY} entries. */
    public JournalRing() {
        this(DEFAULT_CAPACITY);
    }

    /** Creates a ring of {@code capacity} entries: a power of two, at least 1024. */
    public JournalRing(int capacity) {
        if (capacity < CHUNK || Integer.bitCount(capacity) != 1) {
            throw new IllegalArgumentException("A journal of " + capacity
                    + " entries is not possible. Allowed: powers of two from " + CHUNK + " on.");
        }
        this.capacity = capacity;
        chunks = new long[capacity / CHUNK][];
        objects = new Object[capacity / CHUNK][];
    }

    /**
     * Records that a request has come.
     *
     * @param nanos when it came, by {@link System#nanoTime()}
     * @param operation one of {@link Batch}'s {@code OP_} numbers
     * @param flags bits of {@link Batch}'s {@code REQ_}
     * @param hints as in {@link Batch#hints}
     * @return its number
     */
    public long begin(long nanos, int operation, int flags, long offset, long length, int queue, int hints) {
        if (!RequestOperations.isKnown(operation)) {
            throw new IllegalArgumentException("There is no operation " + operation + ".");
        }
        synchronized (lock) {
            long[] chunk = place();
            int at = at(last);
            chunk[at + SUBMITTED] = nanos;
            chunk[at + HEAD] = UNDER_WAY
                    | operation
                    | (flags & 0xffffL) << FLAGS_SHIFT
                    | (queue & 0xffL) << QUEUE_SHIFT
                    | (long) RequestHints.pack(hints) << HINTS_SHIFT;
            chunk[at + OFFSET] = offset;
            chunk[at + LENGTH] = length;
            chunk[at + EPOCH] = flushEpoch;
            chunk[at + BEFORE] = completed;
            return last;
        }
    }

    /** Records that a request without hints has come. */
    public long begin(long nanos, int operation, int flags, long offset, long length, int queue) {
        return begin(nanos, operation, flags, offset, length, queue, 0);
    }

    /** Returns whether {@link #data} should be called for a request with this operation. */
    public boolean wantsData(int operation) {
        return switch (capture) {
            case METADATA -> false;
            case RECENT, HASH, CONTENT -> operation == Batch.OP_WRITE || operation == Batch.OP_ZONE_APPEND;
            case HASH_ALL ->
                operation == Batch.OP_WRITE || operation == Batch.OP_ZONE_APPEND || operation == Batch.OP_READ;
        };
    }

    /** Records the data of a request: what a write brings, as it came; what a read has got. */
    public void data(long sequence, ByteBuffer source, int offset, int length) {
        Capture wanted = capture;
        long hash = 0;
        long position = 0;
        if (wanted != Capture.METADATA && wanted != Capture.RECENT) {
            hash = contents.hash(source, offset, length);
        }
        if (wanted == Capture.RECENT || wanted == Capture.CONTENT) {
            position = contents.put(source, offset, length);
        }
        setData(sequence, wanted, hash, position);
    }

    /** Records where an append to a zone was put, in bytes: that is its offset from now on. */
    public void appended(long sequence, long offset) {
        synchronized (lock) {
            long[] fields = fields(sequence);
            fields[at(fields, sequence) + OFFSET] = offset;
        }
    }

    /** Records the data of a request from an address. */
    public void data(long sequence, long address, int length) {
        if (capture != Capture.METADATA) {
            data(sequence, NativeMemory.bufferAt(address, length), 0, length);
        }
    }

    /** Records the data of a request, which is in a chunk that the caller has taken, and keeps it there. */
    public void data(long sequence, Chunk chunk, int index, int length) {
        Capture wanted = capture;
        if (wanted == Capture.METADATA) {
            return;
        }
        long hash = wanted == Capture.RECENT ? 0 : contents.hash(chunk.buffer(), index, length);
        boolean keeps = wanted == Capture.RECENT || wanted == Capture.CONTENT;
        setData(sequence, wanted, hash, keeps ? contents.keep(chunk, index, length) : 0);
    }

    /** Returns the memory for the data of writes that is put nowhere else. */
    public BlockLog memory() {
        return contents.memory();
    }

    private void setData(long sequence, Capture wanted, long hash, long position) {
        long has =
                switch (wanted) {
                    case METADATA -> 0;
                    case RECENT -> HAS_CONTENT;
                    case HASH, HASH_ALL -> HAS_HASH;
                    case CONTENT -> HAS_HASH | HAS_CONTENT;
                };
        synchronized (lock) {
            long[] fields = fields(sequence);
            int at = at(fields, sequence);
            fields[at + HASH] = hash;
            fields[at + CONTENT] = position;
            fields[at + HEAD] |= has;
        }
    }

    /**
     * Records that a request is about to be answered with one result for all of it.
     *
     * @param nanos when, by {@link System#nanoTime()}
     * @param errno its error, positive; 0 if it succeeds
     * @param rules the names of the rules that acted on it
     * @throws IllegalStateException if it has ended before
     */
    public void end(long sequence, long nanos, int errno, List<String> rules) {
        end(sequence, nanos, errno, rules.isEmpty() ? null : new Outcome(null, rules));
    }

    /**
     * Records that several requests are about to be answered together.
     *
     * @param sequences their numbers, or {@link #NOT_RECORDED}
     * @param count how many elements of each array are used
     */
    public void endAll(long[] sequences, int count, long nanos, int[] errnos, List<List<String>> rules) {
        synchronized (lock) {
            for (int i = 0; i < count; i++) {
                if (sequences[i] != NOT_RECORDED) {
                    end(sequences[i], nanos, errnos[i], rules.get(i));
                }
            }
        }
    }

    /** Records that a request is about to be answered in parts. */
    public void end(long sequence, long nanos, Answer answer) {
        Errno error = answer.firstError();
        if (error == null) {
            end(sequence, nanos, 0, answer.rules());
        } else if (answer.parts().size() == 1) {
            end(sequence, nanos, error.number(), answer.rules());
        } else {
            long offset;
            synchronized (lock) {
                long[] fields = fields(sequence);
                offset = fields[at(fields, sequence) + OFFSET];
            }
            List<FailedRange> failures = new ArrayList<>();
            for (Answer.Part part : answer.parts()) {
                if (part.errno() != null) {
                    failures.add(new FailedRange(offset, part.length(), part.errno()));
                }
                offset += part.length();
            }
            end(sequence, nanos, error.number(), new Outcome(failures, answer.rules()));
        }
    }

    private void end(long sequence, long nanos, int errno, Outcome outcome) {
        synchronized (lock) {
            long[] fields = fields(sequence);
            int at = at(fields, sequence);
            if ((fields[at + HEAD] & UNDER_WAY) == 0) {
                throw new IllegalStateException("Request #" + sequence + " has already ended.");
            }
            fields[at + COMPLETED] = nanos;
            fields[at + HEAD] = (fields[at + HEAD] & ~UNDER_WAY) | (errno & 0xffffL) << ERRNO_SHIFT;
            fields[at + ORDER] = ++completed;
            boolean isAside = fields.length == FIELDS;
            if (outcome != null && !isAside) {
                setObject(sequence, outcome);
            }
            if (errno == 0 && (fields[at + HEAD] & 0xff) == Batch.OP_FLUSH) {
                flushEpoch++;
            }
            if (isAside) {
                aside.remove(sequence);
                drop(sequence);
            }
            if (!listeners.isEmpty()) {
                RequestEntry entry = request(sequence, fields, at, outcome);
                listeners.forEach(listener -> listener.entry(entry));
            }
        }
    }

    @Override
    public long mark(String text) {
        Objects.requireNonNull(text, "text");
        long sequence;
        synchronized (lock) {
            sequence = last + 1;
            add(new MarkEntry(sequence, System.nanoTime() - start, completed, text));
            marks.put(text, sequence);
        }
        onMark.accept(text);
        return sequence;
    }

    /** Passes each later mark to {@code listener}, with no lock of the journal held. */
    public void onMark(Consumer<String> listener) {
        onMark = listener;
    }

    /** Records an event of the device. */
    public void note(EventKind kind, String text) {
        synchronized (lock) {
            add(new EventEntry(last + 1, System.nanoTime() - start, completed, kind, text));
        }
    }

    private void add(JournalEntry entry) {
        place()[at(last) + HEAD] = IS_OBJECT;
        setObject(last, entry);
        listeners.forEach(listener -> listener.entry(entry));
    }

    /** Returns whether this mark was set. */
    public boolean marked(String text) {
        return marks.containsKey(text);
    }

    @Override
    public long flushEpoch() {
        return flushEpoch;
    }

    @Override
    public Map<String, Long> marks() {
        return Map.copyOf(marks);
    }

    @Override
    public long last() {
        synchronized (lock) {
            return last;
        }
    }

    @Override
    public long dropped() {
        synchronized (lock) {
            return dropped;
        }
    }

    @Override
    public long lastDropped() {
        synchronized (lock) {
            return lastDropped;
        }
    }

    @Override
    public long droppedContents() {
        return contents.dropped();
    }

    @Override
    public void capture(Capture wanted, long maxContentBytes) {
        Objects.requireNonNull(wanted, "capture");
        if (maxContentBytes < 0) {
            throw new IllegalArgumentException("A limit of " + maxContentBytes + " bytes. Allowed: 0 and more.");
        }
        contents.limit(maxContentBytes);
        capture = wanted;
    }

    @Override
    public void subscribe(Listener listener) {
        listeners.add(listener);
    }

    @Override
    public void unsubscribe(Listener listener) {
        synchronized (lock) {
            listeners.remove(listener);
        }
    }

    /** Tells the listeners that the device is closed. What was recorded can still be read. */
    @Override
    public void close() {
        synchronized (lock) {
            listeners.forEach(Listener::end);
            listeners.clear();
        }
    }

    @Override
    public Optional<byte[]> content(long sequence) {
        long position;
        synchronized (lock) {
            long[] fields = find(sequence);
            if (fields == null) {
                return Optional.empty();
            }
            int at = at(fields, sequence);
            if ((fields[at + HEAD] & HAS_CONTENT) == 0) {
                return Optional.empty();
            }
            position = fields[at + CONTENT];
        }
        return Optional.ofNullable(contents.get(position));
    }

    @Override
    public List<JournalEntry> entries(long after) {
        List<JournalEntry> entries = new ArrayList<>();
        Map<Long, long[]> asideNow = new TreeMap<>();
        long[][] chunksNow = new long[chunks.length][];
        Object[][] objectsNow = new Object[chunks.length][];
        long first;
        long newest;
        synchronized (lock) {
            aside.forEach((sequence, fields) -> asideNow.put(sequence, fields.clone()));
            newest = last;
            first = Math.max(Math.max(after, newest - capacity), 0) + 1;
            for (long sequence = first; sequence <= newest; sequence = (chunkStart(sequence) + CHUNK)) {
                int index = index(sequence);
                chunksNow[index] = chunks[index].clone();
                objectsNow[index] = objects[index] == null ? null : objects[index].clone();
            }
        }
        asideNow.forEach((sequence, fields) -> {
            if (sequence > after) {
                entries.add(request(sequence, fields, 0, null));
            }
        });
        for (long sequence = first; sequence <= newest; sequence++) {
            int index = index(sequence);
            int at = at(sequence);
            Object object = objectsNow[index] == null ? null : objectsNow[index][at / FIELDS];
            if ((chunksNow[index][at + HEAD] & IS_OBJECT) != 0) {
                entries.add((JournalEntry) object);
            } else {
                entries.add(request(sequence, chunksNow[index], at, (Outcome) object));
            }
        }
        return entries;
    }

    private RequestEntry request(long sequence, long[] fields, int at, Outcome outcome) {
        long head = fields[at + HEAD];
        boolean underWay = (head & UNDER_WAY) != 0;
        int errno = (int) ((head >>> ERRNO_SHIFT) & 0xffff);
        int hints = RequestHints.unpack((int) (head >>> HINTS_SHIFT) & 0xff);
        RequestInfo info = new RequestInfo(
                RequestOperations.of((int) (head & 0xff)),
                fields[at + OFFSET],
                fields[at + LENGTH],
                RequestFlags.of((int) ((head >>> FLAGS_SHIFT) & 0xffff)),
                (int) ((head >>> QUEUE_SHIFT) & 0xff),
                RequestHints.priority(hints),
                RequestHints.writeHint(hints));
        List<FailedRange> failures = List.of();
        if (outcome != null && outcome.failures() != null) {
            failures = outcome.failures();
        } else if (errno != 0) {
            failures = List.of(new FailedRange(info.offset(), info.length(), errno(errno)));
        }
        return new RequestEntry(
                sequence,
                fields[at + SUBMITTED] - start,
                fields[at + BEFORE],
                underWay ? -1 : fields[at + COMPLETED] - start,
                underWay ? -1 : fields[at + ORDER],
                info,
                failures,
                outcome == null ? List.of() : outcome.rules(),
                fields[at + EPOCH],
                hash(head, fields, at));
    }

    private OptionalLong hash(long head, long[] fields, int at) {
        if ((head & HAS_HASH) != 0) {
            return OptionalLong.of(fields[at + HASH]);
        }
        if ((head & HAS_CONTENT) != 0) {
            return contents.hashIfThere(fields[at + CONTENT]);
        }
        return OptionalLong.empty();
    }

    private static Errno errno(int number) {
        for (Errno errno : Errno.values()) {
            if (errno.number() == number) {
                return errno;
            }
        }
        return Errno.EIO; // The kernel treats an error without a status the same way.
    }

    /** Makes room for the next entry, which gets the number {@link #last}; returns its chunk. */
    private long[] place() {
        long sequence = last + 1;
        int index = index(sequence);
        long[] chunk = chunks[index];
        if (chunk == null) {
            chunk = new long[(index == 0 ? FIRST : CHUNK) * FIELDS];
            chunks[index] = chunk;
        } else if (at(sequence) == chunk.length) {
            chunk = Arrays.copyOf(chunk, 2 * chunk.length);
            chunks[index] = chunk;
        }
        if (sequence > capacity) {
            evict(sequence - capacity, chunk);
        }
        // Only once there is a place: this is not reached if the memory is exhausted.
        last = sequence;
        return chunk;
    }

    private void evict(long sequence, long[] chunk) {
        int at = at(sequence);
        if ((chunk[at + HEAD] & UNDER_WAY) != 0) {
            long[] fields = new long[FIELDS];
            System.arraycopy(chunk, at, fields, 0, FIELDS);
            aside.put(sequence, fields);
        } else {
            drop(sequence);
        }
        Object[] places = objects[index(sequence)];
        if (places != null) {
            places[at / FIELDS] = null;
        }
    }

    private void drop(long sequence) {
        dropped++;
        lastDropped = Math.max(lastDropped, sequence);
    }

    private void setObject(long sequence, Object object) {
        int index = index(sequence);
        if (objects[index] == null) {
            objects[index] = new Object[CHUNK];
        }
        objects[index][at(sequence) / FIELDS] = object;
    }

    /** Returns the fields of a request; null if it was dropped. */
    private long[] find(long sequence) {
        if (sequence < 1 || sequence > last) {
            return null;
        }
        return sequence > last - capacity ? chunks[index(sequence)] : aside.get(sequence);
    }

    private long[] fields(long sequence) {
        long[] fields = find(sequence);
        if (fields == null) {
            throw new IllegalStateException("Request #" + sequence + " is not under way.");
        }
        return fields;
    }

    /** Returns where in its chunk an entry starts. */
    private static int at(long sequence) {
        return (int) ((sequence - 1) & (CHUNK - 1)) * FIELDS;
    }

    /** Returns where an entry starts in an array that may have been put aside. */
    private static int at(long[] fields, long sequence) {
        return fields.length == FIELDS ? 0 : at(sequence);
    }

    private int index(long sequence) {
        return (int) ((sequence - 1) & (capacity - 1)) / CHUNK;
    }

    private static long chunkStart(long sequence) {
        return (sequence - 1) / CHUNK * CHUNK + 1;
    }
}
