// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.DblockException;
import io.dblock.fault.Faults;
import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.kernel.Bounded;
import io.dblock.journal.Capture;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import io.dblock.power.CutReport;
import io.dblock.power.UnflushedWrite;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Knows the files of a device, and adds them to what is told of it. It looks at them before an unmount and a power cut,
 * when somebody asks what there was, and at marks, as long as that takes little time. It does not look while that could
 * change what the test sees. Safe for use by several threads.
 */
public final class DeviceFiles {
    /** How long a caller waits for a look. One that takes longer goes on and is used when it has ended. */
    private static final Duration WAIT = Duration.ofSeconds(2);
    /** How long a request waits for the filesystem to say where a file is. Usually it takes a fraction of a millisecond. */
    private static final Duration WHILE_WRITTEN = Duration.ofSeconds(1);
    /** How much of the time looks at marks may take: this, and a tenth of all time. */
    private static final long FREE_NANOS = 100_000_000;

    private static final int SHARE = 10;

    /** The filesystem that is looked at. */
    public interface Source {
        /** Returns where the filesystem is mounted; empty if it is not. */
        Optional<Path> point();

        /** Returns whether a look changes nothing that a test could see, and can end. */
        boolean mayLook();

        /** Looks at the filesystem. */
        FileMap look(Path point);

        /** Returns the filesystem's own parts. */
        FileMap parts(Path point);

        /**
         * Returns where the files are that {@code path} names, see {@link Place#of(String)}, without reading from the disk
         * if the kernel knows it.
         *
         * @throws IllegalArgumentException if the filesystem cannot say that while a file is written
         */
        List<Place> places(Path point, String path);

        /** Throws an IllegalArgumentException if no rule can be for a file of this filesystem. */
        void checkRules();
    }

    private final String name;
    private final Recorder recorder;
    private final Source source;
    private final FileHistory history = new FileHistory();
    private final long created = System.nanoTime();

    // Guarded by this.
    private Bounded<Boolean> running;
    private boolean ended;
    private boolean newlyMade;
    private long made;
    /** The last entry before the last look. */
    private long seen = -1;
    /** How long looks at marks have taken. */
    private long spent;

    /** {@code name} is the device's. */
    public DeviceFiles(String name, Recorder recorder, Source source) {
        this.name = name;
        this.recorder = recorder;
        this.source = source;
    }

    /** Makes the filesystem: what is in it from now on has nothing to do with what was there before. */
    public void format(Runnable making) {
        long begun = recorder.last();
        making.run();
        long done = recorder.last();
        history.formatted(begun, done);
        synchronized (this) {
            seen = -1;
            made = done;
            newlyMade = true;
        }
    }

    /** The filesystem was mounted. The first time belongs to its making, unless the test has set a mark before. */
    public void mounted() {
        synchronized (this) {
            if (!newlyMade) {
                return;
            }
            newlyMade = false;
        }
        try {
            long newest = recorder.last();
            boolean marked = recorder.marks().values().stream().anyMatch(mark -> mark > made());
            synchronized (this) {
                made = marked ? made : newest;
            }
        } catch (DblockException e) {
            // The server is gone, which the next call that needs it says.
        }
    }

    /** Returns the number of the last entry that belongs to the making of the filesystem and its first mount. */
    public synchronized long made() {
        return made;
    }

    /** The power is about to come back: what was seen before need not be on the disk. */
    public void cut() {
        history.cut(recorder.last());
    }

    /** Looks no more. */
    public synchronized void end() {
        ended = true;
    }

    /** Looks at the files. Throws nothing. */
    public void look() {
        look(Long.MAX_VALUE);
    }

    /** Looks at the files unless this has been done since the entry {@code newest}, the only one that is of interest. */
    private void look(long newest) {
        Bounded<Boolean> before;
        synchronized (this) {
            before = running;
        }
        if (before != null && !before.awaitEnd(WAIT)) {
            return;
        }
        Bounded<Boolean> look = start(newest);
        if (look != null) {
            boolean unused = look.awaitEnd(WAIT);
        }
    }

    /** Begins a look, unless another thread has just done so; returns null if there is nothing to look at. */
    private synchronized Bounded<Boolean> start(long newest) {
        Optional<Path> point = source.point();
        if (ended || point.isEmpty() || newest <= seen) {
            return null;
        }
        if (running == null || running.awaitEnd(Duration.ZERO)) {
            running = Bounded.start("looking at the files of " + name, () -> lookNow(point.get()));
        }
        return running;
    }

    /** Returns whether it has looked. An exception means that the server is gone; nobody sees it. */
    private boolean lookNow(Path point) {
        long begun = recorder.last();
        if (!source.mayLook()) {
            return false;
        }
        if (!history.hasParts()) {
            history.parts(source.parts(point));
        }
        FileMap map = source.look(point);
        if (!map.equals(FileMap.UNKNOWN)) {
            history.add(begun, recorder.last(), map);
        }
        synchronized (this) {
            seen = begun;
        }
        return true;
    }

    private void lookAtMark() {
        long begun = System.nanoTime();
        synchronized (this) {
            if (spent > FREE_NANOS + (begun - created) / SHARE) {
                return;
            }
        }
        look();
        synchronized (this) {
            spent += System.nanoTime() - begun;
        }
    }

    /** Returns a recorder that looks at the files at marks, and says of each request which files it was about. */
    public Recorder recorder() {
        return new Named();
    }

    /** Returns these rules, which then can be for a file. */
    public Faults faults(Faults rules) {
        return new FileFaults(this, rules);
    }

    /** Returns whether a request is on this file, asked while the request waits for the answer. */
    Predicate<RequestInfo> onFile(String path) {
        source.checkRules();
        Predicate<Place> named = Place.of(path);
        look();
        return request -> hasRange(request.operation()) && isOn(request, path, named);
    }

    private boolean isOn(RequestInfo request, String path, Predicate<Place> named) {
        Optional<Path> point = source.point();
        if (point.isEmpty()) {
            return false;
        }
        Bounded<List<Place>> now =
                Bounded.start("looking for " + path + " on " + name, () -> source.places(point.get(), path));
        Optional<List<Place>> places = now.resultBy(System.nanoTime() + WHILE_WRITTEN.toNanos());
        // While a direct write makes the file longer, the filesystem does not answer before the write has ended.
        return places
                .orElseGet(() -> history.latest(request.offset(), request.length()).stream()
                        .filter(named)
                        .toList())
                .stream()
                .anyMatch(place -> place.offset() < request.end() && request.offset() < place.end());
    }

    private static boolean hasRange(Operation operation) {
        return switch (operation) {
            case READ, WRITE, WRITE_ZEROES, DISCARD -> true;
            default -> false;
        };
    }

    private List<Place> places(long sequence, Operation operation, long offset, long length) {
        return hasRange(operation) ? history.places(sequence, offset, length) : List.of();
    }

    /** Returns these writes with their files. */
    public List<UnflushedWrite> unflushed(List<UnflushedWrite> writes) {
        if (!writes.isEmpty()) {
            look();
        }
        return writes.stream()
                .map(write ->
                        write.withPlaces(places(write.sequence(), write.operation(), write.offset(), write.length())))
                .toList();
    }

    /** Returns this report with the files of its writes. */
    public CutReport report(CutReport report) {
        return new CutReport(
                report.survivors(),
                report.writes().stream()
                        .map(write -> write.withPlaces(
                                places(write.sequence(), write.operation(), write.offset(), write.length())))
                        .toList());
    }

    private JournalEntry named(JournalEntry entry) {
        if (!(entry instanceof RequestEntry request)) {
            return entry;
        }
        List<Place> places = places(
                request.sequence(),
                request.info().operation(),
                request.info().offset(),
                request.info().length());
        return places.isEmpty() ? entry : request.withPlaces(places);
    }

    private final class Named implements Recorder {
        @Override
        public long mark(String text) {
            lookAtMark();
            return recorder.mark(text);
        }

        @Override
        public List<JournalEntry> entries(long after) {
            List<JournalEntry> entries = recorder.entries(after);
            if (!entries.isEmpty()) {
                look(entries.get(entries.size() - 1).sequence());
            }
            return history.isEmpty()
                    ? entries
                    : entries.stream().map(DeviceFiles.this::named).toList();
        }

        @Override
        public long last() {
            return recorder.last();
        }

        @Override
        public Map<String, Long> marks() {
            return recorder.marks();
        }

        @Override
        public Optional<byte[]> content(long sequence) {
            return recorder.content(sequence);
        }

        @Override
        public long dropped() {
            return recorder.dropped();
        }

        @Override
        public long lastDropped() {
            return recorder.lastDropped();
        }

        @Override
        public long droppedContents() {
            return recorder.droppedContents();
        }

        @Override
        public long flushEpoch() {
            return recorder.flushEpoch();
        }

        @Override
        public void capture(Capture capture, long maxContentBytes) {
            recorder.capture(capture, maxContentBytes);
        }

        @Override
        public void subscribe(Listener listener) {
            recorder.subscribe(listener);
        }

        @Override
        public void unsubscribe(Listener listener) {
            recorder.unsubscribe(listener);
        }
    }
}
