// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.journal.Answer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Applies the fault rules of a device to its requests. Thread-safe: rules may be added, changed and removed while
 * requests pass. Never blocks the thread that brings a request. A request that must wait is kept; it goes on in the
 * thread that releases it, or in the timer's thread. There is one timer per device, created on first use.
 */
public final class FaultFilter implements AutoCloseable {
    private static final int RECENT = 8;
    private static final int HISTORY = 1000;

    private final FaultContext context;
    private volatile long seed;

    // Replaced as a whole with the lock held; reading needs no lock.
    private volatile FaultState[] rules = {};

    // Guarded by this.
    private long ordinals;
    private final List<FaultState> history = new ArrayList<>();
    private final Set<FaultRun> runs = new LinkedHashSet<>();
    private ScheduledThreadPoolExecutor timer;
    private boolean closed;

    /** One token for each request that is being answered and whose power cut is still to come. */
    private final Set<Object> cutsUnderWay = ConcurrentHashMap.newKeySet();

    // Guarded by itself.
    private final ArrayDeque<Seen> recent = new ArrayDeque<>();

    /** A request that has passed. */
    record Seen(long sequence, RequestInfo info) {}

    /** Creates a filter without rules. */
    public FaultFilter(FaultContext context, long seed) {
        this.context = context;
        this.seed = seed;
    }

    /** Returns whether there is no rule: then requests need not be shown to the filter. One volatile read. */
    public boolean isEmpty() {
        return rules.length == 0;
    }

    /**
     * Takes a request and answers it now or later.
     *
     * @return false if no rule concerns the request: it is unchanged then, and the caller keeps it
     */
    public boolean handle(DiskRequest request, Disk disk) {
        FaultState[] current = rules;
        if (current.length == 0) {
            return false;
        }
        if (!context.powered()) {
            return false;
        }
        RequestInfo info = request.info();
        if (!cutsUnderWay.isEmpty()) {
            // It came after the last request before a power cut, and before the power was off.
            request.answer(Answer.all(info.length(), Errno.EIO, List.of()));
            return true;
        }
        remember(request);
        FaultPlan plan = null;
        boolean watched = false;
        try {
            long drawn = seed;
            for (FaultState state : current) {
                plan = state.consider(info, plan, drawn);
                watched |= state.watches(info);
            }
            if (plan == null && watched) {
                plan = new FaultPlan(info);
            }
            if (plan == null || !(watched || plan.touched())) {
                return false;
            }
            if (!plan.pauses().isEmpty()) {
                request.keep();
            }
        } catch (RuntimeException | Error e) {
            // Thrown by a predicate of the test: what the rule should do with the request is unknown.
            failed(e);
            List<FaultState> acted = plan == null ? List.of() : plan.acted();
            if (plan != null) {
                plan.done();
            }
            request.answer(Answer.all(
                    info.length(),
                    Errno.EIO,
                    acted.stream().map(FaultState::name).toList()));
            return true;
        }
        FaultRun run = new FaultRun(this, request, disk, plan);
        try {
            if (enters(run)) {
                run.start();
                return true;
            }
        } catch (RuntimeException | Error e) {
            failed(e);
        }
        run.fail(Errno.EIO);
        return true;
    }

    /**
     * Answers all requests that rules keep waiting with this error, at once. The rules stay. Call this while the power
     * is off and before it can be restored: later requests are to be done.
     */
    public void failPending(Errno errno) {
        cutsUnderWay.clear();
        List<FaultRun> pending;
        synchronized (this) {
            pending = List.copyOf(runs);
        }
        pending.forEach(run -> run.fail(errno));
    }

    /** Ends all rules; the requests that they keep waiting fail with EIO. Does nothing the second time. */
    @Override
    public void close() {
        ScheduledThreadPoolExecutor old;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            old = timer;
            timer = null;
        }
        failPending(Errno.EIO);
        clear();
        if (old != null) {
            // Waiting tasks have been cancelled; only answers to requests are left.
            old.shutdown();
        }
    }

    // ---- rules ----

    FaultState add(FaultRule rule, Predicate<RequestInfo> predicate) {
        check(rule);
        StaleContent stale = stale(rule);
        try {
            synchronized (this) {
                if (closed) {
                    throw new IllegalStateException("The device is closed: the rule \"" + rule + "\" cannot be armed.");
                }
                checkName(rule);
                ordinals++;
                FaultRule named = rule.name().isEmpty() ? rule.withName(freeName()) : rule;
                FaultState state = new FaultState(context, ordinals, named, predicate, stale);
                FaultState[] longer = Arrays.copyOf(rules, rules.length + 1);
                int at = rule.first() ? 0 : rules.length;
                System.arraycopy(rules, at, longer, at + 1, rules.length - at);
                longer[at] = state;
                rules = longer;
                history.add(state);
                forgetSome();
                stale = null;
                return state;
            }
        } finally {
            if (stale != null) {
                stale.release();
            }
        }
    }

    private void checkName(FaultRule rule) {
        for (FaultState other : rules) {
            if (other.name().equals(rule.name())) {
                throw new IllegalArgumentException("There is a rule with the name \"" + rule.name() + "\" already: "
                        + other.rule() + ". Choose another name, or replace that rule.");
            }
        }
    }

    private String freeName() {
        String name = "fault-" + ordinals;
        for (FaultState other : rules) {
            if (other.name().equals(name)) {
                return name + "-" + Long.toHexString(System.nanoTime());
            }
        }
        return name;
    }

    /** Keeps the list bounded. Rules without a hit stay because they are to be reported. */
    private void forgetSome() {
        int surplus = history.size() - HISTORY;
        for (Iterator<FaultState> i = history.iterator(); surplus > 0 && i.hasNext(); ) {
            FaultState state = i.next();
            if (!state.armed() && (state.hits() > 0 || state.rule().lenient())) {
                i.remove();
                surplus--;
            }
        }
    }

    void replace(FaultState state, FaultRule rule) {
        if (!rule.name().isEmpty() && !rule.name().equals(state.name())) {
            throw new IllegalArgumentException(
                    "The rule \"" + state.name() + "\" cannot be replaced by one with the name \"" + rule.name()
                            + "\". Give it the same name or none.");
        }
        if (!rule.match().file().equals(state.rule().match().file())) {
            throw new IllegalArgumentException("The rule \"" + state.rule()
                    + "\" cannot be replaced by one for another file: " + rule + ". Arm a new one.");
        }
        check(rule);
        StaleContent stale = stale(rule);
        List<FaultWait> released = state.replace(rule.withName(state.name()), stale);
        if (released == null) {
            if (stale != null) {
                stale.release();
            }
            throw new IllegalStateException(
                    "The rule \"" + state.name() + "\" was removed and cannot be replaced. Arm a new one.");
        }
        released.forEach(FaultWait::released);
    }

    void remove(FaultState state) {
        synchronized (this) {
            rules = Arrays.stream(rules).filter(other -> other != state).toArray(FaultState[]::new);
        }
        state.disarm().forEach(FaultWait::released);
    }

    void clear() {
        for (FaultState state : rules) {
            remove(state);
        }
    }

    List<FaultState> rules() {
        return List.of(rules);
    }

    synchronized List<FaultState> history() {
        return List.copyOf(history);
    }

    /**
     * Returns the rules that have acted on no request and are not lenient, each with the reason. Incomplete if there
     * are very many.
     */
    public List<NeverActed> neverActed() {
        return history().stream()
                .filter(state -> state.hits() == 0 && !state.rule().lenient())
                .limit(HISTORY)
                .map(state -> new NeverActed(state.rule(), state.whyNever()))
                .toList();
    }

    long seed() {
        return seed;
    }

    void seed(long newSeed) {
        seed = newSeed;
    }

    private StaleContent stale(FaultRule rule) {
        return rule.action() instanceof Action.Stale ? new StaleContent(context.snapshot()) : null;
    }

    private void check(FaultRule rule) {
        int block = context.logicalBlockSize();
        long size = context.size();
        Match.Range range = rule.match().range().orElse(null);
        if (range != null) {
            if (range.offset() % block != 0 || range.length() % block != 0) {
                throw wrong(
                        rule,
                        "its range (" + range.offset() + " to " + range.end() + " bytes)",
                        "whole logical blocks of " + block + " bytes, " + block / Match.SECTOR + " sectors each");
            }
            if (range.end() > size) {
                throw wrong(
                        rule,
                        "its range ends at " + range.end() + " bytes",
                        "up to the device's size, " + size + " bytes (" + size / Match.SECTOR + " sectors)");
            }
        }
        if (rule.action() instanceof Action.FailAfter fail && fail.sectors() * Match.SECTOR % block != 0) {
            throw wrong(
                    rule, fail.sectors() + " sectors", "whole logical blocks of " + block / Match.SECTOR + " sectors");
        }
        if (rule.action() instanceof Action.Misdirect misdirect) {
            long delta = misdirect.delta();
            if (delta % block != 0 || Math.abs(delta) >= size) {
                throw wrong(
                        rule,
                        delta + " bytes",
                        "multiples of the logical block (" + block + " bytes) that are less than the device's size ("
                                + size + " bytes)");
            }
            if (range != null && (range.offset() + delta < 0 || range.end() + delta > size)) {
                throw wrong(
                        rule,
                        "its range would move to " + (range.offset() + delta) + " to " + (range.end() + delta)
                                + " bytes",
                        "within the device, up to " + size + " bytes");
            }
        }
        if (rule.action() instanceof Action.IgnoreFlushes && !context.hasVolatileCache()) {
            throw new IllegalArgumentException("The rule \"" + rule + "\" can never act on this device, which has no"
                    + " volatile write cache (cache = NONE): the kernel sends it neither flushes nor FUA. Make it with"
                    + " cache = WRITE_BACK.");
        }
        if (context.isZoned()
                && (rule.action() instanceof Action.Lose
                        || rule.action() instanceof Action.TearWrite
                        || rule.action() instanceof Action.Misdirect)) {
            throw new IllegalArgumentException(
                    "The rule \"" + rule + "\" does not fit this device, which is zoned: a zone's write pointer says"
                            + " what was written to it. Allowed: rules that fail, delay or hold requests, or change"
                            + " their data.");
        }
        if ((rule.action() instanceof Action.Stale || rule.action() instanceof Action.PowerCut)
                && !context.hasBuiltInStore()) {
            throw new IllegalArgumentException(
                    "The rule \"" + rule + "\" needs a built-in store, but this device's requests"
                            + " are answered by a handler. Make the device without one, in memory or from an image.");
        }
    }

    private static IllegalArgumentException wrong(FaultRule rule, String what, String allowed) {
        return new IllegalArgumentException(
                "The rule \"" + rule + "\" does not fit this device: " + what + ". Allowed: " + allowed + ".");
    }

    // ---- for runs ----

    FaultContext context() {
        return context;
    }

    void failed(Throwable failure) {
        context.failed(failure);
    }

    private synchronized boolean enters(FaultRun run) {
        if (closed) {
            return false;
        }
        runs.add(run);
        return true;
    }

    synchronized void leaves(FaultRun run) {
        runs.remove(run);
    }

    /** Runs a task in the timer's thread; not at all if the filter is closed. */
    synchronized Future<?> schedule(Runnable task, long nanos) {
        if (closed) {
            return null;
        }
        if (timer == null) {
            timer = new ScheduledThreadPoolExecutor(1, target -> {
                Thread thread = new Thread(target, "dblock-faults");
                thread.setDaemon(true);
                return thread;
            });
            timer.setRemoveOnCancelPolicy(true);
        }
        return timer.schedule(() -> run(task), nanos, TimeUnit.NANOSECONDS);
    }

    /**
     * Answers a request and then cuts the power, with no request done in between: requests that come meanwhile fail.
     * Runs in the timer's thread, where an answer is given at once; an answer in a server's thread may wait for the end
     * of its batch.
     *
     * @param cut returns whether the power could be cut
     */
    void answerAndCut(Runnable answer, BooleanSupplier cut, Runnable hit) {
        Object token = new Object();
        cutsUnderWay.add(token);
        Runnable both = () -> {
            boolean done;
            try {
                answer.run();
                done = cut.getAsBoolean();
            } finally {
                cutsUnderWay.remove(token);
            }
            // A thread that waits for the hit may restore the power and make requests at once.
            if (done) {
                hit.run();
            }
        };
        if (schedule(both, 0) == null) {
            both.run();
        }
    }

    private void run(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error e) {
            failed(e);
        }
    }

    /** Notes that something was done on the disk. */
    void done(RequestInfo info, long offset, long length) {
        for (FaultState state : rules) {
            state.done(info, offset, length);
        }
    }

    private void remember(DiskRequest request) {
        synchronized (recent) {
            if (recent.size() == RECENT) {
                recent.removeFirst();
            }
            recent.addLast(new Seen(request.sequence(), request.info()));
        }
    }

    /** Returns the last requests that came while there was a rule, oldest first. */
    List<Seen> recent() {
        synchronized (recent) {
            return List.copyOf(recent);
        }
    }

    /** Returns a text such as {@code WRITE sectors 8-15 FUA}. */
    static String describe(RequestInfo info) {
        String flags = info.flags().isEmpty()
                ? ""
                : " " + info.flags().stream().sorted().toList();
        return info.operation() == Operation.FLUSH || info.length() == 0
                ? info.operation() + flags
                : info.operation() + " " + new Match.Range(info.offset(), info.length()) + flags;
    }
}
