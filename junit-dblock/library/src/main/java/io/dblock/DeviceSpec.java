// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.handler.ImageMode;
import io.dblock.handler.Zones;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * The properties of a device, without the code that answers its requests: plain data, immutable.
 * {@link BlockDevice.Builder} makes it. An option that was not set has its default.
 */
public final class DeviceSpec {

    /** The prefix of every device's name. */
    public static final String NAME_PREFIX = "dblock";

    private static final int MAX_PHYSICAL_BLOCK = 65536;
    private static final int MIN_IO = 4096;
    private static final int MAX_IO = 16 << 20;

    /** The values of all options that have one, in the order of the table. */
    private final Map<DeviceOption<?>, Object> values = new LinkedHashMap<>();

    /**
     * Adds the missing defaults, checks all values, and adds the prefix to a name that lacks it.
     *
     * @throws IllegalArgumentException if a value is out of range; the message has the value, what is allowed, and what
     *     to do
     */
    public DeviceSpec(Map<DeviceOption<?>, ?> said) {
        DeviceOption.all().forEach(option -> fill(option, said));
        String name = name();
        if (!name.isEmpty() && !name.startsWith(NAME_PREFIX)) {
            DeviceOption.NAME.put(values, NAME_PREFIX + name);
        }
        fillZero(DeviceOption.PHYSICAL_BLOCK_SIZE, logicalBlockSize());
        checkPhysicalBlock();
        fillZero(DeviceOption.IO_MIN, physicalBlockSize());
        checkIo();
        checkCache();
        checkSize();
        checkFilesystem();
        if (imageMode().filter(ImageMode.READ_ONLY::equals).isPresent()) {
            DeviceOption.READ_ONLY.put(values, true);
        }
        if (image().isEmpty()) {
            values.remove(DeviceOption.IMAGE_MODE);
        }
        checkZones();
    }

    private <T> void fill(DeviceOption<T> option, Map<DeviceOption<?>, ?> said) {
        option.in(said).or(option::defaultValue).ifPresent(value -> {
            option.check(value);
            option.put(values, value);
        });
    }

    private void fillZero(DeviceOption<Integer> option, int otherwise) {
        if (option.in(values).orElse(0) == 0) {
            option.put(values, otherwise);
        }
    }

    private void checkPhysicalBlock() {
        int bytes = physicalBlockSize();
        check(
                Integer.bitCount(bytes) == 1 && bytes >= logicalBlockSize() && bytes <= MAX_PHYSICAL_BLOCK,
                DeviceOption.PHYSICAL_BLOCK_SIZE,
                bytes,
                "powers of two from the logical block (" + logicalBlockSize() + ") to " + MAX_PHYSICAL_BLOCK
                        + ", or 0 for the logical block");
    }

    private void checkIo() {
        check(
                ioMin() > 0 && ioMin() % physicalBlockSize() == 0,
                DeviceOption.IO_MIN,
                ioMin(),
                "multiples of the physical block (" + physicalBlockSize() + "), or 0 for the physical block");
        check(
                ioOptimal() >= 0 && ioOptimal() % ioMin() == 0,
                DeviceOption.IO_OPTIMAL,
                ioOptimal(),
                "multiples of ioMin (" + ioMin() + "), or 0 for none");
        check(
                maxIo() >= MIN_IO && maxIo() <= MAX_IO && maxIo() % logicalBlockSize() == 0,
                DeviceOption.MAX_IO,
                maxIo(),
                "multiples of the logical block (" + logicalBlockSize() + ") from 4096 to 16777216 bytes");
    }

    private void checkCache() {
        check(
                !fua() || cache() == CacheMode.WRITE_BACK,
                DeviceOption.FUA,
                true,
                "false when cache is NONE: a device without a write cache gets no FUA. Use cache(WRITE_BACK)");
    }

    private void checkSize() {
        if (size() != 0 || image().isEmpty()) {
            check(
                    size() > 0 && size() % logicalBlockSize() == 0,
                    DeviceOption.SIZE,
                    size(),
                    "positive multiples of the logical block (" + logicalBlockSize()
                            + " bytes); give one with size(\"64MiB\") or @DblockDevice(size = \"64MiB\")");
        }
    }

    private void checkFilesystem() {
        if (filesystem() == Filesystem.NONE) {
            String allowed = "none when filesystem is NONE. Choose a filesystem";
            check(mkfsOptions().isEmpty(), DeviceOption.MKFS_OPTIONS, mkfsOptions(), allowed);
            check(mountOptions().isEmpty(), DeviceOption.MOUNT_OPTIONS, mountOptions(), allowed);
        }
    }

    private void checkZones() {
        if (zones().isEmpty()) {
            return;
        }
        Zones zones = zones().get();
        check(
                image().isEmpty(),
                DeviceOption.IMAGE,
                image().map(Path::toString).orElse(""),
                "none with zones: a zoned device is kept in memory");
        check(
                zones.size() >= maxIo(),
                DeviceOption.ZONE_SIZE,
                zones.size(),
                "at least maxIo (" + maxIo() + " bytes). Choose larger zones, or a smaller maxIo");
        check(
                size() % zones.size() == 0,
                DeviceOption.SIZE,
                size(),
                "multiples of the zone size (" + zones.size() + " bytes) of a zoned device");
        check(
                zones.conventional() < size() / zones.size(),
                DeviceOption.CONVENTIONAL_ZONES,
                zones.conventional(),
                "fewer than the " + size() / zones.size() + " zones there are");
    }

    private static void check(boolean good, DeviceOption<?> option, Object value, String allowed) {
        if (!good) {
            throw new IllegalArgumentException(option + " is " + value + ". Allowed: " + allowed + ".");
        }
    }

    private <T> T get(DeviceOption<T> option) {
        return option.in(values).orElseThrow();
    }

    /** Returns all values by option, in the order of the table. An option without a value is left out. */
    public Map<DeviceOption<?>, Object> values() {
        return Collections.unmodifiableMap(values);
    }

    /**
     * Returns the kernel's name for the device: 7 to 27 characters of {@code [A-Za-z0-9_-]} starting with
     * {@code dblock}, or empty if the kernel picks {@code dblock<N>}.
     */
    public String name() {
        return DeviceOption.NAME.in(values).orElse("");
    }

    /** Returns the size in bytes, a multiple of the logical block; 0 only with an image: the image's size. */
    public long size() {
        return DeviceOption.SIZE.in(values).orElse(0L);
    }

    /** Returns the logical block in bytes, a power of two, 512 to 4096. */
    public int logicalBlockSize() {
        return get(DeviceOption.LOGICAL_BLOCK_SIZE);
    }

    /** Returns the physical block in bytes, a power of two, the logical block to 65536. */
    public int physicalBlockSize() {
        return get(DeviceOption.PHYSICAL_BLOCK_SIZE);
    }

    /** Returns the preferred smallest I/O in bytes, a multiple of the physical block. */
    public int ioMin() {
        return get(DeviceOption.IO_MIN);
    }

    /** Returns the preferred I/O in bytes, a multiple of {@link #ioMin()}; 0: none reported. */
    public int ioOptimal() {
        return get(DeviceOption.IO_OPTIMAL);
    }

    /** Returns the number of hardware queues, 1 to 64; the kernel makes at most one per CPU. */
    public int queues() {
        return get(DeviceOption.QUEUES);
    }

    /** Returns how many requests can be under way per queue, 1 to 4096. */
    public int depth() {
        return get(DeviceOption.DEPTH);
    }

    /** Returns the largest read or write in bytes, 4096 to 16 MiB, a multiple of the logical block. */
    public int maxIo() {
        return get(DeviceOption.MAX_IO);
    }

    /** Returns whether the device refuses writes. */
    public boolean readOnly() {
        return get(DeviceOption.READ_ONLY);
    }

    /** Returns whether the device reports that it spins. */
    public boolean rotational() {
        return get(DeviceOption.ROTATIONAL);
    }

    /** Returns whether the device reports a volatile write cache. */
    public CacheMode cache() {
        return get(DeviceOption.CACHE);
    }

    /**
     * Returns whether the device handles FUA writes natively; needs {@link CacheMode#WRITE_BACK}. Otherwise the kernel
     * follows such a write with a flush.
     */
    public boolean fua() {
        return get(DeviceOption.FUA);
    }

    /** Returns whether the device reports that it can discard. */
    public boolean discard() {
        return get(DeviceOption.DISCARD);
    }

    /** Returns whether the device reports that it can write zeroes. */
    public boolean writeZeroes() {
        return get(DeviceOption.WRITE_ZEROES);
    }

    /** Returns whether pages must not change while they are written. */
    public boolean stableWrites() {
        return get(DeviceOption.STABLE_WRITES);
    }

    /**
     * Returns how long a request may be held before the kernel ends it with ETIMEDOUT, 1 ms to 24 h. For what an
     * application sees then, see {@link BlockDevice.Options#requestTimeout}.
     */
    public Duration requestTimeout() {
        return get(DeviceOption.REQUEST_TIMEOUT);
    }

    /** Returns what the device is formatted with. */
    public Filesystem filesystem() {
        return get(DeviceOption.FILESYSTEM);
    }

    /** Returns the further options of mkfs. */
    public List<String> mkfsOptions() {
        return DeviceOption.MKFS_OPTIONS.in(values).orElse(List.of());
    }

    /** Returns the further options of mount, each as after {@code -o}. */
    public List<String> mountOptions() {
        return DeviceOption.MOUNT_OPTIONS.in(values).orElse(List.of());
    }

    /** Returns the file that the device is made from. */
    public Optional<Path> image() {
        return DeviceOption.IMAGE.in(values);
    }

    /** Returns how the image is used; present if and only if there is an image. */
    public Optional<ImageMode> imageMode() {
        return image().map(file -> get(DeviceOption.IMAGE_MODE));
    }

    /**
     * Returns how many bytes of unflushed writes the volatile cache holds, at least 4096. It evicts older writes, which
     * are durable then.
     */
    public long cacheLimit() {
        return get(DeviceOption.CACHE_LIMIT);
    }

    /** Returns how many entries the journal keeps, a power of two, 1024 to 2^20. It drops older entries. */
    public int journalEntries() {
        return get(DeviceOption.JOURNAL_ENTRIES);
    }

    /** Returns the seed of all random choices; empty: a new one for each device. */
    public OptionalLong seed() {
        return DeviceOption.SEED.in(values).stream().mapToLong(Long::longValue).findAny();
    }

    /** Returns which process serves the device. */
    public Placement placement() {
        return get(DeviceOption.PLACEMENT);
    }

    /**
     * Returns the zones of a zoned device, which is kept in memory. It has neither discard nor write-zeroes, whatever
     * {@link #discard()} and {@link #writeZeroes()} return, and its size is a multiple of the zone size.
     */
    public Optional<Zones> zones() {
        long zoneSize = DeviceOption.ZONE_SIZE.in(values).orElse(0L);
        int conventional = get(DeviceOption.CONVENTIONAL_ZONES);
        int maxOpen = get(DeviceOption.MAX_OPEN_ZONES);
        int maxActive = get(DeviceOption.MAX_ACTIVE_ZONES);
        if (zoneSize != 0) {
            return Optional.of(new Zones(zoneSize, conventional, maxOpen, maxActive));
        }
        if (conventional != 0 || maxOpen != 0 || maxActive != 0) {
            throw new IllegalArgumentException("conventionalZones is " + conventional + ", maxOpenZones " + maxOpen
                    + " and maxActiveZones " + maxActive
                    + ", and no zoneSize is set. Allowed without one: none of these. Make the device zoned with"
                    + " zoneSize(\"4MiB\").");
        }
        return Optional.empty();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DeviceSpec spec && values.equals(spec.values);
    }

    @Override
    public int hashCode() {
        return values.hashCode();
    }

    @Override
    public String toString() {
        return values.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .collect(Collectors.joining(", ", "DeviceSpec[", "]"));
    }
}
