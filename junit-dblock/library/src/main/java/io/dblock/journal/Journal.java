// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import com.google.errorprone.annotations.CheckReturnValue;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * The journal of a device: each request of the kernel with its result, and the marks that the test sets, in order.
 *
 * <pre>{@code
 * disk.journal().mark("commit");
 * commit(disk.mount());
 * System.out.println(Journal.timeline(disk.journal().since("commit")));
 * }</pre>
 *
 * <p>A request is not a call of an application: the page cache delays writes, and the kernel merges and splits them.
 *
 * <p>The journal keeps only the newest entries, 65536 by default, and counts those it has {@link #dropped() dropped};
 * {@link #streamTo(Path)} keeps all. It can be read after the device is closed. Safe for use by several threads.
 */
public final class Journal {
    /** The default limit for the data that is kept, in bytes. */
    public static final long DEFAULT_CONTENT_BYTES = 16 << 20;

    private final Recorder recorder;
    private final LongSupplier size;
    private final int logicalBlockSize;
    private final LongSupplier made;
    private final boolean cached;

    /**
     * Creates a journal of what this recorder records. Tests use {@code disk.journal()} instead.
     *
     * @param size the current size of the device, in bytes
     * @param logicalBlockSize the logical block of the device, in bytes
     */
    public Journal(Recorder recorder, LongSupplier size, int logicalBlockSize) {
        this(recorder, size, logicalBlockSize, () -> 0, true);
    }

    /**
     * Creates a journal as above.
     *
     * @param made the number of the last entry that belongs to the making of the filesystem, which the picture shows as
     *     one column; 0 if there is none
     * @param cached whether the device has a volatile cache: the picture shows what a power cut takes
     */
    public Journal(Recorder recorder, LongSupplier size, int logicalBlockSize, LongSupplier made, boolean cached) {
        this.recorder = recorder;
        this.size = size;
        this.logicalBlockSize = logicalBlockSize;
        this.made = made;
        this.cached = cached;
    }

    /** Sets a mark and returns its number in the journal. If a text is used again, it means the newest mark. */
    public long mark(String text) {
        return recorder.mark(text);
    }

    /** Returns all entries that are kept, in order of their numbers: requests in the order in which they came. */
    public List<JournalEntry> entries() {
        return recorder.entries(0);
    }

    /**
     * Returns the entries after a mark: requests that came after it was set.
     *
     * @throws IllegalArgumentException if the mark was not set
     * @throws IllegalStateException if some of these entries have been dropped
     */
    public List<JournalEntry> since(String mark) {
        return recorder.entries(complete(mark));
    }

    /**
     * Returns the entries between two marks.
     *
     * @throws IllegalArgumentException if a mark was not set, or the second was set before the first
     * @throws IllegalStateException if some of these entries have been dropped
     */
    public List<JournalEntry> between(String from, String to) {
        long first = complete(from);
        long last = sequence(to);
        if (last < first) {
            throw new IllegalArgumentException(
                    "The mark \"" + to + "\" was set before \"" + from + "\". Allowed: the earlier mark first.");
        }
        return recorder.entries(first).stream()
                .filter(entry -> entry.sequence() < last)
                .toList();
    }

    /** Returns the requests among {@link #entries()}. */
    public List<RequestEntry> requests() {
        return requests(entries());
    }

    /** Returns the requests among {@link #since(String)}. */
    public List<RequestEntry> requestsSince(String mark) {
        return requests(since(mark));
    }

    private static List<RequestEntry> requests(List<JournalEntry> entries) {
        return entries.stream()
                .filter(RequestEntry.class::isInstance)
                .map(RequestEntry.class::cast)
                .toList();
    }

    private long sequence(String mark) {
        Long sequence = recorder.marks().get(mark);
        if (sequence == null) {
            throw new IllegalArgumentException("There is no mark \"" + mark + "\". " + knownMarks());
        }
        return sequence;
    }

    private String knownMarks() {
        Map<Long, String> marks = new TreeMap<>();
        recorder.marks().forEach((text, sequence) -> marks.put(sequence, "\"" + text + "\""));
        return marks.isEmpty()
                ? "None has been set; journal().mark(\"...\") sets one."
                : "The marks are " + String.join(", ", marks.values()) + ".";
    }

    private long complete(String mark) {
        long sequence = sequence(mark);
        long lastDropped = recorder.lastDropped();
        if (lastDropped > sequence) {
            throw new IllegalStateException("Entries after the mark \"" + mark + "\", which is #" + sequence
                    + ", have been dropped, the last of them #" + lastDropped
                    + ". Set the mark closer to the entries you need, make the device with more"
                    + " journalEntries(n), or use"
                    + " streamTo(file), which keeps all.");
        }
        return sequence;
    }

    /** Returns how many entries have been dropped to make room for newer ones. */
    public long dropped() {
        return recorder.dropped();
    }

    /** Returns for how many requests the data has been dropped to make room for newer data; see {@link Capture}. */
    public long droppedContents() {
        return recorder.droppedContents();
    }

    /** Returns how many flushes have completed successfully. */
    public long flushEpoch() {
        return recorder.flushEpoch();
    }

    /** Returns a copy of a write's data as it came, before any fault rule, if the data is kept; see {@link Capture}. */
    public Optional<byte[]> content(RequestEntry request) {
        return recorder.content(request.sequence());
    }

    /** Sets what is kept of the data of later requests, with a limit of {@link #DEFAULT_CONTENT_BYTES}. */
    public void capture(Capture capture) {
        capture(capture, DEFAULT_CONTENT_BYTES);
    }

    /**
     * Sets what is kept of the data of later requests.
     *
     * <p>The kernel copies the data of writes directly to where the journal keeps it, unless {@code maxIo} is above 4
     * MiB. A device in memory has its own content in the same place.
     *
     * @param maxBytes how many bytes of data are kept at most, at least the newest request's; outside the heap
     * @throws IllegalArgumentException if {@code maxBytes} is negative
     */
    public void capture(Capture capture, long maxBytes) {
        recorder.capture(capture, maxBytes);
    }

    /** Returns the entries that are kept as text, one line each. */
    public String timeline() {
        StringBuilder text = new StringBuilder();
        if (dropped() > 0) {
            text.append("(").append(dropped()).append(" earlier entries have been dropped)\n");
        }
        return text.append(timeline(entries())).toString();
    }

    /** Returns these entries as text, one line each. */
    public static String timeline(List<? extends JournalEntry> entries) {
        StringBuilder text = new StringBuilder();
        entries.forEach(entry -> text.append(entry).append('\n'));
        return text.toString();
    }

    /**
     * Writes the entries that are kept to a file and replaces it. Each entry is one line, in the format of
     * {@link #streamTo(Path)}, in the order of the entries' numbers.
     */
    public void writeTo(Path file) throws IOException {
        try (BufferedWriter writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8)) {
            writer.write(JournalStream.header(dropped()));
            for (JournalEntry entry : entries()) {
                writer.write(JournalStream.line(entry));
            }
        }
    }

    /**
     * Returns the entries that are kept as an SVG image. It shows requests in the order in which they came, with
     * flushes, marks and power cuts; what fault rules did is red, and what a power cut has taken or would take is
     * orange. Each file and each part of the filesystem has a row; if none is known, requests are at their place on the
     * device, without parts that no request touched. What made and first mounted the filesystem is one column.
     *
     * @param title the text above the image
     */
    public String picture(String title) {
        return picture(title, entries(), null);
    }

    /**
     * Returns an SVG image as {@link #picture(String)} of the entries before a power cut that there could have been.
     *
     * @param last the number of the last entry before the cut
     * @param taken the numbers of the writes that the cut takes, in part or as a whole; others that no flush covers survive
     */
    public String pictureOfCut(String title, long last, Set<Long> taken) {
        List<JournalEntry> before = new ArrayList<>();
        for (JournalEntry entry : entries()) {
            if (entry.sequence() <= last) {
                before.add(entry);
            }
        }
        long nanos = before.isEmpty() ? 0 : before.get(before.size() - 1).nanos();
        before.add(new EventEntry(last + 1, nanos, Long.MAX_VALUE, EventKind.POWER_CUT, "of this state"));
        return picture(title, before, taken);
    }

    private String picture(String title, List<? extends JournalEntry> shown, Set<Long> taken) {
        long lost = dropped();
        return JournalSvg.of(
                shown,
                size.getAsLong(),
                lost == 0 ? title : title + " (" + lost + " earlier entries were dropped)",
                made.getAsLong(),
                cached,
                taken);
    }

    /** Writes {@link #picture(String)} to a file and replaces it. */
    public void writePicture(Path file, String title) throws IOException {
        Files.writeString(file, picture(title));
    }

    /**
     * Writes each later entry to a file, which it replaces, from its own thread. A request is written when it is answered.
     *
     * <p>The file is UTF-8. Lines that begin with {@code #} and a space are remarks. Every other line is an entry: its
     * {@code toString()} and, for an answered request, a tab followed by fields separated by spaces. The fields are
     * {@code order=} with its {@linkplain RequestEntry#completionOrder() place among all answers}, {@code before=} with
     * {@linkplain RequestEntry#completedBefore() how many had been answered when it came}, {@code epoch=} with its
     * {@linkplain RequestEntry#flushEpoch() flush epoch}, and {@code hash=} with its {@linkplain ContentHash hash} in
     * hexadecimal, if there is one.
     *
     * <p>Do not put the file on the device itself.
     *
     * @return the stream, which ends when it is closed or the device is closed
     * @throws IOException if the file cannot be created
     */
    @CheckReturnValue
    public JournalStream streamTo(Path file) throws IOException {
        return new JournalStream(recorder, file);
    }

    /**
     * Writes what was written to the device in the format of the kernel's dm-log-writes. A write or discard is logged
     * when it is no longer in the device's cache: when a flush has succeeded that was issued after it completed. A FUA
     * write is logged when it completes. Flushes and marks are logged, too. At the end come the writes still in the
     * cache, and the mark {@code dm-log-writes-end}.
     *
     * <p>Of a request that failed in part, only the other parts are logged. The log does not show what fault rules did
     * to data. A write-zeroes becomes a write of zeros.
     *
     * @param file replaced if it exists
     * @throws IllegalStateException if entries or the data of a write have been dropped or were never kept: see
     *     {@link #capture(Capture, long)}
     */
    public void exportLogWrites(Path file) throws IOException {
        if (dropped() > 0) {
            throw new IllegalStateException(dropped() + " entries have been dropped from the journal, so it is not the"
                    + " whole log. Make the device with more journalEntries(n).");
        }
        new LogWritesExport(this, logicalBlockSize).writeTo(file);
    }
}
