// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.store.Extents;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.internal.store.RecordedRequests.Kind;
import io.dblock.internal.store.RecordedRequests.Request;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/**
 * What a workload did to a disk: requests over blocks, each of which is written whole or not at all, with hashes of their content, and where the
 * acknowledgements fell. Blocks that no request changed do not appear; the others are counted from 0, in their order on the
 * disk. Immutable.
 */
final class CrashLog {
    /** Stands for the content at the start, in place of a request's number. */
    static final int START = -1;

    private final int blockSize;
    private final boolean keepsOrder;
    private final List<Op> ops = new ArrayList<>();
    /** For each block, where it is on the disk, counted in blocks. */
    private final long[] onDisk;

    private final long[] startHashes;
    /** For each acknowledgement, how many requests had been recorded. Ascending. */
    private final int[] acknowledged;

    /**
     * A request.
     *
     * @param number its place in the log, from 0 on
     * @param kind what it did
     * @param sequence its number in the journal
     * @param offset bytes
     * @param length bytes
     * @param durable whether what it brought could not be lost
     * @param completion see {@link Request}
     * @param first the first block that it changed
     * @param hashes of the blocks
     */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    record Op(
            int number,
            Kind kind,
            long sequence,
            long offset,
            long length,
            boolean durable,
            long completion,
            int first,
            long[] hashes) {

        int blocks() {
            return hashes.length;
        }

        boolean isFlush() {
            return kind == Kind.FLUSH;
        }
    }

    /**
     * Creates the log of a disk whose logical blocks are written whole or not at all. {@code zeroHash} is the hash of one of
     * zeros.
     */
    CrashLog(RecordedRequests recorded, long zeroHash, int... acknowledged) {
        this(recorded, recorded.logicalBlock(), false, zeroHash, acknowledged);
    }

    /**
     * Creates the log of a disk that tears no piece of {@code atomic} bytes, aligned to that. If requests are not aligned to
     * it, a smaller power of two is used to which they are.
     *
     * @param keepsOrder whether the disk loses only the last writes, and none in part
     * @param acknowledged for each acknowledgement, how many requests had been recorded
     */
    CrashLog(RecordedRequests recorded, int atomic, boolean keepsOrder, long zeroHash, int... acknowledged) {
        this.keepsOrder = keepsOrder;
        blockSize = aligned(recorded, atomic);
        int fold = blockSize / recorded.logicalBlock();
        this.acknowledged = acknowledged.clone();
        Extents touched = new Extents();
        for (Request request : recorded.requests()) {
            touched.add(request.offset() / blockSize, (request.offset() + request.length()) / blockSize);
        }
        List<Extents.Extent> ranges = touched.present(0, Long.MAX_VALUE);
        onDisk =
                new long[(int) ranges.stream().mapToLong(Extents.Extent::length).sum()];
        int count = 0;
        for (Extents.Extent range : ranges) {
            for (long block = range.start(); block < range.end(); block++) {
                onDisk[count++] = block;
            }
        }
        startHashes = fold(longs(recorded.startHashes()), fold);
        if (startHashes.length != count) {
            throw new IllegalArgumentException("The recording has " + startHashes.length
                    + " hashes of what was before, and changed " + count + " blocks.");
        }
        for (Request request : recorded.requests()) {
            long[] hashes = longs(request.hashes());
            if (request.kind() != Kind.WRITE) {
                hashes = new long[Math.toIntExact(request.length() / recorded.logicalBlock())];
                Arrays.fill(hashes, zeroHash);
            }
            hashes = fold(hashes, fold);
            ops.add(new Op(
                    ops.size(),
                    request.kind(),
                    request.sequence(),
                    request.offset(),
                    request.length(),
                    request.durable(),
                    request.completion(),
                    hashes.length == 0 ? 0 : Arrays.binarySearch(onDisk, request.offset() / blockSize),
                    hashes));
        }
    }

    private static int aligned(RecordedRequests recorded, int atomic) {
        int block = Math.max(atomic, recorded.logicalBlock());
        for (Request request : recorded.requests()) {
            while ((request.offset() | request.length()) % block != 0) {
                block /= 2;
            }
        }
        return block;
    }

    /** Returns one hash for several. */
    private static long[] fold(long[] hashes, int count) {
        long[] folded = new long[hashes.length / count];
        for (int i = 0; i < hashes.length; i++) {
            folded[i / count] = folded[i / count] * 0x9FB21C651E98DF25L + hashes[i];
        }
        return folded;
    }

    private static long[] longs(byte[] bytes) {
        long[] numbers = new long[bytes.length / Long.BYTES];
        ByteBuffer.wrap(bytes).asLongBuffer().get(numbers);
        return numbers;
    }

    /** Returns the size of a block, in bytes: what is written whole or not at all. */
    int blockSize() {
        return blockSize;
    }

    /** Returns whether a cut loses only the last of the unflushed writes, and none in part. */
    boolean keepsOrder() {
        return keepsOrder;
    }

    List<Op> ops() {
        return ops;
    }

    Op op(int number) {
        return ops.get(number);
    }

    /** Returns how many requests there are. */
    int size() {
        return ops.size();
    }

    /** Returns how many blocks the requests changed. */
    int blocks() {
        return onDisk.length;
    }

    /** Returns where a block is on the disk, in bytes. */
    long offsetOf(int block) {
        return onDisk[block] * blockSize;
    }

    /** Returns the blocks of the log that these bytes of the disk are in or overlap. */
    BitSet blocksIn(long offset, long length) {
        BitSet blocks = new BitSet();
        int first = Arrays.binarySearch(onDisk, offset / blockSize);
        for (int block = first < 0 ? -first - 1 : first;
                block < onDisk.length && offsetOf(block) < offset + length;
                block++) {
            blocks.set(block);
        }
        return blocks;
    }

    /** Returns how many acknowledgements there were before request {@code requests}, counted from 0, was recorded. */
    int acknowledgedBy(int requests) {
        int count = 0;
        while (count < acknowledged.length && acknowledged[count] <= requests) {
            count++;
        }
        return count;
    }

    /** Returns how many acknowledgements there are. */
    int acknowledgements() {
        return acknowledged.length;
    }

    /**
     * Returns a hash of a block with what this request brought, or {@link #START}. The hash of a state is that of all its
     * blocks by exclusive or.
     */
    long hash(int block, int op) {
        long content = op == START ? startHashes[block] : contentOf(op, block);
        long mixed = content ^ ((onDisk[block] + 1) * 0x9E3779B97F4A7C15L);
        mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
        return mixed ^ (mixed >>> 31);
    }

    private long contentOf(int op, int block) {
        Op request = ops.get(op);
        return request.hashes()[block - request.first()];
    }

    /** Returns a short text that tells the first requests from those of another course of the workload. */
    String fingerprint(int requests) {
        long hash = 17;
        for (Op op : ops.subList(0, requests)) {
            hash = hash * 31 + op.kind().name().hashCode();
            hash = hash * 31 + op.offset();
            hash = hash * 31 + op.length();
            hash ^= hash >>> 29;
        }
        return String.format(Locale.ROOT, "%04x", hash & 0xffff);
    }
}
