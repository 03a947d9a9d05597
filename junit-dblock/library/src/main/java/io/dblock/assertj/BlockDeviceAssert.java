// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.fault.Fault;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestFlag;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.RequestEntry;
import io.dblock.power.UnflushedWrite;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.assertj.core.api.AbstractAssert;

/**
 * Assertions on a device: on its requests, since a mark or ever, and on its content. Offsets and lengths are in bytes.
 *
 * <p>The assertions see requests, not an application's calls. Data in the page cache has not been written yet. One
 * write may become several requests, and several writes one request. So the assertions check what was covered and in
 * which order, not how often.
 *
 * <p>Assertions on requests need the journal's entries: dropped entries that count are an error unless
 * {@link #ignoringDropped()} was called. An assertion that something did not happen fails if there was no request at
 * all, since that shows nothing; {@link #allowingNoRequests()} allows it.
 */
public final class BlockDeviceAssert extends AbstractAssert<BlockDeviceAssert, BlockDevice> {
    private static final Set<Operation> WRITES =
            EnumSet.of(Operation.WRITE, Operation.WRITE_ZEROES, Operation.ZONE_APPEND);
    private static final Set<Operation> LOSABLE =
            EnumSet.of(Operation.WRITE, Operation.WRITE_ZEROES, Operation.DISCARD);
    private static final int COMPARED = 1 << 20;
    private static final int SHOWN = 10;

    private String mark;
    private boolean ignoresDropped;
    private boolean allowsNone;
    private String what;
    private List<RequestEntry> found;
    private String file;
    private Predicate<Place> inFile;

    BlockDeviceAssert(BlockDevice actual) {
        super(actual, BlockDeviceAssert.class);
    }

    /**
     * Limits the assertions that follow to requests that came after this mark was set with
     * {@code journal().mark(text)}.
     *
     * @throws IllegalArgumentException if the mark was not set
     */
    @CheckReturnValue
    public BlockDeviceAssert since(String markText) {
        isNotNull();
        try {
            actual.journal().since(markText); // Throws if there is no such mark.
        } catch (IllegalStateException e) {
            if (!ignoresDropped) {
                throw e;
            }
        }
        mark = markText;
        found = null;
        return this;
    }

    /**
     * Makes the assertions that follow use the entries that the journal has, whatever it has dropped. Call it before
     * {@link #since}.
     */
    @CheckReturnValue
    public BlockDeviceAssert ignoringDropped() {
        ignoresDropped = true;
        return this;
    }

    /**
     * Limits the assertions that follow to requests on a file of the device's filesystem: its path from the filesystem's
     * root, or a glob, see {@link Place#of(String)}. Offsets and lengths are then in the file. Flushes concern all files.
     *
     * <p>It needs to be known which file a request was about, see {@link Journal}. A file that was made and deleted
     * between two looks is not known. Requests on its directory, and the filesystem's journal, are not requests on the
     * file.
     *
     * @throws IllegalStateException if the device has no filesystem
     */
    @CheckReturnValue
    public BlockDeviceAssert file(String path) {
        isNotNull();
        if (actual.spec().filesystem() == Filesystem.NONE) {
            throw new IllegalStateException(actual.name()
                    + " has no filesystem, so it has no files. Assert on a range of bytes, or give the device a"
                    + " filesystem.");
        }
        inFile = Place.of(path);
        file = path;
        found = null;
        return this;
    }

    /**
     * Limits the assertions that follow to requests on a file, see {@link #file(String)}.
     *
     * @param path within {@code mount()}
     * @throws IllegalArgumentException if the path is elsewhere, or the device is not mounted
     */
    @CheckReturnValue
    public BlockDeviceAssert file(Path path) {
        isNotNull();
        Path point = actual.mountPoint()
                .filter(path::startsWith)
                .orElseThrow(() -> new IllegalArgumentException(path + " is not on " + actual.name()
                        + actual.mountPoint()
                                .map(mounted -> ", which is mounted at " + mounted)
                                .orElse(", which is not mounted")
                        + ". Allowed: a path within mount(), or the path from the filesystem's root as text."));
        String name = point.relativize(path).toString();
        return file(name.isEmpty() ? "." : name);
    }

    /** Makes the assertions that follow hold even if no request could have broken them. */
    @CheckReturnValue
    public BlockDeviceAssert allowingNoRequests() {
        allowsNone = true;
        return this;
    }

    /** Asserts that something was written: that a write or write-zeroes has succeeded, at least in part. */
    public BlockDeviceAssert wrote() {
        return did(WRITES, "written", "write");
    }

    /** Asserts that each byte of the range was written, by any requests. */
    public BlockDeviceAssert wrote(long offset, long length) {
        return did(WRITES, "written", offset, length);
    }

    /** Asserts that something was read. */
    public BlockDeviceAssert read() {
        return did(EnumSet.of(Operation.READ), "read", "read");
    }

    /** Asserts that each byte of the range was read, by any requests. */
    public BlockDeviceAssert read(long offset, long length) {
        return did(EnumSet.of(Operation.READ), "read", offset, length);
    }

    /** Asserts that something was discarded. */
    public BlockDeviceAssert discarded() {
        return did(EnumSet.of(Operation.DISCARD), "discarded", "discard");
    }

    /** Asserts that each byte of the range was discarded, by any requests. */
    public BlockDeviceAssert discarded(long offset, long length) {
        return did(EnumSet.of(Operation.DISCARD), "discarded", offset, length);
    }

    /** Asserts that a flush has succeeded. */
    public BlockDeviceAssert flushed() {
        return did(EnumSet.of(Operation.FLUSH), "flushed", "flush");
    }

    private BlockDeviceAssert did(Set<Operation> operations, String done, String request) {
        isNotNull();
        found = requests(operations).stream()
                .filter(entry -> entry.isCompleted() && !failedWholly(entry))
                .toList();
        what = done;
        if (found.isEmpty()) {
            Set<Long> attempts = sequences(requests(operations));
            fail(
                    "to have " + done + scope(),
                    attempts.isEmpty()
                            ? "there was no " + request + unattributed(operations)
                            : "no " + request + " has succeeded (" + attempts.size() + " did not)",
                    attempts);
        }
        return this;
    }

    private BlockDeviceAssert did(Set<Operation> operations, String done, long offset, long length) {
        isNotNull();
        checkRange(offset, length);
        found = requests(operations).stream()
                .filter(entry -> overlaps(entry, offset, length) && entry.isCompleted() && !failedWholly(entry))
                .toList();
        what = done;
        Ranges missing = new Ranges(offset, length);
        if (file == null) {
            found.forEach(missing::remove);
        } else {
            found.forEach(
                    entry -> entry.places().stream().filter(inFile).forEach(place -> missing.remove(entry, place)));
        }
        if (!missing.isEmpty()) {
            fail(
                    "to have " + done + " " + Ranges.describe(offset, length) + scope(),
                    "not " + missing,
                    sequences(requests(operations).stream()
                            .filter(entry -> overlaps(entry, offset, length))
                            .toList()));
        }
        return this;
    }

    /** Returns whether a request concerns a part of this range, of the device or of the file. */
    private boolean overlaps(RequestEntry entry, long offset, long length) {
        if (file == null) {
            return entry.overlaps(offset, length);
        }
        return entry.places().stream()
                .anyMatch(place -> inFile.test(place)
                        && place.inside() < offset + length
                        && offset < place.inside() + place.length());
    }

    /** Tells of requests that could have been on the file. */
    private String unattributed(Set<Operation> operations) {
        if (file == null || operations.contains(Operation.FLUSH)) {
            return "";
        }
        long unknown = entries().stream()
                .filter(entry -> entry instanceof RequestEntry request
                        && operations.contains(request.info().operation())
                        && request.places().isEmpty())
                .count();
        return unknown == 0 ? "" : ", and " + unknown + " of which no file is known";
    }

    /**
     * Asserts that everything the previous assertion found written or discarded was made durable: by a successful flush
     * that was issued after the request completed, or, for a write with FUA, by the write itself.
     *
     * @throws IllegalStateException if no such assertion came before
     */
    public BlockDeviceAssert thenFlushed() {
        isNotNull();
        if (found == null || !(what.equals("written") || what.equals("discarded"))) {
            throw new IllegalStateException(
                    "thenFlushed() is about what wrote() or discarded() has found. Call one of them first.");
        }
        checkComplete("what was " + what);
        long flushedTo = requests(EnumSet.of(Operation.FLUSH)).stream()
                .filter(RequestEntry::succeeded)
                .mapToLong(RequestEntry::completedBefore)
                .max()
                .orElse(-1);
        List<RequestEntry> missed = found.stream()
                .filter(entry -> !entry.info().has(RequestFlag.FUA) && entry.completionOrder() > flushedTo)
                .toList();
        if (!missed.isEmpty()) {
            fail(
                    "to have flushed what it has " + what + scope(),
                    "of " + found.size() + " requests " + missed.size()
                            + " had no successful flush issued after their completion",
                    sequences(missed));
        }
        return this;
    }

    /**
     * Asserts that no request tried to write to the range, successfully or not; discards are not writes. Fails if there
     * was no request at all: an application's data may still be in the page cache.
     */
    public BlockDeviceAssert neverWrote(long offset, long length) {
        isNotNull();
        checkRange(offset, length);
        checkComplete("what was written");
        checkAsked(
                EnumSet.allOf(Operation.class),
                "request",
                "never to have written to " + Ranges.describe(offset, length));
        List<RequestEntry> writes = requests(WRITES).stream()
                .filter(entry -> overlaps(entry, offset, length))
                .toList();
        if (!writes.isEmpty()) {
            fail(
                    "never to have written to " + Ranges.describe(offset, length) + scope(),
                    writes.size() == 1 ? "there was a write" : "there were " + writes.size() + " writes",
                    sequences(writes));
        }
        return this;
    }

    /**
     * Asserts that the bytes written to the device, divided by {@code bytes}, are below {@code limit}; {@code bytes} is
     * how many the test has written. Write-zeroes and discards do not count. Fails if there was no write at all.
     */
    public BlockDeviceAssert hasWriteAmplificationBelow(double limit, long bytes) {
        isNotNull();
        if (bytes <= 0) {
            throw new IllegalArgumentException(
                    "bytes is " + bytes + ". Allowed: what the test has written, at least 1.");
        }
        checkComplete("what was written");
        checkAsked(
                EnumSet.of(Operation.WRITE),
                "write",
                String.format(Locale.ROOT, "to have a write amplification below %s", limit));
        long total = 0;
        long metadata = 0;
        int count = 0;
        for (RequestEntry entry : requests(EnumSet.of(Operation.WRITE))) {
            if (entry.isCompleted() && !failedWholly(entry)) {
                total += entry.info().length();
                metadata += entry.info().has(RequestFlag.META) ? entry.info().length() : 0;
                count++;
            }
        }
        double amplification = total / (double) bytes;
        if (!(amplification < limit)) {
            fail(
                    String.format(Locale.ROOT, "to have a write amplification below %s%s", limit, scope()),
                    String.format(
                            Locale.ROOT,
                            "it was %.3f: for %d bytes it has written %d in %d requests, %d of them metadata",
                            amplification,
                            bytes,
                            total,
                            count,
                            metadata),
                    Set.of());
        }
        return this;
    }

    /**
     * Asserts that a power cut now would lose nothing of the requests since the mark, or of all if there is no mark.
     * Fails if there is a mark and no request since then could be lost.
     *
     * @throws IllegalStateException if the device has a user's handler, whose cache is unknown
     */
    public BlockDeviceAssert leavesNothingUnflushed() {
        isNotNull();
        if (mark == null) {
            return hasNothingUnflushed();
        }
        Set<Long> since = new HashSet<>();
        checkAsked(LOSABLE, "write or discard", "to leave nothing unflushed");
        entries().forEach(entry -> since.add(entry.sequence()));
        return nothing(
                actual.unflushed().stream()
                        .filter(write -> since.contains(write.sequence()) && isAsked(write))
                        .toList(),
                "to leave nothing unflushed" + scope());
    }

    /**
     * Asserts that a power cut now would lose nothing at all, whatever the mark is.
     *
     * @throws IllegalStateException if the device has a user's handler, whose cache is unknown
     */
    public BlockDeviceAssert hasNothingUnflushed() {
        isNotNull();
        return nothing(
                actual.unflushed().stream().filter(this::isAsked).toList(),
                "to have nothing unflushed" + (file == null ? "" : " of file " + file));
    }

    private boolean isAsked(UnflushedWrite write) {
        return file == null || write.places().stream().anyMatch(inFile);
    }

    private BlockDeviceAssert nothing(List<UnflushedWrite> unflushed, String expectation) {
        if (!unflushed.isEmpty()) {
            long bytes = unflushed.stream().mapToLong(UnflushedWrite::length).sum();
            String list =
                    unflushed.stream().limit(SHOWN).map(write -> "    " + write).collect(Collectors.joining("\n"));
            if (unflushed.size() > SHOWN) {
                list += "\n    and " + (unflushed.size() - SHOWN) + " more";
            }
            fail(
                    expectation,
                    "a power cut would lose " + bytes + " bytes:\n" + list,
                    unflushed.stream().map(UnflushedWrite::sequence).collect(Collectors.toSet()));
        }
        return this;
    }

    /**
     * Asserts that the device has these bytes at {@code offset}. For a built-in store, this is the content of the
     * store, durable or cached, without the effect of fault rules. Data in the page cache is not on the device.
     */
    public BlockDeviceAssert hasBytes(long offset, byte[] expected) {
        isNotNull();
        checkNoFile("hasBytes()");
        checkRange(offset, expected.length);
        byte[] bytes;
        try (Content content = new Content(actual)) {
            bytes = content.read(offset, expected.length);
        }
        int at = Arrays.mismatch(bytes, expected);
        if (at >= 0) {
            failWithMessage(
                    "%s",
                    "Expecting " + actual.name() + " to have " + expected.length + " bytes as expected at " + offset
                            + ", but they differ first at byte " + (offset + at) + ":\n"
                            + HexDump.difference(bytes, expected, offset, at) + lastWriter(offset + at));
        }
        return this;
    }

    /**
     * Asserts that both devices have the same size and the same content. See {@link #hasBytes}.
     *
     * @throws IllegalArgumentException if the other device is this device
     */
    public BlockDeviceAssert hasSameContentAs(BlockDevice other) {
        isNotNull();
        if (other == actual) {
            throw new IllegalArgumentException("The other device is " + actual.name()
                    + " itself, which always has the same content. Compare it with another device, such as a fork.");
        }
        if (actual.size() != other.size()) {
            failWithMessage(
                    "%s",
                    "Expecting " + actual.name() + " to have the same content as " + other.name() + ", but it has "
                            + actual.size() + " bytes, not " + other.size() + ".");
        }
        try (Content mine = new Content(actual);
                Content theirs = new Content(other)) {
            for (long offset = 0; offset < actual.size(); offset += COMPARED) {
                int length = (int) Math.min(COMPARED, actual.size() - offset);
                byte[] bytes = mine.read(offset, length);
                byte[] expected = theirs.read(offset, length);
                int at = Arrays.mismatch(bytes, expected);
                if (at >= 0) {
                    failWithMessage(
                            "%s",
                            "Expecting " + actual.name() + " to have the same content as " + other.name()
                                    + ", but they differ first at byte " + (offset + at) + " (sector "
                                    + (offset + at) / 512 + "), \"expected\" being " + other.name() + ":\n"
                                    + HexDump.difference(bytes, expected, offset, at) + lastWriter(offset + at));
                }
            }
        }
        return this;
    }

    /** Shows the last request that wrote or discarded this byte: its value dates from then. */
    private String lastWriter(long offset) {
        List<JournalEntry> entries = actual.journal().entries();
        RequestEntry last = null;
        for (JournalEntry entry : entries) {
            if (entry instanceof RequestEntry request
                    && (WRITES.contains(request.info().operation()) || request.is(Operation.DISCARD))
                    && request.overlaps(offset, 1)) {
                last = request;
            }
        }
        if (last == null) {
            return "\nThere is no write of this byte in the journal of " + actual.name() + ".";
        }
        return "\nThe journal of " + actual.name() + " around the last write of this byte:\n"
                + Timeline.around(entries, Set.of(last.sequence()));
    }

    /** Asserts that the fault rule with this name, armed or removed since, has acted on exactly this many requests. */
    public BlockDeviceAssert hasFaultHits(String name, long hits) {
        isNotNull();
        List<Fault> rules = actual.faults().history();
        Fault rule = null;
        for (Fault candidate : rules) {
            if (candidate.name().equals(name)) {
                rule = candidate;
            }
        }
        if (rule == null || rule.hits() != hits) {
            String list = rules.stream()
                    .map(fault -> "    " + fault.rule() + ": " + fault.hits() + " hits"
                            + (fault.isArmed() ? "" : ", removed"))
                    .collect(Collectors.joining("\n"));
            fail(
                    "to have a fault rule \"" + name + "\" with " + hits + (hits == 1 ? " hit" : " hits"),
                    (rule == null ? "there was none" : "it has " + rule.hits())
                            + (rules.isEmpty() ? "" : ". Its rules:\n" + list),
                    sequences(actual.journal().requests().stream()
                            .filter(entry -> entry.rules().contains(name))
                            .toList()));
        }
        return this;
    }

    private static boolean failedWholly(RequestEntry entry) {
        long failed = entry.failures().stream().mapToLong(part -> part.length()).sum();
        return !entry.failures().isEmpty() && failed == entry.info().length();
    }

    private List<JournalEntry> entries() {
        if (mark == null) {
            return actual.journal().entries();
        }
        return ignoresDropped ? keptSinceTheMark() : actual.journal().since(mark);
    }

    /** Returns all entries that are kept if the mark is no longer among them. */
    private List<JournalEntry> keptSinceTheMark() {
        List<JournalEntry> all = actual.journal().entries();
        for (int i = all.size() - 1; i >= 0; i--) {
            if (all.get(i) instanceof MarkEntry set && set.text().equals(mark)) {
                return all.subList(i + 1, all.size());
            }
        }
        return all;
    }

    private List<RequestEntry> requests(Set<Operation> operations) {
        List<RequestEntry> requests = new ArrayList<>();
        for (JournalEntry entry : entries()) {
            if (entry instanceof RequestEntry request
                    && operations.contains(request.info().operation())
                    && (file == null
                            || request.is(Operation.FLUSH)
                            || request.places().stream().anyMatch(inFile))) {
                requests.add(request);
            }
        }
        return requests;
    }

    private static Set<Long> sequences(List<RequestEntry> requests) {
        return requests.stream().map(RequestEntry::sequence).collect(Collectors.toSet());
    }

    private void checkNoFile(String call) {
        if (file != null) {
            throw new IllegalStateException(call + " is about the device, not about file " + file
                    + ". Call it before file(path), and read the file with java.nio.file.Files.");
        }
    }

    private void checkRange(long offset, long length) {
        if (file != null && offset >= 0 && length > 0) {
            return; // A file may be larger than its device.
        }
        if (offset < 0 || length <= 0 || offset > actual.size() - length) {
            throw new IllegalArgumentException("There are no " + length + " bytes at " + offset + " of " + actual.name()
                    + ". Allowed: at least one byte, within its " + actual.size() + ".");
        }
    }

    /** A dropped entry might make the assertion fail. */
    private void checkComplete(String subject) {
        long dropped = actual.journal().dropped();
        if (mark == null && dropped > 0 && !ignoresDropped) {
            throw new IllegalStateException("The journal of " + actual.name() + " has dropped its first " + dropped
                    + " entries, so it does not show all of " + subject
                    + ". Assert since a mark, make the device with more journalEntries(n), keep all with"
                    + " streamTo(file), or ignore what is missing with ignoringDropped().");
        }
    }

    /** A device without requests shows nothing. */
    private void checkAsked(Set<Operation> operations, String request, String expectation) {
        if (!allowsNone && requests(operations).isEmpty()) {
            fail(
                    expectation + scope(),
                    "there was no " + request
                            + " at all, which shows nothing: an application's data may still be in the page cache,"
                            + " so sync it first. If this is expected, call allowingNoRequests()",
                    Set.of());
        }
    }

    private String scope() {
        return (file == null ? "" : " of file " + file) + (mark == null ? "" : " since mark \"" + mark + "\"");
    }

    private void fail(String expectation, String found, Set<Long> points) {
        List<JournalEntry> entries = entries();
        Set<Long> shown = new HashSet<>(points);
        shown.retainAll(sequences(entries.stream()
                .filter(RequestEntry.class::isInstance)
                .map(RequestEntry.class::cast)
                .toList()));
        long dropped = mark == null ? actual.journal().dropped() : 0;
        failWithMessage(
                "%s",
                "Expecting " + actual.name() + " " + expectation + ", but " + found
                        + (dropped == 0 ? "" : "; its first " + dropped + " entries have been dropped")
                        + "\nIts journal"
                        + (shown.isEmpty() ? "" : " around that") + scope() + ":\n"
                        + (shown.isEmpty() ? Timeline.end(entries) : Timeline.around(entries, shown)));
    }
}
