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

    private static final VarHandle PLACE = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle CHILD = MethodHandles.arrayElementVarHandle(Node[].class);

    /** Stands for a node all of whose blocks are zeros. A node all of whose blocks are as below is null. */
    private static final Node ALL_ZEROS = new Node(-1);

    /** A node: a leaf, which is at level 0 and has places, or one with nodes of the level below. */
    static final class Node {
        private final int level;
        private final long[] places;
        private final Node[] children;
        /** How many nodes and indexes have this node. */
        private int owners = 1;
        /**
         * Whether it ever had several owners. Then it is not changed, but copied, even if it has one again: a reader
         * may have come to it through another index.
         */
        private boolean shared;

        private Node(int level) {
            this.level = level;
            places = level == 0 ? new long[FAN] : null;
            children = level > 0 ? new Node[FAN] : null;
        }

        /** Returns the place of a block of a leaf. */
        long place(int i) {
            return (long) PLACE.getAcquire(places, i);
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
        Node node = root;
        if (isReal(node) && block >= span(node.level)) {
            return BlockLog.BELOW;
        }
        while (isReal(node) && node.level > 0) {
            node = node.child(slot(block, node.level));
        }
        return node == null ? BlockLog.BELOW : node == ALL_ZEROS ? BlockLog.ZEROS : node.place(slot(block, 0));
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
                nodeEnd = Math.min(last, at / FAN * FAN + FAN);
                while (at < nodeEnd) {
                    if (node.place(slot(at, 0)) != BlockLog.behind(place, at - from)) {
                        return at;
                    }
                    at++;
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

    /** Returns the leaf of a block, which has one. */
    Node leaf(long block) {
        Node node = root;
        while (node.level > 0) {
            node = node.child(slot(block, node.level));
        }
        return node;
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
                Node above = new Node(level);
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
        if (place <= 0 && from <= start && start + span(level) <= end) {
            return place == BlockLog.ZEROS ? ALL_ZEROS : null;
        }
        return isReal(node) && !node.shared ? node : copy(node, level);
    }

    private void change(Node node, long start, long from, long end, long place) {
        if (!isReal(node)) {
            return;
        }
        if (node.level == 0) {
            setPlaces(node, start, Math.max(from, start), Math.min(end, start + FAN), place, from);
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

    private void setPlaces(Node leaf, long start, long from, long end, long place, long origin) {
        if (place > 0) {
            log.retain(place, (int) (end - from));
        }
        long run = 0;
        int length = 0;
        for (long at = from; at < end; at++) {
            int i = (int) (at - start);
            long old = leaf.places[i];
            PLACE.setRelease(leaf.places, i, BlockLog.behind(place, at - origin));
            if (old > 0) {
                if (length > 0 && old >>> BlockLog.CHUNK_SHIFT != run >>> BlockLog.CHUNK_SHIFT) {
                    log.release(run, length);
                    length = 0;
                }
                run = old;
                length++;
            }
        }
        if (length > 0) {
            log.release(run, length);
        }
    }

    /** Returns a node of its own with this content. */
    private Node copy(Node node, int level) {
        Node copy = new Node(level);
        if (node == ALL_ZEROS && level == 0) {
            Arrays.fill(copy.places, BlockLog.ZEROS);
        } else if (node == ALL_ZEROS) {
            Arrays.fill(copy.children, ALL_ZEROS);
        } else if (node != null && level == 0) {
            System.arraycopy(node.places, 0, copy.places, 0, FAN);
            count(copy, true);
        } else if (node != null) {
            for (int i = 0; i < FAN; i++) {
                copy.children[i] = shared(node.children[i]);
            }
        }
        return copy;
    }

    /** Adds or gives back the references of a leaf. */
    private void count(Node leaf, boolean add) {
        int first = 0;
        while (first < FAN) {
            long place = leaf.places[first];
            int next = first + 1;
            if (place > 0) {
                while (next < FAN
                        && leaf.places[next] > 0
                        && leaf.places[next] >>> BlockLog.CHUNK_SHIFT == place >>> BlockLog.CHUNK_SHIFT) {
                    next++;
                }
                if (add) {
                    log.retain(place, next - first);
                } else {
                    log.release(place, next - first);
                }
            }
            first = next;
        }
    }

    private void drop(Node node) {
        if (!isReal(node) || --node.owners > 0) {
            return;
        }
        if (node.level == 0) {
            count(node, false);
            return;
        }
        for (Node child : node.children) {
            drop(child);
        }
    }

    /** Makes an entry of a leaf name another place with the same data, if nothing has changed since it was seen. */
    static void replace(BlockLog log, Node leaf, int slot, long seen, long place) {
        if (leaf.owners > 0 && leaf.places[slot] == seen) {
            log.retain(place, 1);
            PLACE.setRelease(leaf.places, slot, place);
            log.release(seen, 1);
        }
    }
}
