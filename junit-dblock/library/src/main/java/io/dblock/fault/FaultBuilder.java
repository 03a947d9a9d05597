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
 * Builds a rule. The methods for actions, from {@link #fail} on, arm it. A builder without an action is no rule, and a
 * test that has begun one fails at its end. Immutable: every other method returns a new builder, so a builder can be
 * kept and used for several rules.
 *
 * <p>Unless noted otherwise, a method throws {@link IllegalArgumentException} for a value out of its range.
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

    /** Sets the name for the journal and for errors. Default: {@code fault-} and the rule's number. */
    public FaultBuilder named(String newName) {
        return new FaultBuilder(faults, begun, newName, match, predicate, lenient, fallThrough, first);
    }

    /**
     * Matches only sectors {@code firstSector} to {@code lastSector}, both included, of 512 bytes each, whatever the
     * logical block is.
     */
    public FaultBuilder sectors(long firstSector, long lastSector) {
        return with(from -> from.withSectors(firstSector, lastSector));
    }

    /** Matches only {@code length} bytes from {@code offset} on, in whole logical blocks. */
    public FaultBuilder bytes(long offset, long length) {
        return with(from -> from.withRange(new Match.Range(offset, length)));
    }

    /**
     * Matches only requests on a file of the device's filesystem: its path from the filesystem's root, such as
     * {@code wal/000003.log}, or a glob, see {@link io.dblock.handler.Place#of(String)}. For a file that {@code mount()}
     * has mounted, on ext4 and XFS.
     *
     * <p>When a request comes, the test JVM asks the filesystem where the file's blocks are. So it holds for files that
     * are made, that grow or move while the rule is armed, and costs a call per request. The rule acts on the whole
     * request if any part of it is on the file; the kernel can merge writes of files that lie next to each other. The
     * filesystem's journal and the directory are not the file.
     *
     * <p>The filesystem answers at once for writes that come from the page cache. While a direct write (O_DIRECT) makes a
     * file longer, it does not: the rule then knows what was there when anybody last looked, and acts on no blocks that
     * are newer.
     */
    public FaultBuilder file(String path) {
        return with(from -> from.withFile(path));
    }

    /** Matches only requests that have all of these flags. */
    public FaultBuilder flags(RequestFlag... flags) {
        return with(from -> from.withFlags(Set.of(flags)));
    }

    /**
     * Matches only requests of {@code min} to {@code max} bytes, as the device gets them, merged or split by the
     * kernel.
     */
    public FaultBuilder length(long min, long max) {
        return with(from -> from.withLength(min, max));
    }

    /** Skips the first {@code n} matching requests, as the device gets them. Default 0. */
    public FaultBuilder after(long n) {
        return with(from -> from.withAfter(n));
    }

    /**
     * Limits the rule to {@code k} requests, at least 1, as the device gets them. Default: 1 for a rule that cuts the
     * power, no limit for any other rule.
     */
    public FaultBuilder times(long k) {
        return with(from -> from.withTimes(k));
    }

    /**
     * Acts on each matching request with this probability, above 0, up to 1. One draw decides for the whole request.
     * Default 1.
     */
    public FaultBuilder probability(double p) {
        return with(from -> from.withProbability(p));
    }

    /** Acts only after {@code journal().mark(mark)} has been called. */
    public FaultBuilder sinceMark(String mark) {
        return with(from -> from.withSinceMark(mark));
    }

    /** Acts only until {@code journal().mark(mark)} is called. */
    public FaultBuilder untilMark(String mark) {
        return with(from -> from.withUntilMark(mark));
    }

    /** Acts only once at least this many flushes have succeeded since the device was made. */
    public FaultBuilder fromFlushEpoch(long epoch) {
        return with(from -> from.withFromFlushEpoch(epoch));
    }

    /**
     * Matches only requests for which the predicate is true; see {@link Faults#add(FaultRule, Predicate)}. With several
     * predicates, all must be true.
     */
    public FaultBuilder matching(Predicate<RequestInfo> test) {
        Predicate<RequestInfo> both = predicate == null ? test : predicate.and(test);
        return new FaultBuilder(faults, begun, name, match, both, lenient, fallThrough, first);
    }

    /** Allows that the rule never acts; otherwise the test fails then. */
    public FaultBuilder lenient() {
        return new FaultBuilder(faults, begun, name, match, predicate, true, fallThrough, first);
    }

    /** Shows the requests that this rule has acted on to later rules, too. */
    public FaultBuilder fallThrough() {
        return new FaultBuilder(faults, begun, name, match, predicate, lenient, true, first);
    }

    /** Puts the rule before the rules that are already armed. */
    public FaultBuilder first() {
        return new FaultBuilder(faults, begun, name, match, predicate, lenient, fallThrough, true);
    }

    // ---- errors ----

    /**
     * Fails the matched sectors; nothing of them is read or written. Only the errors in {@link Action#ERRORS} are
     * allowed, which reach the application unchanged. The kernel treats EOPNOTSUPP specially: it writes zeros in place
     * of a failed write-zeroes, does not report a failed discard, and does not report a failed flush to {@code fsync}.
     */
    @CanIgnoreReturnValue
    public Fault fail(Errno errno) {
        return arm(new Action.Fail(errno));
    }

    /**
     * Does the first {@code sectors} matched sectors of a request and fails the rest. Sectors are 512 bytes; the number
     * must be whole logical blocks. Acts only on requests with more matched sectors than that.
     */
    @CanIgnoreReturnValue
    public Fault failAfter(long sectors, Errno errno) {
        return arm(new Action.FailAfter(sectors, errno));
    }

    /**
     * Fails reads of the matched sectors with ENODATA until they are rewritten. A write or write-zeroes repairs the
     * logical blocks it writes; a discard repairs none.
     */
    @CanIgnoreReturnValue
    public Fault mediumError() {
        return arm(new Action.MediumError());
    }

    /**
     * Makes the disk full after {@code newBlocks} new logical blocks are written. Writes to further new blocks fail
     * with ENOSPC, all others succeed. A block is new if it reads as zeros and was not written since the rule was
     * armed. A write-zeroes counts only if it must keep the space allocated ({@link RequestFlag#NOUNMAP}). A discard,
     * and a write-zeroes without that flag, frees the new blocks in its range. {@link Fault#replace} with another
     * {@link Action.Full} changes the limit. The rule acts on requests that it fails; later rules see all others.
     */
    @CanIgnoreReturnValue
    public Fault full(long newBlocks) {
        return arm(new Action.Full(newBlocks));
    }

    /**
     * Fails writes, discards and write-zeroes with EREMOTEIO. The kernel reports a disk that has become read-only this
     * way (the sense key DATA PROTECT is a target error, in {@code drivers/scsi/scsi_error.c}); EROFS has no block
     * status.
     */
    @CanIgnoreReturnValue
    public Fault readOnly() {
        return arm(new Action.ReadOnly());
    }

    // ---- wrong data, reported as success ----

    /** Reports success for a write, discard or write-zeroes and keeps the old content. */
    @CanIgnoreReturnValue
    public Fault lose() {
        return arm(new Action.Lose());
    }

    /** Reports success for a write, discard or write-zeroes and does only some of its logical blocks. */
    @CanIgnoreReturnValue
    public Fault tear(Tear tear) {
        return arm(new Action.TearWrite(tear));
    }

    /**
     * Reads or writes the matched sectors {@code deltaBytes} further on (or before, if negative), by whole logical
     * blocks. The right place of a write keeps the old content. Acts only on sectors that stay within the device.
     */
    @CanIgnoreReturnValue
    public Fault misdirect(long deltaBytes) {
        return arm(new Action.Misdirect(deltaBytes));
    }

    /** Makes reads return the content from when the rule was armed or replaced. */
    @CanIgnoreReturnValue
    public Fault stale() {
        return arm(new Action.Stale());
    }

    /**
     * Flips {@code perSector} different bits, 1 to 4096, in each sector of 512 bytes: for READ in what the reader gets
     * (the disk keeps the right content), for WRITE in what is written.
     */
    @CanIgnoreReturnValue
    public Fault flipBits(int perSector) {
        return arm(new Action.FlipBits(perSector));
    }

    /** Replaces the data with random bytes: for READ what the reader gets, for WRITE what is written. */
    @CanIgnoreReturnValue
    public Fault garbage() {
        return arm(new Action.Garbage());
    }

    /**
     * Makes the disk lie. A FLUSH reports success and makes nothing durable; a write with FUA goes to the volatile
     * cache like any other write. A rule {@code onAny()} or {@code on(FLUSH, WRITE)} does both, a rule on one of these
     * operations only that part.
     */
    @CanIgnoreReturnValue
    public Fault ignoreFlushes() {
        return arm(new Action.IgnoreFlushes());
    }

    // ---- time: these delay the whole request, whichever part is matched ----

    /**
     * Delays the whole request; other requests may overtake it. If several rules delay or hold the same request, their
     * delays run at the same time. The kernel ends a request with ETIMEDOUT if it is delayed longer than the device's
     * request timeout.
     */
    @CanIgnoreReturnValue
    public Fault delay(Delay delay) {
        return arm(new Action.Wait(delay));
    }

    /** Lets {@code perSecond} requests per second begin, evenly spaced, as whole requests. Each request is a hit. */
    @CanIgnoreReturnValue
    public Fault limitIops(long perSecond) {
        return arm(new Action.LimitIops(perSecond));
    }

    /**
     * Limits the rate at which the data of reads and writes begins, counting the matched part. Each request is a hit.
     */
    @CanIgnoreReturnValue
    public Fault limitBandwidth(long bytesPerSecond) {
        return arm(new Action.LimitBandwidth(bytesPerSecond));
    }

    /**
     * Holds the whole request until the test releases it; see {@link Fault#awaitHit}, {@link Fault#held} and
     * {@link Fault#release}. What other rules do to the request is decided when it comes, and done when it goes on. The
     * kernel ends it with ETIMEDOUT after the device's request timeout.
     */
    @CanIgnoreReturnValue
    public Fault hold() {
        return arm(new Action.Hold());
    }

    // ---- power ----

    /**
     * Cuts the power before the request is done; the request fails with EIO. Acts once, so that the power can be
     * restored; for further cuts, call {@link #times(long) times(k)}.
     */
    @CanIgnoreReturnValue
    public Fault powerCut(Survivors survivors) {
        return arm(new Action.PowerCut(survivors, false));
    }

    /** Cuts the power when the request is done and answered; acts once, as {@link #powerCut} does. */
    @CanIgnoreReturnValue
    public Fault powerCutAfter(Survivors survivors) {
        return arm(new Action.PowerCut(survivors, true));
    }

    /**
     * Returns the rule with this action, not armed, for {@link Faults#add} or {@link Fault#replace}. It has no
     * predicate.
     */
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
            begun.used(); // A caller that catches this knows that there is no such rule.
            throw e;
        }
        return new FaultBuilder(faults, begun, name, newMatch, predicate, lenient, fallThrough, first);
    }

    /** Returns what the builder has so far. */
    @Override
    public String toString() {
        return (name.isEmpty() ? "" : "\"" + name + "\": ") + "on " + match
                + (predicate == null ? "" : ", matching a predicate");
    }
}
