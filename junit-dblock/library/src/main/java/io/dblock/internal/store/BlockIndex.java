// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * The content of a disk or snapshot: the place of each of its blocks, see {@link BlockLog}. It is a tree, and what is
 * absent or zeros throughout takes no memory. A copy shares all nodes, until one of the two changes.
 *
 * <p>Changes and copies need the lock of the log. Readers need none: they see each block as it is at some moment.
 */
final class BlockIndex {
    private static final int FAN_SHIFT = 9;
    /** How many entries a node has. */
    static final int FAN = 1 << FAN_SHIFT;

    /** What is read less often is not worth a copy. */
    private static final int READS_UNTIL_GATHERED = 4;

    /** After a look that brought nothing: it takes a thread and the lock. */
    private static final int READS_UNTIL_NEXT_TRY = 100;

    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Node[].class);

    /** Stands for a node all of whose blocks are zeros. A node all of whose blocks are as below is null. */
    private static final Node ALL_ZEROS = new Node(-1, null, null);

    /** A node: a leaf, which is at level 0 and has places, or one with nodes of the level below. */
    static final class Node {
        private final int level;
        private final Places places;
        private final Node[] children;
        /** How many nodes and indexes have this node. */
        private int owners = 1;
        /**
         * Whether it ever had several owners. Then it is not changed, but copied, even if it has one again: a reader
         * may have come to it through another index.
         */
        private boolean shared;

        private int scatteredReads;

        private Node(int level, Places places, Node[] children) {
            this.level = level;
            this.places = places;
            this.children = children;
        }

        /** Returns the places of a leaf. */
        Places places() {
            return places;
        }

        /**
         * Notes a read of many places.
         *
         * @return whether the blocks are to be gathered; then {@link #gathered} is to be called
         */
        private boolean noteScatteredRead() {
            // Readers may lose each other's counts: then it comes a read later.
            return ++scatteredReads == READS_UNTIL_GATHERED;
        }

        /** Says that the blocks lie side by side now, or that it is no use to gather them. */
        void gathered(boolean done) {
            scatteredReads = done ? 0 : -READS_UNTIL_NEXT_TRY;
        }

        /** Returns whether an index has it. The caller holds the lock. */
        boolean isOwned() {
            return owners > 0;
        }

        private Node child(int i) {
            return (Node) CHILD.getAcquire(children, i);
        }
    }

    private final BlockLog log;
    private volatile Node root;

    /** Creates an index of blocks that all are as below. The caller holds the lock, or has the log for itself. */
    BlockIndex(BlockLog log) {
        this.log = log;
        log.add(this);
    }

    /** Returns the blocks that a node of this level is for. */
    private static long span(int level) {
        return 1L << (FAN_SHIFT * (level + 1));
    }

    private static int slot(long block, int level) {
        return (int) (block >>> (FAN_SHIFT * level)) & (FAN - 1);
    }

    /** Returns an index with the same content. */
    BlockIndex copy() {
        BlockIndex copy = new BlockIndex(log);
        copy.root = shared(root);
        return copy;
    }

    private static boolean isReal(Node node) {
        return node != null && node != ALL_ZEROS;
    }

    private static Node shared(Node node) {
        if (isReal(node)) {
            node.owners++;
            node.shared = true;
        }
        return node;
    }

    /** Takes over the content of another index, which is as below afterwards. */
    void become(BlockIndex other) {
        Node before = root;
        root = other.root;
        other.root = null;
        drop(before);
    }

    /** Gives everything back. */
    void release() {
        Node before = root;
        root = null;
        log.remove(this);
        drop(before);
    }

    // ---- look ----

    /** Returns the place of a block. */
    long get(long block) {
        Node node = bottom(block);
        return node == null ? BlockLog.BELOW : node == ALL_ZEROS ? BlockLog.ZEROS : node.places.get(slot(block, 0));
    }

    /**
     * Returns the end of the run of blocks from {@code from} on, before {@code end}, which is all zeros, all as below,
     * or side by side in one chunk.
     *
     * @param place the place of the first block
     */
    long runEnd(long from, long end, long place) {
        long last = place > 0 ? Math.min(end, from + Chunk.BLOCKS - place % Chunk.BLOCKS) : end;
        long at = from + 1;
        while (at < last) {
            Node node = root;
            if (isReal(node) && at >= span(node.level)) {
                return place == BlockLog.BELOW ? last : at;
            }
            long nodeEnd = last;
            while (isReal(node) && node.level > 0) {
                long size = span(node.level - 1);
                nodeEnd = Math.min(last, at / size * size + size);
                node = node.child(slot(at, node.level));
            }
            if (isReal(node)) {
                long start = at / FAN * FAN;
                nodeEnd = Math.min(last, start + FAN);
                at = start
                        + node.places.runEnd(
                                (int) (at - start), (int) (nodeEnd - start), BlockLog.behind(place, at - from));
                if (at < nodeEnd) {
                    return at;
                }
            } else if (place != (node == null ? BlockLog.BELOW : BlockLog.ZEROS)) {
                return at;
            } else {
                at = nodeEnd;
            }
        }
        return last;
    }

    /** Returns the first block of the next leaf, from this block on; -1 if there is none. */
    long nextLeaf(long from) {
        Node top = root;
        long at = from;
        while (isReal(top) && at < span(top.level)) {
            Node node = top;
            long next = at;
            while (isReal(node) && node.level > 0) {
                long size = span(node.level - 1);
                next = at / size * size + size;
                node = node.child(slot(at, node.level));
            }
            if (isReal(node)) {
                return at / FAN * FAN;
            }
            at = next;
        }
        return -1;
    }

    /** Returns the leaf of a block; null if there is none. */
    Node leaf(long block) {
        Node node = bottom(block);
        return isReal(node) ? node : null;
    }

    /** Returns the lowest node of a block: its leaf, or what says that it is zeros or as below. */
    private Node bottom(long block) {
        Node node = root;
        if (isReal(node) && block >= span(node.level)) {
            return null;
        }
        while (isReal(node) && node.level > 0) {
            node = node.child(slot(block, node.level));
        }
        return node;
    }

    /** Notes that these blocks are read together, from many places. If that happens often, they are gathered. */
    void noteScatteredRead(long from, long end) {
        for (long at = from; at < end; at = at / FAN * FAN + FAN) {
            Node leaf = leaf(at);
            if (leaf != null && leaf.noteScatteredRead()) {
                log.gather(leaf);
            }
        }
    }

    // ---- change ----

    /**
     * Sets the places of the blocks from {@code from} to before {@code end}: zeros, as below, or side by side from
     * {@code place} on. The index has references of its own to all blocks that it names.
     *
     * <p>A node that is copied is put in its place first and changed then. So where this ends for lack of memory, some
     * of the blocks are changed and the others are not.
     */
    void set(long from, long end, long place) {
        if (root == null && place == BlockLog.BELOW) {
            return;
        }
        int level = isReal(root) ? root.level : 0;
        while (end > span(level)) {
            level++;
            if (isReal(root)) {
                // What is beyond the end of an index is as below, and so it is when the tree grows.
                Node above = new Node(level, null, new Node[FAN]);
                above.children[0] = root;
                root = above;
            }
        }
        Node before = root;
        Node now = changing(before, level, 0, from, end, place);
        if (now != before) {
            root = now;
            drop(before);
        }
        change(now, 0, from, end, place);
    }

    /** Returns what is to be in the place of a node: something without entries, or a node that can be changed. */
    private Node changing(Node node, int level, long start, long from, long end, long place) {
        boolean whole = from <= start && start + span(level) <= end;
        if (place <= 0 && whole) {
            return place == BlockLog.ZEROS ? ALL_ZEROS : null;
        }
        if (isReal(node) && !node.shared) {
            return node;
        }
        return whole && level == 0 ? leaf(Places.sideBySide(log, place + start - from)) : copy(node, level);
    }

    private static Node leaf(Places places) {
        Node leaf = new Node(0, places, null);
        places.retain();
        return leaf;
    }

    private void change(Node node, long start, long from, long end, long place) {
        if (!isReal(node)) {
            return;
        }
        if (node.level == 0) {
            long first = Math.max(from, start);
            int last = (int) (Math.min(end, start + FAN) - start);
            node.places.set((int) (first - start), last, BlockLog.behind(place, first - from));
            return;
        }
        long size = span(node.level - 1);
        int last = (int) Math.min((end - 1 - start) / size, FAN - 1);
        for (int i = (int) (Math.max(from - start, 0) / size); i <= last; i++) {
            long at = start + i * size;
            Node before = node.children[i];
            Node now = changing(before, node.level - 1, at, from, end, place);
            if (now != before) {
                CHILD.setRelease(node.children, i, now);
                drop(before);
            }
            change(now, at, from, end, place);
        }
    }

    /** Returns a node of its own with this content. */
    private Node copy(Node node, int level) {
        if (level == 0) {
            return leaf(
                    isReal(node)
                            ? node.places.copy()
                            : Places.all(log, node == ALL_ZEROS ? BlockLog.ZEROS : BlockLog.BELOW));
        }
        Node copy = new Node(level, null, new Node[FAN]);
        if (node == ALL_ZEROS) {
            Arrays.fill(copy.children, ALL_ZEROS);
        } else if (node != null) {
            for (int i = 0; i < FAN; i++) {
                copy.children[i] = shared(node.children[i]);
            }
        }
        return copy;
    }

    private void drop(Node node) {
        if (!isReal(node) || --node.owners > 0) {
            return;
        }
        if (node.level == 0) {
            node.places.release();
            return;
        }
        for (Node child : node.children) {
            drop(child);
        }
    }
}
