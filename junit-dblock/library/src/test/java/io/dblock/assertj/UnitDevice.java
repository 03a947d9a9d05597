// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import io.dblock.BlockDevice;
import io.dblock.DeviceSpec;
import io.dblock.DeviceStatistics;
import io.dblock.Filesystem;
import io.dblock.PowerDomain;
import io.dblock.Snapshot;
import io.dblock.fault.Faults;
import io.dblock.fault.Unproven;
import io.dblock.handler.Place;
import io.dblock.internal.fault.UnitDisk;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A device without a kernel: what assertions look at is real, see {@link UnitDisk}; there is no node and no filesystem. */
final class UnitDevice implements BlockDevice {
    final UnitDisk disk;
    private final String name;
    private Filesystem filesystem = Filesystem.NONE;
    private Journal journal;
    private List<Place> places = List.of();

    UnitDevice(String name, long size) {
        this(name, new UnitDisk(size));
    }

    UnitDevice(String name, UnitDisk disk) {
        this.name = name;
        this.disk = disk;
        journal = disk.journal();
    }

    /** Makes the device have files at these places. */
    void haveFiles(Place... files) {
        filesystem = Filesystem.EXT4;
        places = List.of(files);
        Recorder named = (Recorder) Proxy.newProxyInstance(
                UnitDevice.class.getClassLoader(), new Class<?>[] {Recorder.class}, (proxy, method, arguments) -> {
                    Object result = method.invoke(disk.recorder(), arguments);
                    return method.getName().equals("entries") ? named((List<?>) result) : result;
                });
        journal = new Journal(named, this::size, logicalBlockSize());
    }

    private List<JournalEntry> named(List<?> entries) {
        return entries.stream()
                .map(entry -> entry instanceof RequestEntry request
                        ? request.withPlaces(
                                placesAt(request.info().offset(), request.info().length()))
                        : (JournalEntry) entry)
                .toList();
    }

    private List<Place> placesAt(long offset, long length) {
        return places.stream()
                .filter(place -> place.offset() < offset + length && offset < place.end())
                .map(place -> {
                    long from = Math.max(offset, place.offset());
                    long to = Math.min(offset + length, place.end());
                    return new Place(
                            from, to - from, place.kind(), place.name(), place.inside() + from - place.offset());
                })
                .toList();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public long size() {
        return disk.size();
    }

    @Override
    public int logicalBlockSize() {
        return disk.logicalBlockSize();
    }

    @Override
    public int physicalBlockSize() {
        return disk.logicalBlockSize();
    }

    @Override
    public Faults faults() {
        return disk.faults();
    }

    @Override
    public Journal journal() {
        return journal;
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return disk.unflushed().stream()
                .map(write -> write.withPlaces(placesAt(write.offset(), write.length())))
                .toList();
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
    public long seed() {
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
    public Snapshot snapshot() {
        byte[] content = disk.content(0, (int) disk.size());
        return new Snapshot() {
            @Override
            public long size() {
                return content.length;
            }

            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(content, (int) offset, dst.remaining());
            }

            @Override
            public BlockDevice fork() {
                throw notHere();
            }

            @Override
            public void save(Path file) {
                throw notHere();
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public void close() {
        disk.close();
    }

    private static UnsupportedOperationException notHere() {
        return new UnsupportedOperationException("This device has no kernel.");
    }

    @Override
    public Snapshot snapshot(Survivors survivors) {
        throw notHere();
    }

    @Override
    public DeviceSpec spec() {
        return BlockDevice.builder().size(size()).filesystem(filesystem).spec();
    }

    @Override
    public Path path() {
        throw notHere();
    }

    @Override
    public void format() {
        throw notHere();
    }

    @Override
    public Path mount() {
        throw notHere();
    }

    @Override
    public Optional<Path> mountPoint() {
        return Optional.of(Path.of("/mnt/disk"));
    }

    @Override
    public void unmount() {
        throw notHere();
    }

    @Override
    public Path remount() {
        throw notHere();
    }

    @Override
    public FileChannel openChannel() {
        throw notHere();
    }

    @Override
    public void syncNames() {
        throw notHere();
    }

    @Override
    public void fill(long leaveBytes) {
        throw notHere();
    }

    @Override
    public void fillInodes() {
        throw notHere();
    }

    @Override
    public void free() {
        throw notHere();
    }

    @Override
    public void resize(long bytes) {
        throw notHere();
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        throw notHere();
    }

    @Override
    public void dropCaches() {
        throw notHere();
    }

    @Override
    public DeviceStatistics statistics() {
        throw notHere();
    }

    @Override
    public List<Throwable> handlerFailures() {
        throw notHere();
    }

    @Override
    public List<Unproven> unproven() {
        throw notHere();
    }

    @Override
    public void closeForks() {
        throw notHere();
    }

    @Override
    public List<String> incidents() {
        throw notHere();
    }

    @Override
    public void unplug() {
        throw notHere();
    }
}
