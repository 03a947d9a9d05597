// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.internal.store.RecordedRequests.Kind;
import io.dblock.internal.store.RecordedRequests.Request;
import io.dblock.journal.ContentHash;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Everything that has happened to a disk since a moment at which all of its content was durable: the requests that
 * changed it or made it durable, in the order in which the cache did that, and all data. From it, the content at any
 * moment can be put together again: each block is as at the start, or what one of the requests brought.
 *
 * <p>The data stays in the chunks of the log, and counts as a journal's: it is not moved. All methods but {@link #count}
 * take the lock of the log.
 */
public final class Recording implements AutoCloseable {
    /** Stands for the content at the start, in place of a request's number. */
    public static final int START = -1;

    private final BlockLog memory;
    private final int logicalBlock;
    private final MemoryStore start;
    private final MemoryStore shown;

    // Guarded by the lock of the log.
    private final List<Entry> entries = new ArrayList<>();
    private final Map<Long, Entry> open = new HashMap<>();
    private boolean ended;
    private boolean closed;
    /** Why the recording is of no use; null if it is. */
    private String broken;

    private volatile int count;

    /** A request; {@code completion} is what the cache counted when it was completed, or up to which a flush goes. */
    private static final class Entry {
        final Kind kind;
        final long sequence;
        final long offset;
        final long length;
        final boolean durable;
        /** Where its data is: runs of bytes, each with the place of its first block. */
        final List<Run> runs = new ArrayList<>();

        long completion;

        Entry(Kind kind, long sequence, long offset, long length, boolean durable) {
            this.kind = kind;
            this.sequence = sequence;
            this.offset = offset;
            this.length = length;
            this.durable = durable;
        }
    }

    private record Run(long offset, long length, long place) {
        long end() {
            return offset + length;
        }
    }

    /** Starts a recording of a disk with this content. The caller holds the lock. */
    Recording(MemoryStore content, int logicalBlock) {
        memory = content.log;
        this.logicalBlock = logicalBlock;
        start = content.with(content.index.copy(), content.size());
        shown = content.with(content.index.copy(), content.size());
    }

    // ---- what the cache does; it holds the lock ----

    /** The content of a range has changed; {@code durable} if that cannot be lost. */
    void changed(int operation, long sequence, long offset, long length, boolean durable, long ticket, BlockIndex now) {
        if (ended) {
            return;
        }
        Kind kind = operation == UndoLog.WRITE
                ? Kind.WRITE
                : operation == UndoLog.DISCARD ? Kind.DISCARD : Kind.WRITE_ZEROES;
        Entry entry = new Entry(kind, sequence, offset, length, durable);
        long end = (offset + length) / BlockLog.BLOCK;
        for (long at = offset / BlockLog.BLOCK; at < end; ) {
            long place = now.get(at);
            long runEnd = now.runEnd(at, end, place);
            long bytes = (runEnd - at) * BlockLog.BLOCK;
            if (place > 0) {
                memory.chunk(place).record((int) bytes);
            }
            entry.runs.add(new Run(at * BlockLog.BLOCK, bytes, place));
            at = runEnd;
        }
        if (ticket != 0) {
            open.put(ticket, entry);
        }
        add(entry);
    }

    void completed(long ticket, long completion) {
        Entry entry = open.remove(ticket);
        if (entry != null) {
            entry.completion = completion;
        }
    }

    /** Everything that was completed by {@code completion} has become durable. */
    void flushed(long sequence, long completion) {
        if (!ended) {
            Entry entry = new Entry(Kind.FLUSH, sequence, 0, 0, true);
            entry.completion = completion;
            add(entry);
        }
    }

    /** The disk has done what a recording cannot have. */
    void broken(String why) {
        if (!ended && broken == null) {
            broken = why;
        }
    }

    private void add(Entry entry) {
        entries.add(entry);
        int now = entries.size();
        count = now;
    }

    // ---- what was recorded ----

    /** Returns how many requests have been recorded so far. */
    public int count() {
        return count;
    }

    /** Ends the recording and returns what it has, without the data. */
    public RecordedRequests end() throws IOException {
        memory.lock.lock();
        try {
            checkOpen();
            ended = true;
        } finally {
            memory.lock.unlock();
        }
        // What was recorded does not change any longer.
        BlockHashes hashes = new BlockHashes();
        Extents touched = new Extents();
        List<Request> requests = new ArrayList<>();
        for (Entry entry : entries) {
            requests.add(new Request(
                    entry.kind,
                    entry.sequence,
                    entry.offset,
                    entry.length,
                    entry.durable,
                    entry.completion,
                    entry.kind == Kind.WRITE ? hashes.of(entry) : new byte[0]));
            touched.add(entry.offset, entry.offset + entry.length);
        }
        return new RecordedRequests(
                logicalBlock, start.size(), requests, hashes.ofStart(touched), broken == null ? "" : broken);
    }

    /** Hashes of logical blocks, as bytes. */
    private final class BlockHashes {
        private final ContentHash hash = new ContentHash();
        private final ByteBuffer block = ByteBuffer.allocateDirect(logicalBlock);
        private final long zeros = hash.hash(block, 0, logicalBlock);

        byte[] of(Entry entry) {
            ByteBuffer hashes = ByteBuffer.allocate(Math.toIntExact(entry.length / logicalBlock * Long.BYTES));
            // A run may end within a logical block.
            block.clear();
            for (Run run : entry.runs) {
                long at = 0;
                while (at < run.length()) {
                    int part = (int) Math.min(block.remaining(), run.length() - at);
                    int from = block.position();
                    if (run.place() > 0) {
                        ByteBuffer data = memory.chunk(run.place()).buffer();
                        block.put(from, data, BlockLog.index(run.place()) + (int) at, part);
                    } else {
                        block.put(from, new byte[part]);
                    }
                    block.position(from + part);
                    at += part;
                    if (!block.hasRemaining()) {
                        hashes.putLong(hash.hash(block.clear(), 0, logicalBlock));
                    }
                }
            }
            return hashes.array();
        }

        byte[] ofStart(Extents touched) throws IOException {
            List<Extents.Extent> ranges = touched.present(0, Long.MAX_VALUE);
            long bytes = ranges.stream().mapToLong(Extents.Extent::length).sum();
            ByteBuffer hashes = ByteBuffer.allocate(Math.toIntExact(bytes / logicalBlock * Long.BYTES));
            for (Extents.Extent range : ranges) {
                long data = range.start();
                for (long at = range.start(); at < range.end(); at += logicalBlock) {
                    if (data < at + logicalBlock) {
                        data = start.findData(at, range.end());
                    }
                    if (data >= at + logicalBlock) {
                        hashes.putLong(zeros);
                    } else {
                        block.clear();
                        start.read(at, block);
                        hashes.putLong(hash.hash(block.clear(), 0, logicalBlock));
                    }
                }
            }
            return hashes.array();
        }
    }

    // ---- the content at a moment ----

    /**
     * Changes the content that is {@linkplain WriteCache#show shown}.
     *
     * @param changes three numbers a range: its offset and length in bytes, and the number of the request that brought
     *     what it is to have, counted from 0, or {@link #START}. The caller holds the lock
     */
    MemoryStore change(long[] changes) {
        checkOpen();
        for (int i = 0; i < changes.length; i += 3) {
            long offset = changes[i];
            long end = offset + changes[i + 1];
            if (changes[i + 2] == START) {
                asAtStart(offset / BlockLog.BLOCK, end / BlockLog.BLOCK);
                continue;
            }
            for (Run run : entries.get((int) changes[i + 2]).runs) {
                long from = Math.max(offset, run.offset());
                long to = Math.min(end, run.end());
                if (from < to) {
                    shown.index.set(
                            from / BlockLog.BLOCK,
                            to / BlockLog.BLOCK,
                            BlockLog.behind(run.place(), (from - run.offset()) / BlockLog.BLOCK));
                }
            }
        }
        return shown;
    }

    private void asAtStart(long first, long end) {
        for (long at = first; at < end; ) {
            long place = start.index.get(at);
            long runEnd = start.index.runEnd(at, end, place);
            shown.index.set(at, runEnd, place);
            at = runEnd;
        }
    }

    /** Returns whether nothing is recorded any longer. The caller holds the lock. */
    boolean isEnded() {
        return ended;
    }

    boolean isOf(BlockLog log) {
        return memory == log;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("This recording is closed.");
        }
    }

    /** Ends the recording and gives the data back. Idempotent. */
    @Override
    public void close() throws IOException {
        memory.lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            ended = true;
            for (Entry entry : entries) {
                for (Run run : entry.runs) {
                    if (run.place() > 0) {
                        memory.chunk(run.place()).forget((int) run.length());
                    }
                }
            }
            entries.clear();
            open.clear();
        } finally {
            memory.lock.unlock();
        }
        start.close();
        shown.close();
    }
}
