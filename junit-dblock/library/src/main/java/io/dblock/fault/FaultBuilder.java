// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.power.Survivors;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * A rule in the making. The methods that say what it does (from {@link #fail} on) arm it; without one of them there is no
 * rule, and a test that has begun one fails at its end. Immutable: each of the others gives a new builder, so one can be kept
 * and used for several rules.
 *
 * <p>Unless it is said otherwise, a method throws {@link IllegalArgumentException} for a value out of its range.
 */
@CheckReturnValue
public final class FaultBuilder {
    private final Faults faults;
    private final Faults.Begun begun;
    private final String name;
    private final Match match;
    private final Predicate<RequestInfo> predicate;
    private final boolean lenient;
    private final boolean fallThrough;
    private final boolean first;

    FaultBuilder(Faults faults, Match match, Faults.Begun begun) {
        this(faults, begun, "", match, null, false, false, false);
    }

    private FaultBuilder(
            Faults faults,
            Faults.Begun begun,
            String name,
            Match match,
            Predicate<RequestInfo> predicate,
            boolean lenient,
            boolean fallThrough,
            boolean first) {
        this.faults = faults;
        this.begun = begun;
        this.name = name;
        this.match = match;
        this.predicate = predicate;
        this.lenient = lenient;
        this.fallThrough = fallThrough;
        this.first = first;
        begun.reached(this);
    }

    // ---- which requests, and when ----

    /** Calls it this in the journal and in errors. Default: {@code fault-} and its number. */
    public FaultBuilder named(String newName) {
        return new FaultBuilder(faults, begun, newName, match, predicate, lenient, fallThrough, first);
    }

    /** Only sectors {@code firstSector} to {@code lastSector}, both included, of 512 bytes whatever the logical block is. */
    public FaultBuilder sectors(long firstSector, long lastSector) {
        return with(from -> from.withSectors(firstSector, lastSector));
    }

    /** Only {@code length} bytes from {@code offset} on, whole logical blocks. */
    public FaultBuilder bytes(long offset, long length) {
        return with(from -> from.withRange(new Match.Range(offset, length)));
    }

    /** Only requests that have all of these flags. */
    public FaultBuilder flags(RequestFlag... flags) {
        return with(from -> from.withFlags(Set.of(flags)));
    }

    /** Only requests of {@code min} to {@code max} bytes, as the device gets them: merged or split by the kernel. */
    public FaultBuilder length(long min, long max) {
        return with(from -> from.withLength(min, max));
    }

    /** Lets the first {@code n} matching requests by. Requests as the device gets them. Default 0. */
    public FaultBuilder after(long n) {
        return with(from -> from.withAfter(n));
    }

    /**
     * Acts on at most {@code k} requests, at least 1, as the device gets them. Default: 1 for a rule that cuts the power, no
     * limit for any other.
     */
    public FaultBuilder times(long k) {
        return with(from -> from.withTimes(k));
    }

    /** Acts on each matching request with this probability, above 0, up to 1, drawn for the whole request. Default 1. */
    public FaultBuilder probability(double p) {
        return with(from -> from.withProbability(p));
    }

    /** Only from when {@code journal().mark(mark)} was called on. */
    public FaultBuilder sinceMark(String mark) {
        return with(from -> from.withSinceMark(mark));
    }

    /** Only until {@code journal().mark(mark)} is called. */
    public FaultBuilder untilMark(String mark) {
        return with(from -> from.withUntilMark(mark));
    }

    /** Only when at least this many flushes have succeeded since the device was made. */
    public FaultBuilder fromFlushEpoch(long epoch) {
        return with(from -> from.withFromFlushEpoch(epoch));
    }

    /** Only requests for which this is true; see {@link Faults#add(FaultRule, Predicate)}. Several are all to be true. */
    public FaultBuilder matching(Predicate<RequestInfo> test) {
        Predicate<RequestInfo> both = predicate == null ? test : predicate.and(test);
        return new FaultBuilder(faults, begun, name, match, both, lenient, fallThrough, first);
    }

    /** It is all right if the rule never acts; otherwise that fails the test. */
    public FaultBuilder lenient() {
        return new FaultBuilder(faults, begun, name, match, predicate, true, fallThrough, first);
    }

    /** Lets later rules see what this one has acted on. */
    public FaultBuilder fallThrough() {
        return new FaultBuilder(faults, begun, name, match, predicate, lenient, true, first);
    }

    /** Puts the rule before those that are armed already. */
    public FaultBuilder first() {
        return new FaultBuilder(faults, begun, name, match, predicate, lenient, fallThrough, true);
    }

    // ---- errors ----

    /**
     * Fails the matched sectors; nothing of them is read or written. Of the errors only those of {@link Action#ERRORS} are
     * allowed, which reach the application as themselves. The kernel has its own ways with EOPNOTSUPP: it writes zeros in
     * place of a failed write-zeroes, and reports neither a failed discard nor, to {@code fsync}, a failed flush.
     */
    @CanIgnoreReturnValue
    public Fault fail(Errno errno) {
        return arm(new Action.Fail(errno));
    }

    /**
     * Does the first {@code sectors} matched sectors of a request, of 512 bytes but whole logical blocks, and fails the
     * rest. Concerns only requests with more than that.
     */
    @CanIgnoreReturnValue
    public Fault failAfter(long sectors, Errno errno) {
        return arm(new Action.FailAfter(sectors, errno));
    }

    /**
     * Fails reads of the matched sectors with ENODATA until they are rewritten: each logical block, until a write or
     * write-zeroes has put new content there. A discard does not mend it.
     */
    @CanIgnoreReturnValue
    public Fault mediumError() {
        return arm(new Action.MediumError());
    }

    /**
     * Has the disk full once {@code newBlocks} new logical blocks are written: writes to further new blocks fail with
     * ENOSPC, the others are done. A block is new if it reads as zeros and was not written since the rule was armed. Of
     * write-zeroes, those count that must keep the space allocated ({@link RequestFlag#NOUNMAP}). A discard, and a
     * write-zeroes without that flag, give back the new blocks in their range; {@link Fault#replace} with another
     * {@link Action.Full} changes the limit. Acts on requests that it fails; all others are seen by later rules.
     */
    @CanIgnoreReturnValue
    public Fault full(long newBlocks) {
        return arm(new Action.Full(newBlocks));
    }

    /**
     * Fails writes, discards and write-zeroes with EREMOTEIO: that is how the kernel reports a disk that has become
     * read-only (the sense key DATA PROTECT is a target error, in {@code drivers/scsi/scsi_error.c}); there is no block
     * status for EROFS.
     */
    @CanIgnoreReturnValue
    public Fault readOnly() {
        return arm(new Action.ReadOnly());
    }

    // ---- wrong data, and success all the same ----

    /** Says that the write, discard or write-zeroes is done, and keeps the old content. */
    @CanIgnoreReturnValue
    public Fault lose() {
        return arm(new Action.Lose());
    }

    /** Says that the write, discard or write-zeroes is done, and does only some logical blocks of it. */
    @CanIgnoreReturnValue
    public Fault tear(Tear tear) {
        return arm(new Action.TearWrite(tear));
    }

    /**
     * Reads or writes the matched sectors {@code deltaBytes} further on (or before, if negative), by whole logical blocks.
     * Where they should have gone, the old content stays. Concerns only sectors that do not leave the device by this.
     */
    @CanIgnoreReturnValue
    public Fault misdirect(long deltaBytes) {
        return arm(new Action.Misdirect(deltaBytes));
    }

    /** Has reads give the content as it was when the rule was armed or replaced. */
    @CanIgnoreReturnValue
    public Fault stale() {
        return arm(new Action.Stale());
    }

    /**
     * Flips {@code perSector} different bits, 1 to 4096, in each sector of 512 bytes: on READ in what the reader gets (the
     * disk keeps the right content), on WRITE in what is written.
     */
    @CanIgnoreReturnValue
    public Fault flipBits(int perSector) {
        return arm(new Action.FlipBits(perSector));
    }

    /** Replaces the data with random bytes: on READ what the reader gets, on WRITE what is written. */
    @CanIgnoreReturnValue
    public Fault garbage() {
        return arm(new Action.Garbage());
    }

    /**
     * Makes it a lying disk: FLUSH says done and makes nothing durable, a write with FUA goes to the volatile cache like any
     * other. On {@code onAny()} or {@code on(FLUSH, WRITE)} both, on one of them only that.
     */
    @CanIgnoreReturnValue
    public Fault ignoreFlushes() {
        return arm(new Action.IgnoreFlushes());
    }

    // ---- time. All of these keep the whole request waiting, for whatever part is matched ----

    /**
     * Delays the whole request; other requests pass it. Several rules that delay or hold the same request do so at the same
     * time. More than the device's request timeout makes the kernel end it with ETIMEDOUT.
     */
    @CanIgnoreReturnValue
    public Fault delay(Delay delay) {
        return arm(new Action.Wait(delay));
    }

    /** Lets requests begin at even distances, {@code perSecond} of them, whole ones. Each acts as a hit. */
    @CanIgnoreReturnValue
    public Fault limitIops(long perSecond) {
        return arm(new Action.LimitIops(perSecond));
    }

    /** Lets the data of reads and writes begin at this rate, counting the matched part. Each request is a hit. */
    @CanIgnoreReturnValue
    public Fault limitBandwidth(long bytesPerSecond) {
        return arm(new Action.LimitBandwidth(bytesPerSecond));
    }

    /**
     * Keeps the whole request until the test lets it go: {@link Fault#awaitHit}, {@link Fault#held}, {@link Fault#release}.
     * What other rules do with it is decided when it comes, and done when it goes on. The kernel ends it with ETIMEDOUT
     * when the device's request timeout is over.
     */
    @CanIgnoreReturnValue
    public Fault hold() {
        return arm(new Action.Hold());
    }

    // ---- power ----

    /**
     * Cuts the power before the request is done; it fails with EIO. Cuts it once, so that the power can be restored: a rule
     * that is to cut it again says {@link #times(long) times(k)}.
     */
    @CanIgnoreReturnValue
    public Fault powerCut(Survivors survivors) {
        return arm(new Action.PowerCut(survivors, false));
    }

    /** Cuts the power when the request is done and answered; once, as {@link #powerCut} does. */
    @CanIgnoreReturnValue
    public Fault powerCutAfter(Survivors survivors) {
        return arm(new Action.PowerCut(survivors, true));
    }

    /** The rule with this action, not armed: for {@link Faults#add} or {@link Fault#replace}. Has no predicate. */
    public FaultRule rule(Action action) {
        begun.used();
        return new FaultRule(name, match, action, lenient, fallThrough, first);
    }

    private Fault arm(Action action) {
        FaultRule rule = rule(action);
        Fault fault = predicate == null ? faults.add(rule) : faults.add(rule, predicate);
        begun.armed(fault.name());
        return fault;
    }

    private FaultBuilder with(UnaryOperator<Match> change) {
        Match newMatch;
        try {
            newMatch = change.apply(match);
        } catch (IllegalArgumentException e) {
            begun.used(); // Whoever catches this knows that there is no such rule.
            throw e;
        }
        return new FaultBuilder(faults, begun, name, newMatch, predicate, lenient, fallThrough, first);
    }

    /** What it says so far. */
    @Override
    public String toString() {
        return (name.isEmpty() ? "" : "\"" + name + "\": ") + "on " + match
                + (predicate == null ? "" : ", matching a predicate");
    }
}
