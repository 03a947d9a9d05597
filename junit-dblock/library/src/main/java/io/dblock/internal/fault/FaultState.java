// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.FaultPlan.Corruption;
import io.dblock.internal.fault.FaultPlan.Cut;
import io.dblock.internal.fault.FaultPlan.Pause;
import io.dblock.internal.fault.FaultPlan.Segment;
import io.dblock.internal.store.Extents;
import io.dblock.internal.store.Extents.Extent;
import io.dblock.power.Survivors;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;

/**
 * An armed rule: its counters, the requests it keeps waiting, and what it knows of the sectors. Thread-safe. No foreign
 * code is called with its lock held; the only lock taken under it is that of a {@link StaleContent}.
 */
final class FaultState {
    /** The most units in a tear. A discard may have billions of blocks; beyond this, a unit is several blocks. */
    private static final long MAX_TORN = 1 << 16;

    // The purposes of random numbers: negated, the fourth seed of their stream. For a Corruption, it is a sector
    // number.
    private static final long PROBABILITY = 1;
    private static final long TEAR = 2;
    private static final long DELAY = 3;
    private static final long SURVIVORS = 4;

    private final FaultContext context;
    private final long seedOrdinal;
    private final String name;
    private final Predicate<RequestInfo> predicate;

    // Written with the lock held, so that a thread that counts under the lock sees the rule that it has matched.
    private volatile FaultRule rule;

    // Guarded by this.
    private boolean armed = true;
    private long allMatches;
    private long matches;
    private long taken;
    private long hits;
    private final LinkedHashSet<FaultWait> waiting = new LinkedHashSet<>();
    private StaleContent stale;
    private final Extents rewritten = new Extents();
    private final Extents allocated = new Extents();
    private long usedBlocks;
    private long nextStart;
    private boolean limiting;

    /** The nearest miss while the rule had not acted yet; null if no request has come. Written with the lock held. */
    private volatile NearMiss nearest;
    /** How often the predicate was called. */
    private final LongAdder asked = new LongAdder();

    FaultState(
            FaultContext context, long ordinal, FaultRule rule, Predicate<RequestInfo> predicate, StaleContent stale) {
        this.context = context;
        this.seedOrdinal = ordinal;
        this.name = rule.name();
        this.rule = rule;
        this.predicate = predicate;
        this.stale = stale;
    }

    String name() {
        return name;
    }

    FaultRule rule() {
        return rule;
    }

    long ordinal() {
        return seedOrdinal;
    }

    synchronized boolean armed() {
        return armed;
    }

    synchronized long hits() {
        return hits;
    }

    synchronized List<FaultWait> waiting() {
        return List.copyOf(waiting);
    }

    // ---- deciding ----

    /** Returns whether the rule must see this request done even without acting on it, because it learns from it. */
    boolean watches(RequestInfo info) {
        FaultRule current = rule;
        if (current.action() instanceof Action.MediumError) {
            return writes(info);
        }
        return current.action() instanceof Action.Full && gives(info);
    }

    private static boolean gives(RequestInfo info) {
        return info.operation() == Operation.DISCARD
                || (info.operation() == Operation.WRITE_ZEROES && !info.has(RequestFlag.NOUNMAP));
    }

    private static boolean writes(RequestInfo info) {
        return info.operation() == Operation.WRITE || info.operation() == Operation.WRITE_ZEROES;
    }

    /**
     * Acts on the request if the rule matches it: notes in the plan what is to happen.
     *
     * @param plan the plan of the rules before; null if none has matched
     * @return the plan; null if this rule has not matched either
     */
    FaultPlan consider(RequestInfo info, FaultPlan plan, long seed) {
        FaultPlan made = plan;
        for (FaultRule seen = rule; matches(seen, info); seen = rule) {
            if (made == null) {
                made = new FaultPlan(info);
            }
            if (decide(seen, made, seed)) {
                break;
            }
        }
        return made;
    }

    private boolean matches(FaultRule seen, RequestInfo info) {
        NearMiss missed = miss(seen, info);
        if (missed != null) {
            missed(missed);
        }
        return missed == null;
    }

    /** Returns what keeps the rule from acting on the request; null if nothing does so far. */
    private NearMiss miss(FaultRule seen, RequestInfo info) {
        Match match = seen.match();
        if (!seen.action().operations().contains(info.operation()) || !match.fits(info)) {
            return nearest == null || nearest.compareTo(NearMiss.SECTORS) < 0
                    ? NearMiss.of(seen, info)
                    : NearMiss.OPERATION;
        }
        if (seen.action() instanceof Action.IgnoreFlushes
                && info.operation() == Operation.WRITE
                && !info.has(RequestFlag.FUA)) {
            return NearMiss.NO_FUA;
        }
        if (seen.action() instanceof Action.Full && gives(info)) {
            return NearMiss.FREES;
        }
        if (match.sinceMark().isPresent() && !context.marked(match.sinceMark().get())) {
            return NearMiss.SINCE_MARK;
        }
        if (match.untilMark().isPresent() && context.marked(match.untilMark().get())) {
            return NearMiss.UNTIL_MARK;
        }
        if (match.fromFlushEpoch() > 0 && context.flushEpoch() < match.fromFlushEpoch()) {
            return NearMiss.FLUSH_EPOCH;
        }
        asked.increment();
        return predicate.test(info) ? null : NearMiss.PREDICATE;
    }

    private void missed(NearMiss miss) {
        NearMiss known = nearest;
        if (known == null || miss.compareTo(known) > 0) {
            synchronized (this) {
                if (nearest == null || miss.compareTo(nearest) > 0) {
                    nearest = miss;
                }
            }
        }
    }

    /** Returns why the rule has acted on no request, as a sentence. */
    String whyNever() {
        NearMiss miss = nearest;
        if (miss == null) {
            return "No request has come while it was armed.";
        }
        FaultRule current = rule;
        if (miss == NearMiss.OPERATION
                && current.operations().equals(Set.of(Operation.FLUSH))
                && !context.hasVolatileCache()) {
            return "The device has no volatile write cache (cache = NONE), so the kernel sends it no flushes.";
        }
        if (miss == NearMiss.FLAGS && current.match().flags().contains(RequestFlag.FUA) && !context.takesFua()) {
            return "The device takes no FUA (fua = false), so the kernel follows the write with a flush instead.";
        }
        if (current.action() instanceof Action.IgnoreFlushes && miss.compareTo(NearMiss.NO_FUA) <= 0) {
            return "No flush has reached the disk"
                    + (current.operations().contains(Operation.WRITE) ? ", and no write with FUA." : ".");
        }
        synchronized (this) {
            return miss.ofRule(current, allMatches, asked.sum());
        }
    }

    /** Returns false if the rule was replaced meanwhile and must look at the request again. */
    @SuppressWarnings("ReferenceEquality") // An equal rule may have been put in its place, with counters at 0.
    private synchronized boolean decide(FaultRule seen, FaultPlan plan, long seed) {
        if (seen != rule) {
            return false;
        }
        List<Extent> parts = armed ? parts(seen, plan) : List.of();
        if (parts.isEmpty()) {
            missed(NearMiss.NOTHING_LEFT);
            return true;
        }
        Match match = seen.match();
        long n = ++allMatches;
        if (++matches <= match.after() || taken >= seen.times()) {
            missed(NearMiss.AFTER);
            return true;
        }
        if (match.probability() < 1 && draws(seed, n, PROBABILITY).nextDouble() >= match.probability()) {
            missed(NearMiss.PROBABILITY);
            return true;
        }
        missed(NearMiss.NOT_DONE);
        List<Segment> segments = plan.cutOut(parts);
        if (seen.action() instanceof Action.Full) {
            // Whether it acts is known only once the disk's content is; other rules may act until then.
            plan.budget(segments, this);
            return true;
        }
        taken++;
        act(seen.action(), plan, parts, segments, seed, n);
        if (!seen.fallThrough()) {
            plan.cutOut(parts).forEach(segment -> segment.open = false);
        }
        return true;
    }

    /** Returns the parts of the request that the rule can act on. */
    private List<Extent> parts(FaultRule seen, FaultPlan plan) {
        Action action = seen.action();
        long start = seen.match().range().map(Match.Range::offset).orElse(0L);
        long end = seen.match().range().map(Match.Range::end).orElse(Long.MAX_VALUE);
        if (action instanceof Action.Misdirect misdirect) {
            start = Math.max(start, -misdirect.delta());
            end = Math.min(end, context.size() - Math.max(0, misdirect.delta()));
        }
        List<Extent> parts = plan.parts(start, end, segment -> canAct(action, segment, plan));
        if (action instanceof Action.MediumError) {
            List<Extent> bad = new ArrayList<>();
            parts.forEach(part -> bad.addAll(rewritten.missing(part.start(), part.end())));
            return bad;
        }
        long length = parts.stream().mapToLong(Extent::length).sum();
        boolean tooShort = (action instanceof Action.FailAfter fail && length <= fail.sectors() * Match.SECTOR)
                || (action instanceof Action.TearWrite tear && length <= atLeast(tear));
        if (tooShort) {
            return List.of();
        }
        return parts;
    }

    /** Returns the size up to which a tear would write everything, in bytes. */
    private long atLeast(Action.TearWrite action) {
        return Math.max(1, action.tear().blocks()) * context.logicalBlockSize();
    }

    private static boolean canAct(Action action, Segment segment, FaultPlan plan) {
        if (action instanceof Action.Fail
                || action instanceof Action.FailAfter
                || action instanceof Action.ReadOnly
                || action instanceof Action.MediumError) {
            return segment.errno == null;
        }
        if (action instanceof Action.Misdirect) {
            return segment.effective() && segment.shift == 0;
        }
        if (action instanceof Action.Stale) {
            return segment.effective() && segment.stale == null;
        }
        if (action instanceof Action.IgnoreFlushes) {
            return segment.effective() && (segment.fua || plan.info().operation() == Operation.FLUSH);
        }
        if (action instanceof Action.PowerCut) {
            return plan.cut() == null;
        }
        if (action instanceof Action.Lose
                || action instanceof Action.TearWrite
                || action instanceof Action.FlipBits
                || action instanceof Action.Garbage
                || action instanceof Action.Full) {
            return segment.effective();
        }
        return true;
    }

    private void act(Action action, FaultPlan plan, List<Extent> parts, List<Segment> segments, long seed, long n) {
        if (action instanceof Action.PowerCut powerCut) {
            Survivors survivors =
                    powerCut.survivors().orSeed(draws(seed, n, SURVIVORS).nextLong());
            plan.cut(new Cut(this, survivors, powerCut.after()));
            return;
        }
        if (action instanceof Action.Wait
                || action instanceof Action.Hold
                || action instanceof Action.LimitIops
                || action instanceof Action.LimitBandwidth) {
            long bytes = parts.stream().mapToLong(Extent::length).sum();
            plan.pause(new Pause(this, action, draws(seed, n, DELAY).nextDouble(), bytes));
            return;
        }
        plan.acts(this);
        hit();
        if (action instanceof Action.Fail fail) {
            segments.forEach(segment -> segment.errno = fail.errno());
        } else if (action instanceof Action.FailAfter fail) {
            plan.fail(from(parts, fail.sectors() * Match.SECTOR), fail.errno());
        } else if (action instanceof Action.ReadOnly) {
            segments.forEach(segment -> segment.errno = Errno.EREMOTEIO);
        } else if (action instanceof Action.MediumError) {
            segments.forEach(segment -> segment.errno = Errno.ENODATA);
        } else if (action instanceof Action.Lose) {
            segments.forEach(segment -> segment.lost = true);
        } else if (action instanceof Action.TearWrite tear) {
            Tearing tearing = new Tearing(tear.tear(), context.logicalBlockSize(), MAX_TORN);
            plan.cutOut(tearing.lost(parts, draws(seed, n, TEAR))).forEach(segment -> segment.lost = true);
        } else if (action instanceof Action.Misdirect misdirect) {
            segments.forEach(segment -> segment.shift = misdirect.delta());
        } else if (action instanceof Action.Stale) {
            plan.uses(stale);
            segments.forEach(segment -> segment.stale = stale);
        } else if (action instanceof Action.FlipBits || action instanceof Action.Garbage) {
            plan.corrupt(segments, new Corruption(action, seed, seedOrdinal, n));
        } else if (action instanceof Action.IgnoreFlushes) {
            segments.forEach(segment -> {
                segment.fua = false;
                segment.lost = plan.info().operation() == Operation.FLUSH;
            });
        } else {
            throw new AssertionError("No way to do " + action);
        }
    }

    /** Returns the parts without their first {@code skipped} bytes. */
    private static List<Extent> from(List<Extent> parts, long skipped) {
        List<Extent> rest = new ArrayList<>();
        long left = skipped;
        for (Extent part : parts) {
            if (part.length() > left) {
                rest.add(new Extent(part.start() + left, part.end()));
            }
            left = Math.max(0, left - part.length());
        }
        return rest;
    }

    private RuleRandom draws(long seed, long n, long purpose) {
        return new RuleRandom(seed, seedOrdinal, n, -purpose);
    }

    // ---- counting ----

    /** Counts a request that the rule has acted on. */
    synchronized void hit() {
        hits++;
        notifyAll();
    }

    /** Waits for this many hits and returns how many there are: fewer if the time is over or the rule is removed. */
    synchronized long awaitHits(long count, Duration timeout) throws InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (hits < count && armed) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                break;
            }
            // Rounded up: a wait of 0 ms would never end.
            wait(left / 1_000_000 + 1);
        }
        return hits;
    }

    // ---- keeping requests waiting ----

    /**
     * Keeps the request from now on and counts the hit.
     *
     * @return for how many ns; {@link Long#MAX_VALUE} until it is released; -1 if the rule was removed or replaced and
     *     does not keep it
     */
    synchronized long enter(FaultWait wait, Pause pause) {
        // If the rule was replaced meanwhile, the new rule might keep no requests.
        if (!armed || rule.action().getClass() != pause.action().getClass()) {
            return -1;
        }
        waiting.add(wait);
        hits++;
        notifyAll();
        Action action = pause.action();
        if (action instanceof Action.Hold) {
            return Long.MAX_VALUE;
        }
        if (action instanceof Action.Wait delayed) {
            return delayed.delay().at(pause.place()).toNanos();
        }
        double perSecond = action instanceof Action.LimitIops iops
                ? iops.perSecond()
                : (double) ((Action.LimitBandwidth) action).bytesPerSecond() / pause.bytes();
        long now = System.nanoTime();
        long start = limiting && nextStart - now > 0 ? nextStart : now;
        nextStart = start + (long) Math.min(1e9 / perSecond, 1e17);
        limiting = true;
        return start - now;
    }

    /** Releases the request; returns false if it was no longer kept. */
    synchronized boolean leave(FaultWait wait) {
        return waiting.remove(wait);
    }

    // ---- changing ----

    /** Removes the rule; returns the waits to release. */
    List<FaultWait> disarm() {
        StaleContent old;
        List<FaultWait> released;
        synchronized (this) {
            if (!armed) {
                return List.of();
            }
            armed = false;
            old = stale;
            stale = null;
            released = letGo();
            notifyAll();
        }
        if (old != null) {
            old.release();
        }
        return released;
    }

    /** Replaces the rule; returns the waits to release, or null if it was not armed and nothing has changed. */
    List<FaultWait> replace(FaultRule newRule, StaleContent newStale) {
        StaleContent old;
        List<FaultWait> released = List.of();
        synchronized (this) {
            if (!armed) {
                return null;
            }
            old = stale;
            stale = newStale;
            boolean same = rule.action().getClass() == newRule.action().getClass();
            rule = newRule;
            matches = 0;
            taken = 0;
            limiting = false;
            nearest = null;
            asked.reset();
            if (!same) {
                rewritten.remove(0, Long.MAX_VALUE);
                allocated.remove(0, Long.MAX_VALUE);
                usedBlocks = 0;
                released = letGo();
            }
        }
        if (old != null) {
            old.release();
        }
        return released;
    }

    private List<FaultWait> letGo() {
        List<FaultWait> all = List.copyOf(waiting);
        waiting.clear();
        return all;
    }

    // ---- what it knows of the sectors ----

    /** Notes what was done on the disk: new content repairs a medium error, and a full disk gets blocks back. */
    synchronized void done(RequestInfo info, long offset, long length) {
        if (rule.action() instanceof Action.MediumError && writes(info)) {
            // Regardless of the range, because the rule may be replaced by one with another range.
            rewritten.add(offset, offset + length);
        } else if (rule.action() instanceof Action.Full && gives(info)) {
            usedBlocks -= allocated.remove(offset, offset + length) / context.logicalBlockSize();
        }
    }

    /** Returns which of these bytes may be new blocks, as far as the rule knows. */
    synchronized List<Extent> unknown(long start, long end) {
        return rule.action() instanceof Action.Full ? allocated.missing(start, end) : List.of();
    }

    /**
     * Takes space for blocks that read as zeros.
     *
     * @return the blocks without space, which are to fail; if there are any, a hit is counted
     */
    synchronized List<Extent> reserve(List<Extent> blank) {
        if (!armed || !(rule.action() instanceof Action.Full full)) {
            return List.of();
        }
        int block = context.logicalBlockSize();
        boolean mayFail = taken < rule.times();
        List<Extent> refused = new ArrayList<>();
        for (Extent extent : blank) {
            for (Extent fresh : allocated.missing(extent.start(), extent.end())) {
                long room = Math.max(0, full.newBlocks() - usedBlocks);
                long fits = mayFail ? Math.min(fresh.length(), room * block) : fresh.length();
                allocated.add(fresh.start(), fresh.start() + fits);
                usedBlocks += fits / block;
                if (fits < fresh.length()) {
                    refused.add(new Extent(fresh.start() + fits, fresh.end()));
                }
            }
        }
        if (!refused.isEmpty()) {
            taken++;
            hits++;
            notifyAll();
        }
        return refused;
    }
}
