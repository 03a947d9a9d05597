// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import com.google.errorprone.annotations.CheckReturnValue;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * What a device was asked, in order: each request of the kernel with its result, and the marks that the test sets.
 *
 * <pre>{@code
 * disk.journal().mark("commit");
 * commit(disk.mount());
 * System.out.println(Journal.timeline(disk.journal().since("commit")));
 * }</pre>
 *
 * <p>A request is not a call of an application: the page cache delays writes, and the kernel merges and splits them.
 *
 * <p>It keeps the newest entries only, 65536 unless the device was made to keep more, and says how many it has
 * {@link #dropped() dropped}; {@link #streamTo(Path)} keeps all. It can be read after its device was closed. Safe for use
 * by several threads.
 */
public final class Journal {
    /** How many bytes of data are kept unless said otherwise. */
    public static final long DEFAULT_CONTENT_BYTES = 16 << 20;

    private final Recorder recorder;
    private final LongSupplier size;
    private final int logicalBlockSize;

    /**
     * What this recorder has recorded. For junit-dblock's own: a test asks {@code disk.journal()}.
     *
     * @param size of the device now, in bytes
     * @param logicalBlockSize of the device, in bytes
     */
    public Journal(Recorder recorder, LongSupplier size, int logicalBlockSize) {
        this.recorder = recorder;
        this.size = size;
        this.logicalBlockSize = logicalBlockSize;
    }

    /** Sets a mark; returns its number in the journal. The same text may be used again and then means the newest. */
    public long mark(String text) {
        return recorder.mark(text);
    }

    /** All entries there are, in order of their numbers: requests in the order in which they came. */
    public List<JournalEntry> entries() {
        return recorder.entries(0);
    }

    /**
     * The entries after a mark: requests that came after it was set.
     *
     * @throws IllegalArgumentException if the mark was not set
     * @throws IllegalStateException if some of these entries have been dropped
     */
    public List<JournalEntry> since(String mark) {
        return recorder.entries(complete(mark));
    }

    /**
     * The entries between two marks.
     *
     * @throws IllegalArgumentException if a mark was not set, or the second before the first
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

    /** The requests among {@link #entries()}. */
    public List<RequestEntry> requests() {
        return requests(entries());
    }

    /** The requests among {@link #since(String)}. */
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
                : "Set have been " + String.join(", ", marks.values()) + ".";
    }

    private long complete(String mark) {
        long sequence = sequence(mark);
        long lastDropped = recorder.lastDropped();
        if (lastDropped > sequence) {
            throw new IllegalStateException("Entries after the mark \"" + mark + "\", which is #" + sequence
                    + ", have been dropped, the last of them #" + lastDropped
                    + ". Set the mark nearer to what is looked at, make the device with more"
                    + " journalEntries(n), or use"
                    + " streamTo(file), which keeps all.");
        }
        return sequence;
    }

    /** How many entries have been dropped because newer ones took their places. */
    public long dropped() {
        return recorder.dropped();
    }

    /** Of how many requests the data have been dropped because newer ones took their places; see {@link Capture}. */
    public long droppedContents() {
        return recorder.droppedContents();
    }

    /** How many flushes have been completed with success. */
    public long flushEpoch() {
        return recorder.flushEpoch();
    }

    /** A copy of a write's data as they came, before any fault rule; if they are kept, see {@link Capture}. */
    public Optional<byte[]> content(RequestEntry request) {
        return recorder.content(request.sequence());
    }

    /** What is kept of the data of requests from now on, with at most {@link #DEFAULT_CONTENT_BYTES}. */
    public void capture(Capture capture) {
        capture(capture, DEFAULT_CONTENT_BYTES);
    }

    /**
     * What is kept of the data of requests from now on.
     *
     * <p>The kernel copies the data of writes right to where the journal keeps them, for one queue at a time per 8 MiB of the
     * limit: two with the default. A write of a further queue, or with a lower limit or with {@code maxIo} above 1 MiB, costs
     * one more copy.
     *
     * @param maxBytes how many bytes of data are kept at most, in steps of 1 MiB and at least the newest request's;
     *     outside the heap
     * @throws IllegalArgumentException if {@code maxBytes} is negative
     */
    public void capture(Capture capture, long maxBytes) {
        recorder.capture(capture, maxBytes);
    }

    /** The entries there are as text, one line each. */
    public String timeline() {
        StringBuilder text = new StringBuilder();
        if (dropped() > 0) {
            text.append("(").append(dropped()).append(" earlier entries have been dropped)\n");
        }
        return text.append(timeline(entries())).toString();
    }

    /** These entries as text, one line each. */
    public static String timeline(List<? extends JournalEntry> entries) {
        StringBuilder text = new StringBuilder();
        entries.forEach(entry -> text.append(entry).append('\n'));
        return text.toString();
    }

    /**
     * Writes the entries there are to a file, replacing it, one line each in the form that {@link #streamTo(Path)} says,
     * but in order of their numbers.
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
     * The entries there are as an SVG image: in the order in which they came, at their place on the device, with flushes,
     * marks, power cuts, and what fault rules did in red. What was not touched of the device may be left out.
     *
     * @param title what stands above it
     */
    public String picture(String title) {
        long lost = dropped();
        return JournalSvg.of(
                entries(),
                size.getAsLong(),
                lost == 0 ? title : title + " (" + lost + " earlier entries were dropped)");
    }

    /** Writes {@link #picture(String)} to a file, replacing it. */
    public void writePicture(Path file, String title) throws IOException {
        Files.writeString(file, picture(title));
    }

    /**
     * Writes each entry from now on to a file, replacing it, from a thread of its own: a request when it is answered.
     *
     * <p>The file is UTF-8. Lines that begin with {@code #} and a space are remarks. Any other is an entry: its
     * {@code toString()}, and of an answered request, after a tab, {@code order=} with its
     * {@linkplain RequestEntry#completionOrder() place among all answers}, {@code before=} with
     * {@linkplain RequestEntry#completedBefore() how many had been answered when it came}, {@code epoch=} with its
     * {@linkplain RequestEntry#flushEpoch() flush epoch}, and {@code hash=} with its {@linkplain ContentHash hash} in
     * hexadecimal, if there is one; separated by spaces.
     *
     * <p>Do not put the file on the device itself.
     *
     * @return what ends it; it also ends when the device is closed
     * @throws IOException if the file cannot be made
     */
    @CheckReturnValue
    public JournalStream streamTo(Path file) throws IOException {
        return new JournalStream(recorder, file);
    }

    /**
     * Writes what was written to the device in the format of the kernel's dm-log-writes: each write and discard when it
     * was no longer in the device's cache, which is when a flush that was issued after its completion had succeeded; FUA
     * writes when they were completed; flushes and marks; at the end what was still in the cache, and the mark
     * {@code dm-log-writes-end}. Of a request that failed in part, the parts that did not; what fault rules did to data is
     * not in it. A write-zeroes becomes a write of zeros.
     *
     * @param file replaced if it is there
     * @throws IllegalStateException if entries, or data of a write, have been dropped or were never kept: see
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
