// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.crash.CrashLog.Op;
import io.dblock.internal.crash.CrashPoint.Lost;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** Goes through a log: what is durable after each request, and what a power cut could lose. Not thread-safe. */
final class Replay {
    private final CrashLog log;
    private final int[] durable;
    private final List<Unflushed> pending = new ArrayList<>();
    private long durableHash;
    private int at;

    /**
     * A request of which a cut can lose something.
     *
     * @param op the request
     * @param blocks those that can be lost, counted from the first block of the request
     */
    record Unflushed(Op op, BitSet blocks) {}

    Replay(CrashLog log) {
        this.log = log;
        durable = new int[log.blocks()];
        reset();
    }

    private void reset() {
        Arrays.fill(durable, CrashLog.START);
        pending.clear();
        durableHash = 0;
        for (int block = 0; block < durable.length; block++) {
            durableHash ^= log.hash(block, CrashLog.START);
        }
        at = 0;
    }

    CrashLog log() {
        return log;
    }

    /** Goes to the moment after this many requests. */
    Replay to(int requests) {
        if (requests < at) {
            reset();
        }
        while (at < requests) {
            apply(log.op(at++));
        }
        return this;
    }

    private void apply(Op op) {
        if (op.isFlush()) {
            for (int i = 0; i < pending.size(); i++) {
                Unflushed write = pending.get(i);
                if (write.op().completion() > 0 && write.op().completion() <= op.completion()) {
                    settle(write, i);
                }
            }
            pending.removeIf(write -> write.blocks().isEmpty());
            return;
        }
        BitSet all = new BitSet();
        all.set(0, op.blocks());
        Unflushed write = new Unflushed(op, all);
        if (op.durable()) {
            settle(write, pending.size());
            pending.removeIf(older -> older.blocks().isEmpty());
        } else {
            pending.add(write);
        }
    }

    /** Makes a write durable. What older writes brought to the same blocks, a cut cannot bring back. */
    private void settle(Unflushed write, int older) {
        BitSet blocks = write.blocks();
        int first = write.op().first();
        for (int i = blocks.nextSetBit(0); i >= 0; i = blocks.nextSetBit(i + 1)) {
            int block = first + i;
            durableHash ^=
                    log.hash(block, durable[block]) ^ log.hash(block, write.op().number());
            durable[block] = write.op().number();
        }
        for (int i = 0; i < older; i++) {
            Unflushed other = pending.get(i);
            int apart = first - other.op().first();
            for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                if (b + apart >= 0) {
                    other.blocks().clear(b + apart);
                }
            }
        }
        blocks.clear();
    }

    /** Returns what a cut could lose now, oldest first. */
    List<Unflushed> unflushed() {
        return pending;
    }

    /** Returns which request a block is from if all unflushed writes are lost. */
    int durable(int block) {
        return durable[block];
    }

    /** Returns the hash of the content that is durable. */
    long durableHash() {
        return durableHash;
    }

    /** Returns for each block which request it is from at this point. Goes to its moment. */
    int[] content(CrashPoint point) {
        to(point.requests());
        int[] content = durable.clone();
        for (Unflushed write : pending) {
            BitSet kept = (BitSet) write.blocks().clone();
            for (Lost one : point.lost()) {
                if (one.op() == write.op().number()) {
                    kept.clear(
                            one.from(),
                            Math.max(one.from(), Math.min(one.end(), write.op().blocks())));
                }
            }
            for (int b = kept.nextSetBit(0); b >= 0; b = kept.nextSetBit(b + 1)) {
                content[write.op().first() + b] = write.op().number();
            }
        }
        return content;
    }

    /** Returns the hash of a content. */
    long hash(int[] content) {
        long hash = 0;
        for (int block = 0; block < content.length; block++) {
            hash ^= log.hash(block, content[block]);
        }
        return hash;
    }
}
