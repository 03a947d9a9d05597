// SPDX-License-Identifier: Apache-2.0
package io.dblock.oracle;

import io.dblock.handler.Operation;
import io.dblock.power.CutReport;
import io.dblock.power.CutReport.CutWrite;
import io.dblock.power.CutReport.Fate;
import io.dblock.power.CutReport.Range;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a disk with a volatile cache is: what is durable, and a list of writes that are not, block by block. It knows nothing
 * of undoing, and is slow.
 */
final class PowerModel {
    /** A write in the cache. */
    static final class Entry {
        final Operation operation;
        final int firstBlock;
        final byte[] data;
        /** The blocks of the disk it still has in the cache. */
        final Set<Integer> blocks = new HashSet<>();

        boolean completed;

        Entry(Operation operation, int firstBlock, byte[] data) {
            this.operation = operation;
            this.firstBlock = firstBlock;
            this.data = data;
        }
    }

    private final int blockSize;
    private final byte[] durable;
    private final byte[] current;
    private final List<Entry> cache = new ArrayList<>();

    PowerModel(byte[] content, int blockSize) {
        this.blockSize = blockSize;
        durable = content.clone();
        current = content.clone();
    }

    byte[] current() {
        return current;
    }

    Entry write(Operation operation, int offset, byte[] data, boolean completed) {
        Entry entry = new Entry(operation, offset / blockSize, data);
        for (int block = 0; block < data.length / blockSize; block++) {
            entry.blocks.add(entry.firstBlock + block);
        }
        entry.completed = completed;
        cache.add(entry);
        System.arraycopy(data, 0, current, offset, data.length);
        return entry;
    }

    void writeFua(int offset, byte[] data) {
        System.arraycopy(data, 0, current, offset, data.length);
        System.arraycopy(data, 0, durable, offset, data.length);
        for (Entry entry : cache) {
            for (int at = 0; at < data.length; at += blockSize) {
                entry.blocks.remove((offset + at) / blockSize);
            }
        }
        forgetEmpty();
    }

    /** The writes that a flush which comes now will cover. */
    List<Entry> completed() {
        return cache.stream().filter(entry -> entry.completed).toList();
    }

    void flush(Collection<Entry> covered) {
        for (Entry entry : List.copyOf(cache)) {
            if (covered.contains(entry)) {
                makeDurable(entry, Set.copyOf(entry.blocks));
            }
        }
        forgetEmpty();
    }

    private void makeDurable(Entry entry, Set<Integer> blocks) {
        for (int block : blocks) {
            copyBlock(entry, block, durable);
            for (int older = 0; older <= cache.indexOf(entry); older++) {
                cache.get(older).blocks.remove(block);
            }
        }
    }

    private void copyBlock(Entry entry, int block, byte[] to) {
        System.arraycopy(entry.data, (block - entry.firstBlock) * blockSize, to, block * blockSize, blockSize);
    }

    private void forgetEmpty() {
        cache.removeIf(entry -> entry.blocks.isEmpty());
    }

    /** The ranges of an entry that are still cached, ascending and as long as possible. */
    private List<Range> ranges(Entry entry) {
        List<Range> ranges = new ArrayList<>();
        int[] blocks =
                entry.blocks.stream().mapToInt(Integer::intValue).sorted().toArray();
        for (int i = 0; i < blocks.length; ) {
            int j = i + 1;
            while (j < blocks.length && blocks[j] == blocks[j - 1] + 1) {
                j++;
            }
            ranges.add(new Range((long) blocks[i] * blockSize, (long) (j - i) * blockSize));
            i = j;
        }
        return ranges;
    }

    /** Compares what the disk says of its cache; what is missing at the old end may have been evicted if allowed. */
    void check(List<UnflushedWrite> reported, boolean mayEvict) {
        if (mayEvict) {
            evictWhatIsMissing(reported);
        }
        List<String> expected = new ArrayList<>();
        for (Entry entry : cache) {
            for (Range range : ranges(entry)) {
                expected.add(line(entry.operation, range.offset(), range.length(), entry.completed));
            }
        }
        List<String> actual = reported.stream()
                .map(write -> line(write.operation(), write.offset(), write.length(), write.completed()))
                .toList();
        if (!actual.equals(expected)) {
            throw new AssertionError("The disk reports as unflushed\n" + String.join("\n", actual)
                    + "\nbut in the cache are\n" + String.join("\n", expected));
        }
    }

    private static String line(Operation operation, long offset, long length, boolean completed) {
        return operation + " " + length + " at " + offset + (completed ? "" : " not completed");
    }

    /** Evicts blocks from the oldest entry on until as many are left as the disk reports. */
    private void evictWhatIsMissing(List<UnflushedWrite> reported) {
        long left = reported.stream().mapToLong(UnflushedWrite::length).sum() / blockSize;
        long have = cache.stream().mapToLong(entry -> entry.blocks.size()).sum();
        for (Entry entry : List.copyOf(cache)) {
            for (Range range : ranges(entry)) {
                for (long at = range.offset(); at < range.offset() + range.length(); at += blockSize) {
                    if (have > left) {
                        makeDurable(entry, Set.of((int) (at / blockSize)));
                        have--;
                    }
                }
            }
        }
        forgetEmpty();
    }

    /** The disk's content after a cut, by what the report says was kept. Fails if a correct disk may not say so. */
    byte[] afterCut(Survivors survivors, CutReport report) {
        Map<Entry, List<CutWrite>> of = match(report.writes());
        Map<Long, Boolean> anyKept = new LinkedHashMap<>();
        of.forEach((entry, writes) -> anyKept.merge(
                writes.get(0).sequence(),
                writes.stream().anyMatch(write -> write.fate() != Fate.LOST),
                Boolean::logicalOr));
        checkChoice(survivors, anyKept);
        checkTearing(survivors, of);
        byte[] result = durable.clone();
        of.forEach((entry, writes) -> {
            for (CutWrite write : writes) {
                for (Range kept : write.kept()) {
                    for (long at = kept.offset(); at < kept.offset() + kept.length(); at += blockSize) {
                        copyBlock(entry, (int) (at / blockSize), result);
                    }
                }
            }
        });
        return result;
    }

    private Map<Entry, List<CutWrite>> match(List<CutWrite> writes) {
        Map<Entry, List<CutWrite>> of = new LinkedHashMap<>();
        int next = 0;
        for (Entry entry : cache) {
            List<CutWrite> mine = new ArrayList<>();
            for (Range range : ranges(entry)) {
                require(next < writes.size(), "The report of the cut has only " + writes.size() + " writes");
                CutWrite write = writes.get(next++);
                require(
                        line(write.operation(), write.offset(), write.length(), write.completed())
                                .equals(line(entry.operation, range.offset(), range.length(), entry.completed)),
                        "The report of the cut has " + write + " where " + range + " of a " + entry.operation + " is");
                mine.add(write);
            }
            of.put(entry, mine);
        }
        require(next == writes.size(), "The report of the cut has writes that were not in the cache: " + writes);
        return of;
    }

    private static void checkChoice(Survivors survivors, Map<Long, Boolean> anyKept) {
        int ordinal = 0;
        for (Map.Entry<Long, Boolean> request : anyKept.entrySet()) {
            boolean kept = request.getValue();
            boolean right =
                    switch (survivors.choice()) {
                        case NONE -> !kept;
                        case ALL -> kept;
                        case PREFIX -> kept == ordinal < survivors.count();
                        case LIST -> kept == survivors.sequences().contains(request.getKey());
                        case RANDOM -> survivors.probability() == 0 ? !kept : survivors.probability() != 1 || kept;
                    };
            require(right, "With \"" + survivors + "\", request " + request + " (sequence, kept) is wrong");
            ordinal++;
        }
    }

    private void checkTearing(Survivors survivors, Map<Entry, List<CutWrite>> of) {
        Entry last = null;
        for (Map.Entry<Entry, List<CutWrite>> one : of.entrySet()) {
            if (keptBlocks(one.getValue()) > 0 && one.getKey().blocks.size() > 1) {
                last = one.getKey();
            }
        }
        for (Map.Entry<Entry, List<CutWrite>> one : of.entrySet()) {
            long kept = keptBlocks(one.getValue());
            int all = one.getKey().blocks.size();
            boolean torn =
                    switch (survivors.tearing()) {
                        case NONE -> false;
                        case EACH -> all > 1 && kept > 0;
                        case LAST -> one.getKey() == last;
                    };
            require(
                    torn ? kept > 0 && kept < all : kept == 0 || kept == all,
                    "With \"" + survivors + "\", " + kept + " of " + all + " blocks are kept of " + one.getValue());
        }
    }

    private long keptBlocks(List<CutWrite> writes) {
        return writes.stream()
                .flatMap(write -> write.kept().stream())
                .mapToLong(range -> range.length() / blockSize)
                .sum();
    }

    /** The cut has happened. */
    void cutTo(byte[] content) {
        cache.clear();
        System.arraycopy(content, 0, durable, 0, content.length);
        System.arraycopy(content, 0, current, 0, content.length);
    }

    /** Fails with the first difference. */
    static void requireSame(byte[] actual, byte[] expected, String what) {
        int at = Arrays.mismatch(actual, expected);
        require(
                at < 0,
                what + " is wrong at byte " + at + ": " + byteAt(actual, at) + " instead of " + byteAt(expected, at));
    }

    private static String byteAt(byte[] data, int at) {
        return at < 0 || at >= data.length ? "nothing" : Byte.toString(data[at]);
    }

    static void require(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }
}
