// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.BlockIOException;
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
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * A request, from the decision of the rules until its answer. It waits as long as a rule keeps it. Then the thread that
 * ended the last wait does it as planned. The first thread to decide that it goes on or fails owns it from then on.
 */
final class FaultRun {
    private final FaultFilter filter;
    private final FilteredRequest request;
    private final Disk disk;
    private final FaultPlan plan;

    // Guarded by this.
    private final List<FaultState> acted;
    private final List<FaultWait> waits = new ArrayList<>();
    private int keepers = 1;
    private boolean decided;

    /** Set by the thread that owns the request. */
    private volatile boolean answered;

    FaultRun(FaultFilter filter, FilteredRequest request, Disk disk, FaultPlan plan) {
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
        Cut cut = plan.cut();
        if (cut != null && !cut.after()) {
            acts(cut.state());
            if (cutPower(cut)) {
                cut.state().hit();
            }
            answer(Answer.all(info().length(), Errno.EIO, names()));
            return;
        }
        CompletableFuture<Void> unused =
                budget().thenCompose(nothing -> doSegments()).exceptionally(this::broken);
    }

    /** Handles a failure of our own code: it must neither be lost nor leave the request without an answer. */
    private Void broken(Throwable error) {
        filter.failed(cause(error));
        if (!answered) {
            answer(Answer.all(info().length(), Errno.EIO, names()));
        }
        return null;
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

    private CompletableFuture<Void> doSegments() {
        List<CompletableFuture<Errno>> results = new ArrayList<>();
        for (Segment segment : plan.segments()) {
            results.add(doSegment(segment));
        }
        return CompletableFuture.allOf(results.toArray(CompletableFuture[]::new))
                .thenAccept(nothing -> {
                    List<Answer.Part> parts = new ArrayList<>();
                    for (int i = 0; i < results.size(); i++) {
                        add(parts, plan.segments().get(i).length, results.get(i).join());
                    }
                    Cut cut = plan.cut();
                    if (cut == null) {
                        answer(new Answer(parts, names()));
                    } else {
                        acts(cut.state());
                        Answer answer = new Answer(parts, names());
                        filter.answerAndCut(() -> answer(answer), () -> cutPower(cut), cut.state()::hit);
                    }
                });
    }

    private static void add(List<Answer.Part> parts, long length, Errno errno) {
        int last = parts.size() - 1;
        if (last >= 0 && parts.get(last).errno() == errno) {
            parts.set(last, new Answer.Part(parts.get(last).length() + length, errno));
        } else {
            parts.add(new Answer.Part(length, errno));
        }
    }

    /** Does one segment. The result is an error, or null for success; it never completes exceptionally. */
    private CompletableFuture<Errno> doSegment(Segment segment) {
        if (!segment.effective()) {
            return CompletableFuture.completedFuture(segment.errno);
        }
        CompletableFuture<Void> done;
        try {
            done = begin(segment);
        } catch (IOException | RuntimeException e) {
            done = CompletableFuture.failedFuture(e);
        }
        return done.handle((nothing, error) -> {
            if (error != null) {
                return errno(error);
            }
            if (info().operation() == Operation.READ) {
                corrupt(segment, data(segment));
            } else if (info().operation() != Operation.FLUSH
                    && !info().operation().isZoned()) {
                filter.done(info(), segment.offset + segment.shift, segment.length);
            }
            return null;
        });
    }

    private CompletableFuture<Void> begin(Segment segment) throws IOException {
        long offset = segment.offset + segment.shift;
        switch (info().operation()) {
            case READ -> {
                if (segment.stale == null) {
                    return disk.read(request, offset, data(segment));
                }
                segment.stale.read(offset, data(segment));
                return CompletableFuture.completedFuture(null);
            }
            case WRITE -> {
                ByteBuffer data = data(segment);
                if (!segment.corruptions.isEmpty()) {
                    ByteBuffer copy = ByteBuffer.allocateDirect(data.remaining());
                    data = copy.put(data).flip();
                    corrupt(segment, data);
                }
                return disk.write(request, offset, data, segment.fua);
            }
            case FLUSH -> {
                return disk.flush(request);
            }
            case DISCARD -> {
                return disk.discard(request, offset, segment.length);
            }
            case WRITE_ZEROES -> {
                return disk.writeZeroes(request, offset, segment.length, !info().has(RequestFlag.NOUNMAP));
            }
            case ZONE_REPORT, ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL, ZONE_APPEND -> {
                return disk.zone(request);
            }
        }
        throw new AssertionError(info().operation());
    }

    private ByteBuffer data(Segment segment) {
        return request.data().slice((int) (segment.offset - info().offset()), (int) segment.length);
    }

    private static void corrupt(Segment segment, ByteBuffer data) {
        for (Corruption corruption : segment.corruptions) {
            Corrupter.apply(corruption, data, segment.offset);
        }
    }

    private static Throwable cause(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }

    private Errno errno(Throwable error) {
        Throwable cause = cause(error);
        if (cause instanceof BlockIOException failure) {
            return failure.errno();
        }
        if (!(cause instanceof IOException)) {
            filter.failed(cause);
        }
        return Errno.EIO;
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

    /** Fails the writes for which there is no space; asks the disk which blocks are new. */
    private CompletableFuture<Void> budget() {
        CompletableFuture<Void> before = CompletableFuture.completedFuture(null);
        if (!plan.budgeted()) {
            return before;
        }
        Set<FaultState> states = new LinkedHashSet<>();
        plan.segments().forEach(segment -> states.addAll(segment.budgets));
        for (FaultState state : states) {
            before = before.thenCompose(nothing -> budget(state));
        }
        return before;
    }

    /** Handles all segments at once: one request is one hit. */
    private CompletableFuture<Void> budget(FaultState state) {
        List<Segment> concerned = plan.segments().stream()
                .filter(segment -> segment.effective() && segment.budgets.contains(state))
                .toList();
        int block = filter.context().logicalBlockSize();
        List<Extent> blank = new ArrayList<>();
        CompletableFuture<Void> before = CompletableFuture.completedFuture(null);
        for (Segment segment : concerned) {
            for (Extent extent : state.unknown(segment.offset + segment.shift, segment.end() + segment.shift)) {
                before = before.thenCompose(nothing -> BlankBlocks.find(disk, request, block, extent, blank));
            }
        }
        return before.thenAccept(nothing -> {
            List<Extent> refused = state.reserve(blank);
            if (!refused.isEmpty()) {
                acts(state);
                fail(concerned, refused);
            }
        });
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
