// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.FaultPlan.Corruption;
import io.dblock.internal.fault.FaultPlan.Cut;
import io.dblock.internal.fault.FaultPlan.Pause;
import io.dblock.internal.fault.FaultPlan.Segment;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.store.Extents;
import io.dblock.internal.store.Extents.Extent;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A request, from the decision of the rules until its answer. It waits as long as a rule keeps it. Then the thread that
 * ended the last wait does it as planned. The first thread to decide that it goes on or fails owns it from then on.
 */
final class FaultRun {
    private final FaultFilter filter;
    private final DiskRequest request;
    private final Disk disk;
    private final FaultPlan plan;

    // Guarded by this.
    private final List<FaultState> acted;
    private final List<FaultWait> waits = new ArrayList<>();
    private int keepers = 1;
    private boolean decided;

    /** The parts that the disk has not done yet, and one as long as there may be more. */
    private final AtomicInteger underWay = new AtomicInteger(1);

    /** Set by the thread that owns the request. */
    private volatile boolean answered;

    FaultRun(FaultFilter filter, DiskRequest request, Disk disk, FaultPlan plan) {
        this.filter = filter;
        this.request = request;
        this.disk = disk;
        this.plan = plan;
        this.acted = new ArrayList<>(plan.acted());
    }

    RequestInfo info() {
        return plan.info();
    }

    // ---- waiting ----

    /** Starts all waits; does the request at once if there are none. */
    void start() {
        for (Pause pause : plan.pauses()) {
            FaultWait wait = new FaultWait(this, pause);
            synchronized (this) {
                if (decided) {
                    return;
                }
                keepers++;
                waits.add(wait);
                acted.add(pause.state());
            }
            long nanos = pause.state().enter(wait, pause);
            if (nanos < 0) {
                synchronized (this) {
                    acted.remove(pause.state());
                }
                waited();
            } else if (isDecided()) {
                // The request failed just before the rule kept it.
                wait.forget();
                return;
            } else if (nanos == 0) {
                wait.expire();
            } else if (nanos < Long.MAX_VALUE) {
                wait.timer(filter.schedule(wait::expire, nanos));
            }
        }
        waited();
    }

    private synchronized boolean isDecided() {
        return decided;
    }

    /** Notes that one wait has ended. */
    void waited() {
        synchronized (this) {
            if (--keepers > 0 || decided) {
                return;
            }
            decided = true;
        }
        filter.leaves(this);
        execute();
    }

    /** Answers the request with this error at once if it is still waiting. */
    void fail(Errno errno) {
        List<FaultWait> forgotten;
        synchronized (this) {
            if (decided) {
                return;
            }
            decided = true;
            forgotten = List.copyOf(waits);
        }
        filter.leaves(this);
        forgotten.forEach(FaultWait::forget);
        answer(Answer.all(info().length(), errno, names()));
    }

    // ---- doing ----

    private void execute() {
        try {
            Cut cut = plan.cut();
            if (cut != null && !cut.after()) {
                acts(cut.state());
                if (cutPower(cut)) {
                    cut.state().hit();
                }
                answer(Answer.all(info().length(), Errno.EIO, names()));
            } else if (plan.budgeted()) {
                budget();
            } else {
                doSegments();
            }
        } catch (Throwable t) {
            broken(t);
        }
    }

    /** Handles a failure of our own code: it must neither be lost nor leave the request without an answer. */
    void broken(Throwable error) {
        filter.failed(error);
        if (!answered) {
            answer(Answer.all(info().length(), Errno.EIO, names()));
        }
    }

    /** Returns false if the power could not be cut, which is no hit. */
    private boolean cutPower(Cut cut) {
        try {
            filter.context().powerCut(cut.survivors());
            return true;
        } catch (RuntimeException e) {
            filter.failed(e);
            return false;
        }
    }

    private void doSegments() {
        for (Segment segment : plan.segments()) {
            if (segment.effective()) {
                underWay.incrementAndGet();
                pass(segment.stale == null ? disk : segment.stale, part(segment));
            }
        }
        ended();
    }

    private RequestPart part(Segment segment) {
        ByteBuffer own = null;
        if (info().operation() == Operation.WRITE && !segment.corruptions.isEmpty()) {
            own = ByteBuffer.allocateDirect((int) segment.length);
            own.put(data(segment)).flip();
            corrupt(segment, own);
        }
        return new RequestPart(
                request, info(segment), segment.offset - info().offset(), own, errno -> done(segment, errno));
    }

    private RequestInfo info(Segment segment) {
        RequestInfo whole = info();
        Set<RequestFlag> flags = whole.flags();
        if (segment.fua != whole.has(RequestFlag.FUA)) {
            flags = EnumSet.copyOf(flags);
            flags.remove(RequestFlag.FUA);
        }
        return new RequestInfo(
                whole.operation(),
                segment.offset + segment.shift,
                segment.length,
                flags,
                whole.queue(),
                whole.priority(),
                whole.writeHint());
    }

    /** Has the disk do a part. It is answered then or later. */
    void pass(RequestPart part) {
        pass(disk, part);
    }

    private void pass(Disk to, RequestPart part) {
        boolean done;
        try {
            done = to.handle(part);
        } catch (Throwable t) {
            part.failIfOpen(filter.context().thrown(part, t));
            return;
        }
        if (done) {
            part.complete();
        }
    }

    /** Notes the result of a part. */
    private void done(Segment segment, Errno errno) {
        try {
            if (errno != null) {
                segment.errno = errno;
            } else if (info().operation() == Operation.READ) {
                corrupt(segment, data(segment));
            } else if (info().operation() != Operation.FLUSH
                    && !info().operation().isZoned()) {
                filter.done(info(), segment.offset + segment.shift, segment.length);
            }
        } catch (Throwable t) {
            filter.failed(t);
            segment.errno = Errno.EIO;
        }
        ended();
    }

    /** Notes that a part is done, or that all are begun. The thread that notes the last answers the request. */
    private void ended() {
        if (underWay.decrementAndGet() > 0) {
            return;
        }
        try {
            List<Answer.Part> parts = new ArrayList<>();
            plan.segments().forEach(segment -> add(parts, segment.length, segment.errno));
            Cut cut = plan.cut();
            if (cut != null) {
                acts(cut.state());
            }
            Answer answer = new Answer(parts, names());
            if (cut == null) {
                answer(answer);
            } else {
                filter.answerAndCut(() -> answer(answer), () -> cutPower(cut), cut.state()::hit);
            }
        } catch (Throwable t) {
            broken(t);
        }
    }

    private static void add(List<Answer.Part> parts, long length, Errno errno) {
        int last = parts.size() - 1;
        if (last >= 0 && parts.get(last).errno() == errno) {
            parts.set(last, new Answer.Part(parts.get(last).length() + length, errno));
        } else {
            parts.add(new Answer.Part(length, errno));
        }
    }

    private ByteBuffer data(Segment segment) {
        return request.data().slice((int) (segment.offset - info().offset()), (int) segment.length);
    }

    private static void corrupt(Segment segment, ByteBuffer data) {
        for (Corruption corruption : segment.corruptions) {
            Corrupter.apply(corruption, data, segment.offset);
        }
    }

    private synchronized void acts(FaultState state) {
        acted.add(state);
    }

    private synchronized List<String> names() {
        return acted.stream().map(FaultState::name).toList();
    }

    private void answer(Answer answer) {
        answered = true;
        try {
            request.answer(answer);
        } finally {
            plan.done();
        }
    }

    // ---- the full disk ----

    /** Asks the disk which blocks are new. Then the writes for which there is no space fail, and the others are done. */
    private void budget() {
        Set<FaultState> states = new LinkedHashSet<>();
        plan.segments().forEach(segment -> states.addAll(segment.budgets));
        Extents unknown = new Extents();
        for (FaultState state : states) {
            unknown(state, concerned(state)).forEach(extent -> unknown.add(extent.start(), extent.end()));
        }
        new BlankBlocks(
                        this,
                        request,
                        filter.context().logicalBlockSize(),
                        unknown.present(0, Long.MAX_VALUE),
                        blank -> {
                            states.forEach(state -> reserve(state, blank));
                            doSegments();
                        })
                .next();
    }

    private List<Segment> concerned(FaultState state) {
        return plan.segments().stream()
                .filter(segment -> segment.effective() && segment.budgets.contains(state))
                .toList();
    }

    private static List<Extent> unknown(FaultState state, List<Segment> concerned) {
        List<Extent> unknown = new ArrayList<>();
        for (Segment segment : concerned) {
            unknown.addAll(state.unknown(segment.offset + segment.shift, segment.end() + segment.shift));
        }
        return unknown;
    }

    /** Handles all segments at once: one request is one hit. */
    private void reserve(FaultState state, Extents blank) {
        List<Segment> concerned = concerned(state);
        List<Extent> fresh = new ArrayList<>();
        unknown(state, concerned).forEach(extent -> fresh.addAll(blank.present(extent.start(), extent.end())));
        List<Extent> refused = state.reserve(fresh);
        if (!refused.isEmpty()) {
            acts(state);
            fail(concerned, refused);
        }
    }

    /** Fails the parts of these segments that would go to these places. Two segments may go to the same place. */
    private void fail(List<Segment> concerned, List<Extent> places) {
        Extents set = new Extents();
        places.forEach(place -> set.add(place.start(), place.end()));
        List<Extent> parts = new ArrayList<>();
        for (Segment segment : concerned) {
            long shift = segment.shift;
            for (Extent place : set.present(segment.offset + shift, segment.end() + shift)) {
                parts.add(new Extent(place.start() - shift, place.end() - shift));
            }
        }
        plan.fail(parts, Errno.ENOSPC);
    }
}
