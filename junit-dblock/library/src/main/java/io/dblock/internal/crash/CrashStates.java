// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.crash.CrashPoint.Lost;
import io.dblock.internal.crash.Replay.Unflushed;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/**
 * The states to check, the most telling ones first. The same content with the same acknowledgements comes once. The order
 * depends on the log and the settings only.
 */
final class CrashStates implements Iterator<CrashStates.State> {
    /** What a file system usually writes as one. */
    private static final int FILESYSTEM_BLOCK = 4096;

    /** What is tried, in this order, at each of the moments. */
    enum Family {
        ACKNOWLEDGED("all or nothing of what is unflushed when something was acknowledged, and at the end"),
        IN_ORDER("all or nothing of what is unflushed"),
        SINGLE("before each flush, and after each acknowledgement: one write lost, one kept, the first ones kept"),
        EVERY("every state, where these are few"),
        TORN("before each flush, and after each acknowledgement: one file-system block lost, or kept alone"),
        SAMPLE("before each flush, and after each acknowledgement: a random sample");

        final String text;

        Family(String text) {
            this.text = text;
        }
    }

    /**
     * How many states are tried.
     *
     * @param every where there are no more states than this, all of them are
     * @param samples at each telling moment
     */
    record Settings(long seed, int every, int samples) {}

    /** A state, and why it is checked. */
    record State(CrashPoint point, long hash, Family family) {}

    /** The same content, with the same acknowledgements. */
    record Key(long hash, int acknowledged) {}

    /** {@code telling}: before something becomes durable, after an acknowledgement, at the end. */
    private record Moment(int requests, int acknowledged, boolean after, boolean telling) {}

    private final CrashLog log;
    private final Settings settings;
    private final List<Moment> moments = new ArrayList<>();
    private final Replay replay;
    private final Set<Key> seen = new HashSet<>();
    private final ArrayDeque<State> next = new ArrayDeque<>();
    private int family;
    private int moment;
    private long repeated;
    private double possible;

    CrashStates(CrashLog log, Settings settings) {
        this.log = log;
        this.settings = settings;
        replay = new Replay(log);
        int given = 0;
        for (int requests = 0; requests <= log.size(); requests++) {
            int by = log.acknowledgedBy(requests);
            boolean last = requests == log.size();
            boolean settles =
                    !last && (log.op(requests).isFlush() || log.op(requests).durable());
            moments.add(new Moment(requests, given, false, settles || (last && by == given)));
            if (by > given) {
                moments.add(new Moment(requests, by, true, true));
                given = by;
            }
        }
        for (Moment one : moments) {
            if (one.telling()) {
                possible += new Window(one).possible();
            }
        }
    }

    /** Returns how many moments there are. */
    int moments() {
        return moments.size();
    }

    /** Returns how many states a cut can leave, counted before each flush, after each acknowledgement and at the end. */
    double possible() {
        return possible;
    }

    /** Returns how many states had the same content and acknowledgements as one before. */
    long repeated() {
        return repeated;
    }

    @Override
    public boolean hasNext() {
        while (next.isEmpty() && family < Family.values().length) {
            if (moment == moments.size()) {
                moment = 0;
                family++;
            } else {
                add(Family.values()[family], moments.get(moment++));
            }
        }
        return !next.isEmpty();
    }

    @Override
    public State next() {
        if (!hasNext()) {
            throw new NoSuchElementException("There are no more states.");
        }
        return next.remove();
    }

    private void add(Family what, Moment at) {
        if (log.keepsOrder() && what.compareTo(Family.SINGLE) > 0) {
            return; // There are no others.
        }
        boolean last = at.equals(moments.get(moments.size() - 1));
        switch (what) {
            case ACKNOWLEDGED -> {
                if (at.after() || last) {
                    new Window(at).allOrNothing(what);
                }
            }
            case IN_ORDER -> new Window(at).allOrNothing(what);
            case SINGLE -> {
                if (log.keepsOrder()) {
                    new Window(at).firstOnes(what);
                } else if (at.telling()) {
                    new Window(at).single(what);
                }
            }
            case EVERY -> {
                Window window = new Window(at);
                if (window.possible() <= settings.every()) {
                    window.every(what);
                }
            }
            case TORN -> {
                if (at.telling()) {
                    new Window(at).torn(what);
                }
            }
            case SAMPLE -> {
                Window window = new Window(at);
                if (at.telling() && window.possible() > settings.every()) {
                    window.sample(what);
                }
            }
        }
    }

    /** What a cut can leave at a moment. */
    private final class Window {
        private final Moment at;
        private final List<Unflushed> pending;
        /** For each block that is unflushed, the requests that it can be from, oldest first. */
        private final Map<Integer, List<Integer>> versions = new LinkedHashMap<>();

        private final long nothing;
        private final long all;

        Window(Moment at) {
            this.at = at;
            pending = replay.to(at.requests()).unflushed();
            for (Unflushed write : pending) {
                BitSet blocks = write.blocks();
                for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                    int block = write.op().first() + b;
                    versions.computeIfAbsent(block, none -> new ArrayList<>(List.of(replay.durable(block))))
                            .add(write.op().number());
                }
            }
            nothing = replay.durableHash();
            long hash = nothing;
            for (Map.Entry<Integer, List<Integer>> block : versions.entrySet()) {
                hash ^= change(block.getKey(), 0, block.getValue().size() - 1);
            }
            all = hash;
        }

        /** Returns by what the hash changes if a block is of one version instead of another. */
        private long change(int block, int from, int to) {
            List<Integer> known = versions.get(block);
            return log.hash(block, known.get(from)) ^ log.hash(block, known.get(to));
        }

        /** Returns how many different contents a cut can leave. */
        double possible() {
            if (log.keepsOrder()) {
                return pending.size() + 1;
            }
            double product = 1;
            for (Map.Entry<Integer, List<Integer>> block : versions.entrySet()) {
                product *= block.getValue().stream()
                        .mapToLong(op -> log.hash(block.getKey(), op))
                        .distinct()
                        .count();
            }
            return product;
        }

        private void offer(Family what, long hash, Supplier<List<Lost>> lost) {
            if (seen.add(new Key(hash, at.acknowledged()))) {
                next.add(new State(new CrashPoint(at.requests(), at.acknowledged(), lost.get()), hash, what));
            } else {
                repeated++;
            }
        }

        void allOrNothing(Family what) {
            offer(what, nothing, () -> lostBut(0));
            offer(what, all, List::of);
        }

        /** Returns that all writes from this one on are lost. */
        private List<Lost> lostBut(int kept) {
            return pending.stream()
                    .skip(kept)
                    .map(write -> Lost.whole(write.op().number()))
                    .toList();
        }

        void single(Family what) {
            for (Unflushed write : pending) {
                offer(
                        what,
                        all ^ losing(write, write.blocks()),
                        () -> List.of(Lost.whole(write.op().number())));
            }
            for (Unflushed write : pending) {
                offer(what, nothing ^ keeping(write, write.blocks()), () -> pending.stream()
                        .filter(other -> other.op().number() != write.op().number())
                        .map(other -> Lost.whole(other.op().number()))
                        .toList());
            }
            firstOnes(what);
        }

        /** The first writes are kept, whichever number of them. */
        void firstOnes(Family what) {
            long hash = nothing;
            Map<Integer, Integer> now = new HashMap<>();
            for (int kept = 1; kept < pending.size(); kept++) {
                Unflushed write = pending.get(kept - 1);
                BitSet blocks = write.blocks();
                for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                    int block = write.op().first() + b;
                    int to = versions.get(block).indexOf(write.op().number());
                    hash ^= change(block, now.getOrDefault(block, 0), to);
                    now.put(block, to);
                }
                int first = kept;
                offer(what, hash, () -> lostBut(first));
            }
        }

        /** Returns by what the hash of all changes if these blocks of a write are lost. */
        private long losing(Unflushed write, BitSet blocks) {
            long hash = 0;
            for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                List<Integer> known = versions.get(write.op().first() + b);
                int newest = known.size() - 1;
                if (known.get(newest) == write.op().number()) {
                    hash ^= change(write.op().first() + b, newest, newest - 1);
                }
            }
            return hash;
        }

        /** Returns by what the hash of nothing changes if these blocks of a write are kept. */
        private long keeping(Unflushed write, BitSet blocks) {
            long hash = 0;
            for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                int block = write.op().first() + b;
                hash ^= change(block, 0, versions.get(block).indexOf(write.op().number()));
            }
            return hash;
        }

        /** All choices of a version for each block. */
        void every(Family what) {
            every(what, new ArrayList<>(versions.keySet()), 0, all, new HashMap<>());
        }

        private void every(Family what, List<Integer> blocks, int index, long hash, Map<Integer, Integer> chosen) {
            if (index == blocks.size()) {
                Map<Integer, Integer> now = Map.copyOf(chosen);
                offer(what, hash, () -> lostFor(now));
                return;
            }
            int block = blocks.get(index);
            int newest = versions.get(block).size() - 1;
            Set<Long> contents = new HashSet<>();
            for (int version = newest; version >= 0; version--) {
                if (contents.add(log.hash(block, versions.get(block).get(version)))) {
                    chosen.put(block, version);
                    every(what, blocks, index + 1, hash ^ change(block, newest, version), chosen);
                }
            }
            chosen.remove(block);
        }

        /** Returns what is lost if each block is of this version: all newer ones. */
        private List<Lost> lostFor(Map<Integer, Integer> chosen) {
            Map<Integer, BitSet> lost = new HashMap<>();
            chosen.forEach((block, version) -> {
                List<Integer> known = versions.get(block);
                for (int i = version + 1; i < known.size(); i++) {
                    int op = known.get(i);
                    lost.computeIfAbsent(op, none -> new BitSet())
                            .set(block - log.op(op).first());
                }
            });
            return CrashPoint.lostOf(pending, lost);
        }

        void torn(Family what) {
            int unit = Math.max(1, FILESYSTEM_BLOCK / log.blockSize());
            for (Unflushed write : pending) {
                if (write.blocks().cardinality() < 2) {
                    continue;
                }
                int op = write.op().number();
                int half = write.op().blocks() / 2;
                tear(what, write, 0, half);
                tear(what, write, half, write.op().blocks());
                // A file-system block is where its offset says, wherever the write starts.
                int shift = (int) (write.op().offset() / log.blockSize() % unit);
                for (int from = -shift; from < write.op().blocks(); from += unit) {
                    int start = Math.max(from, 0);
                    int end = Math.min(from + unit, write.op().blocks());
                    if (end - start == write.op().blocks()) {
                        break;
                    }
                    tear(what, write, start, end);
                    BitSet kept = part(write, start, end);
                    offer(what, nothing ^ keeping(write, kept), () -> {
                        Map<Integer, BitSet> lost = new HashMap<>();
                        for (Unflushed other : pending) {
                            BitSet gone = (BitSet) other.blocks().clone();
                            if (other.op().number() == op) {
                                gone.andNot(kept);
                            }
                            lost.put(other.op().number(), gone);
                        }
                        return CrashPoint.lostOf(pending, lost);
                    });
                }
            }
        }

        private void tear(Family what, Unflushed write, int from, int end) {
            BitSet gone = part(write, from, end);
            offer(
                    what,
                    all ^ losing(write, gone),
                    () -> CrashPoint.lostOf(pending, Map.of(write.op().number(), gone)));
        }

        private BitSet part(Unflushed write, int from, int end) {
            BitSet part = new BitSet();
            part.set(from, end);
            part.and(write.blocks());
            return part;
        }

        void sample(Family what) {
            SplittableRandom random =
                    new SplittableRandom(settings.seed() ^ (at.requests() * 0x9E3779B97F4A7C15L + at.acknowledged()));
            for (int i = 0; i < settings.samples(); i++) {
                double survives = random.nextDouble();
                boolean tears = random.nextBoolean();
                Map<Integer, BitSet> lost = new HashMap<>();
                for (Unflushed write : pending) {
                    BitSet gone = new BitSet();
                    if (random.nextDouble() >= survives) {
                        gone.or(write.blocks());
                    } else if (tears && random.nextBoolean()) {
                        BitSet blocks = write.blocks();
                        for (int b = blocks.nextSetBit(0); b >= 0; b = blocks.nextSetBit(b + 1)) {
                            gone.set(b, random.nextBoolean());
                        }
                    }
                    lost.put(write.op().number(), gone);
                }
                offer(what, hash(lost), () -> CrashPoint.lostOf(pending, lost));
            }
        }

        private long hash(Map<Integer, BitSet> lost) {
            long hash = nothing;
            for (Map.Entry<Integer, List<Integer>> entry : versions.entrySet()) {
                int block = entry.getKey();
                List<Integer> known = entry.getValue();
                int version = known.size() - 1;
                while (version > 0
                        && lost.get(known.get(version))
                                .get(block - log.op(known.get(version)).first())) {
                    version--;
                }
                hash ^= change(block, 0, version);
            }
            return hash;
        }
    }
}
