// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.BlockDeviceProvider;
import io.dblock.DblockException;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import io.dblock.DeviceStatistics;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.ModuleUnavailableException;
import io.dblock.PowerDomain;
import io.dblock.Snapshot;
import io.dblock.fault.Faults;
import io.dblock.fault.Unproven;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.fault.UnitDisk;
import io.dblock.journal.Journal;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Devices without a kernel, for tests of the extensions. They record what is done with them, and fail if a test asks for
 * it. One lab at a time; several threads can use its devices.
 */
final class FakeLab {
    private static volatile FakeLab current = new FakeLab();

    /** What happened, in order: "create dblock0", "mount dblock0", "close dblock0", and entries of tests. */
    final List<String> log = new CopyOnWriteArrayList<>();
    /** The options that the builder got for each device, by device name: option to values. */
    final Map<String, Map<String, List<Object>>> built = new ConcurrentHashMap<>();

    /** The disk behind each device, by device name. Tests make requests to these disks. */
    final Map<String, UnitDisk> disks = new ConcurrentHashMap<>();

    final Set<String> open = ConcurrentHashMap.newKeySet();
    final Set<String> leaking = ConcurrentHashMap.newKeySet();
    /** The methods that do not answer once a test has called {@link #fallSilent()}. */
    final Set<String> silent = ConcurrentHashMap.newKeySet();
    /** The silent methods that were called all the same. */
    final List<String> asked = new CopyOnWriteArrayList<>();

    final Set<String> mountedForks = ConcurrentHashMap.newKeySet();
    final Set<String> unmountable = ConcurrentHashMap.newKeySet();
    final Map<String, List<Throwable>> handlerFailures = new ConcurrentHashMap<>();
    final Map<String, List<String>> incidents = new ConcurrentHashMap<>();
    private volatile boolean fallenSilent;
    /** Where the mount points are. Only if a test sets this, they are directories that exist. */
    volatile Optional<Path> mounts = Optional.empty();

    /** What a device does until it is finished. If it throws, the device is closed. */
    volatile Consumer<BlockDevice> finishing = device -> {};

    volatile String unavailable;
    volatile int failingCreation = -1;
    private int created;

    static FakeLab fresh() {
        current = new FakeLab();
        return current;
    }

    static FakeLab current() {
        return current;
    }

    /** Returns the disk behind this device of the current lab. */
    static UnitDisk disk(BlockDevice device) {
        return current.disks.get(device.name());
    }

    /** Makes the devices not answer the {@link #silent} methods from now on. */
    static void fallSilent() {
        current.fallenSilent = true;
    }

    static void note(String what) {
        current.log.add(what);
    }

    /** Named in {@link Devices#PROVIDER}. */
    static final class Provider implements BlockDeviceProvider {
        private final FakeLab lab = current;

        @Override
        public void requireAvailable() {
            lab.log.add("probe");
            if (lab.unavailable != null) {
                throw new ModuleUnavailableException(lab.unavailable);
            }
        }

        @Override
        public BlockDevice.Builder builder() {
            return lab.new FakeBuilder();
        }

        @Override
        public Supplier<BlockDevice> begin(BlockDevice.Builder builder) {
            BlockDevice device = builder.create();
            return () -> {
                boolean done = false;
                try {
                    lab.finishing.accept(device);
                    done = true;
                    return device;
                } finally {
                    if (!done) {
                        device.close();
                    }
                }
            };
        }

        @Override
        public PowerDomain powerDomain(List<BlockDevice> devices) {
            throw new UnsupportedOperationException("the extensions make none");
        }
    }

    private final class FakeBuilder implements BlockDevice.Builder {
        private final Map<String, List<Object>> told = new TreeMap<>();

        @Override
        public <T> FakeBuilder set(DeviceOption<T> option, T value) {
            told.put(option.name(), value instanceof List<?> texts ? List.copyOf(texts) : List.of(value));
            return this;
        }

        @Override
        public FakeBuilder handler(BlockHandler handler) {
            told.put("handler", List.of(handler));
            return this;
        }

        @Override
        public FakeBuilder handler(RequestHandler handler) {
            told.put("handler", List.of(handler));
            return this;
        }

        @Override
        public FakeBuilder spec(DeviceSpec spec) {
            throw new UnsupportedOperationException("the extensions have none");
        }

        @Override
        public DeviceSpec spec() {
            throw new UnsupportedOperationException("the extensions ask for none");
        }

        @Override
        public BlockDevice create() {
            return FakeLab.this.create(told);
        }
    }

    private synchronized BlockDevice create(Map<String, List<Object>> calls) {
        if (unavailable != null) {
            throw new ModuleUnavailableException(unavailable);
        }
        int number = created++;
        if (number == failingCreation) {
            throw new DblockException("mkfs.ext4 is missing");
        }
        FakeDevice device = new FakeDevice("dblock" + number, calls);
        built.put(device.name, calls);
        open.add(device.name);
        log.add("create " + device.name);
        return device;
    }

    private final class FakeDevice implements BlockDevice {
        private final String name;
        private final Map<String, List<Object>> calls;
        private final UnitDisk disk;
        private boolean mounted;

        @SuppressWarnings("unchecked")
        private <T> T told(String option, T otherwise) {
            return calls.containsKey(option) ? (T) calls.get(option).get(0) : otherwise;
        }

        private Filesystem filesystem() {
            return told("filesystem", Filesystem.NONE);
        }

        FakeDevice(String name, Map<String, List<Object>> calls) {
            this.name = name;
            this.calls = calls;
            disk = new UnitDisk(size(), 1024, told("seed", 4711L));
            disks.put(name, disk);
        }

        @Override
        public DeviceSpec spec() {
            return new DeviceSpec(
                    Map.of(DeviceOption.NAME, name, DeviceOption.SIZE, size(), DeviceOption.FILESYSTEM, filesystem()));
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public Path path() {
            return Path.of("/dev", name);
        }

        @Override
        public long size() {
            return told("size", 1L << 20);
        }

        @Override
        public int logicalBlockSize() {
            return 512;
        }

        @Override
        public int physicalBlockSize() {
            return 512;
        }

        @Override
        public void format() {
            log.add("format " + name);
        }

        @Override
        public Path mount() {
            if (filesystem() == Filesystem.NONE) {
                throw new IllegalStateException("no filesystem");
            }
            if (unmountable.contains(name)) {
                throw new DblockException("mount: wrong fs type");
            }
            log.add("mount " + name);
            mounted = true;
            try {
                return mounts.isPresent() ? Files.createDirectories(point()) : point();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private Path point() {
            return mounts.orElse(Path.of("/mnt")).resolve(name);
        }

        @Override
        public Optional<Path> mountPoint() {
            return mounted ? Optional.of(point()) : Optional.empty();
        }

        @Override
        public void unmount() {
            mounted = false;
        }

        @Override
        public Path remount() {
            return mount();
        }

        @Override
        public FileChannel openChannel() {
            try {
                Path file = Files.createTempFile("dblock", ".fake");
                log.add("open " + name);
                return FileChannel.open(
                        file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void resize(long bytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void setReadOnly(boolean readOnly) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void syncNames() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void fill(long leaveBytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void fillInodes() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void free() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void dropCaches() {}

        @Override
        public DeviceStatistics statistics() {
            return new DeviceStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0);
        }

        private void answer(String question) {
            if (!fallenSilent) {
                return;
            }
            asked.add(question);
            if (silent.contains(question)) {
                throw new DblockException("the server is gone");
            }
        }

        private UnsupportedOperationException notHere() {
            return new UnsupportedOperationException("A fake device has no snapshots.");
        }

        @Override
        public Faults faults() {
            answer("faults");
            return disk.faults();
        }

        @Override
        public Journal journal() {
            answer("journal");
            return disk.journal();
        }

        @Override
        public long seed() {
            answer("seed");
            return disk.faults().seed();
        }

        @Override
        public CutReport powerCut(Survivors survivors) {
            return disk.cut(survivors);
        }

        @Override
        public void restorePower() {
            disk.restore();
        }

        @Override
        public Optional<PowerDomain> powerDomain() {
            return Optional.empty();
        }

        @Override
        public boolean powered() {
            return disk.powered();
        }

        @Override
        public List<UnflushedWrite> unflushed() {
            return disk.unflushed();
        }

        @Override
        public Snapshot snapshot() {
            throw notHere();
        }

        @Override
        public Snapshot snapshot(Survivors survivors) {
            throw notHere();
        }

        @Override
        public List<Throwable> handlerFailures() {
            answer("handlerFailures");
            return handlerFailures.getOrDefault(name, List.of());
        }

        @Override
        public List<Unproven> unproven() {
            answer("unproven");
            List<Unproven> all = new ArrayList<>();
            disk.neverActed()
                    .forEach(one -> all.add(
                            one.of(name, disk.faults().armedAt(one.rule().name()))));
            disk.faults()
                    .unarmed()
                    .forEach(rule -> all.add(new Unproven(Unproven.Kind.RULE_WITHOUT_ACTION, name + ": " + rule)));
            return all;
        }

        @Override
        public void closeForks() {
            if (mountedForks.contains(name)) {
                log.add("close forks of " + name);
                throw new LeakException(
                        "Forks of " + name + " were still in use", List.of("dblock99, was still mounted at /mnt/fork"));
            }
        }

        @Override
        public List<String> incidents() {
            answer("incidents");
            return incidents.getOrDefault(name, List.of());
        }

        @Override
        public void unplug() {
            log.add("unplug " + name);
        }

        @Override
        public void close() {
            log.add("close " + name + (Thread.currentThread().isInterrupted() ? " interrupted" : ""));
            if (!open.remove(name)) {
                throw new AssertionError(name + " was closed twice");
            }
            disk.close();
            if (leaking.contains(name)) {
                throw new LeakException(
                        name + " was still in use", new ArrayList<>(List.of("pid 4711 (cat): /mnt/file")));
            }
        }
    }
}
