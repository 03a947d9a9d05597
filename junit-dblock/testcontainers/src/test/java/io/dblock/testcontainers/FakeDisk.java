// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.journal.Capture;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** A disk without a kernel, whose filesystem is a directory. */
final class FakeDisk implements InvocationHandler {
    private final String name;
    private final List<String> log;
    private final Optional<Path> directory;
    private final FakeRecorder recorder = new FakeRecorder();
    private final Journal journal = new Journal(recorder, () -> 1 << 20, 512);
    private boolean powered = true;
    RuntimeException refusedCut;

    private FakeDisk(String name, List<String> log, Optional<Path> directory) {
        this.name = name;
        this.log = log;
        this.directory = directory;
    }

    /** Makes a disk. Without a directory it has no filesystem. */
    static BlockDevice of(String name, List<String> log, Optional<Path> directory) {
        return (BlockDevice) Proxy.newProxyInstance(
                FakeDisk.class.getClassLoader(),
                new Class<?>[] {BlockDevice.class},
                new FakeDisk(name, log, directory));
    }

    static FakeDisk behind(BlockDevice disk) {
        return (FakeDisk) Proxy.getInvocationHandler(disk);
    }

    void flush() {
        recorder.add(Operation.FLUSH);
    }

    void write() {
        recorder.add(Operation.WRITE);
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
        return switch (method.getName()) {
            case "name", "toString" -> name;
            case "path" -> Path.of("/dev", name);
            case "spec" ->
                new DeviceSpec(Map.of(
                        DeviceOption.NAME,
                        name,
                        DeviceOption.SIZE,
                        64L << 20,
                        DeviceOption.FILESYSTEM,
                        directory.isPresent() ? Filesystem.EXT4 : Filesystem.NONE));
            case "mount" -> directory.orElseThrow();
            case "powered" -> powered;
            case "journal" -> journal;
            case "powerCut" -> cut(arguments == null ? Survivors.NONE : (Survivors) arguments[0]);
            case "restorePower" -> {
                log.add("restore " + name);
                powered = true;
                yield null;
            }
            case "equals" -> proxy == arguments[0];
            case "hashCode" -> System.identityHashCode(proxy);
            default -> throw new UnsupportedOperationException(method.getName());
        };
    }

    private CutReport cut(Survivors survivors) {
        if (refusedCut != null) {
            throw refusedCut;
        }
        log.add("cut " + name);
        powered = false;
        return new CutReport(survivors, List.of());
    }

    /** A journal with requests of its own making. */
    private static final class FakeRecorder implements Recorder {
        private final long began = System.nanoTime();
        private final List<JournalEntry> entries = new ArrayList<>();
        private final Map<String, Long> marks = new LinkedHashMap<>();
        private long flushes;

        private synchronized void add(Operation operation) {
            long now = System.nanoTime() - began;
            long sequence = entries.size() + 1L;
            entries.add(new RequestEntry(
                    sequence,
                    now,
                    sequence - 1,
                    now,
                    sequence,
                    new RequestInfo(operation, 0, operation == Operation.FLUSH ? 0 : 512, Set.of(), 0),
                    List.of(),
                    List.of(),
                    flushes,
                    OptionalLong.empty()));
            if (operation == Operation.FLUSH) {
                flushes++;
            }
        }

        @Override
        public synchronized long mark(String text) {
            long sequence = entries.size() + 1L;
            entries.add(new MarkEntry(sequence, System.nanoTime() - began, sequence - 1, text));
            marks.put(text, sequence);
            return sequence;
        }

        @Override
        public synchronized List<JournalEntry> entries(long after) {
            return entries.stream().filter(entry -> entry.sequence() > after).toList();
        }

        @Override
        public synchronized long last() {
            return entries.size();
        }

        @Override
        public synchronized Map<String, Long> marks() {
            return Map.copyOf(marks);
        }

        @Override
        public Optional<byte[]> content(long sequence) {
            return Optional.empty();
        }

        @Override
        public long dropped() {
            return 0;
        }

        @Override
        public long lastDropped() {
            return 0;
        }

        @Override
        public long droppedContents() {
            return 0;
        }

        @Override
        public synchronized long flushEpoch() {
            return flushes;
        }

        @Override
        public void capture(Capture capture, long maxContentBytes) {}

        @Override
        public void subscribe(Listener listener) {}

        @Override
        public void unsubscribe(Listener listener) {}
    }
}
