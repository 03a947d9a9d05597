// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.handler.ImageMode;
import io.dblock.handler.Zones;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * The properties of a device: plain data, everything but the code that answers its requests.
 * {@link BlockDevice.Builder} makes it and has the defaults.
 *
 * @param name the kernel's name for the device, 7 to 27 characters of {@code [A-Za-z0-9_-]} starting with
 *     {@code dblock}; empty: the kernel picks {@code dblock<N>}. The constructor also accepts a name without the prefix
 * @param size bytes, a multiple of the logical block; 0 only with an image: the image's size
 * @param logicalBlockSize bytes, a power of two, 512 to 4096
 * @param physicalBlockSize bytes, a power of two, the logical block to 65536; 0: the logical block
 * @param ioMin preferred smallest I/O, bytes, a multiple of the physical block; 0: the physical block
 * @param ioOptimal preferred I/O, bytes, a multiple of {@code ioMin}; 0: none reported
 * @param queues hardware queues, 1 to 64; the kernel makes at most one per CPU
 * @param depth requests under way per queue, 1 to 4096
 * @param maxIo bytes in one read or write, 4096 to 16 MiB, a multiple of the logical block
 * @param readOnly whether the device refuses writes
 * @param rotational whether the device reports that it spins
 * @param cache whether the device reports a volatile write cache
 * @param fua whether the device handles FUA writes natively; needs {@link CacheMode#WRITE_BACK}. Otherwise the kernel
 *     follows such a write with a flush
 * @param discard whether the device reports that it can discard
 * @param writeZeroes whether the device reports that it can write zeroes
 * @param stableWrites whether pages must not change while they are written
 * @param requestTimeout how long a request may be held before the kernel ends it with ETIMEDOUT, 1 ms to 24 h. For what
 *     an application sees then, see {@link BlockDevice.Builder#requestTimeout}
 * @param filesystem what the device is formatted with
 * @param mkfsOptions further options of mkfs
 * @param mountOptions further options of mount, each as after {@code -o}
 * @param image the file that the device is made from
 * @param imageMode how the image is used; present if and only if there is an image
 * @param cacheLimit how many bytes of unflushed writes the volatile cache holds, at least 4096; it evicts older writes,
 *     which are durable then
 * @param journalEntries how many entries the journal keeps, a power of two, 1024 to 2^20; it drops older entries
 * @param seed the seed of all random choices; empty: a new one for each device
 * @param placement which process serves the device
 * @param zones the zones of a zoned device, which is kept in memory. It has neither discard nor write-zeroes, whatever
 *     {@code discard} and {@code writeZeroes} are, and its size is a multiple of the zone size
 */
public record DeviceSpec(
        String name,
        long size,
        int logicalBlockSize,
        int physicalBlockSize,
        int ioMin,
        int ioOptimal,
        int queues,
        int depth,
        int maxIo,
        boolean readOnly,
        boolean rotational,
        CacheMode cache,
        boolean fua,
        boolean discard,
        boolean writeZeroes,
        boolean stableWrites,
        Duration requestTimeout,
        Filesystem filesystem,
        List<String> mkfsOptions,
        List<String> mountOptions,
        Optional<Path> image,
        Optional<ImageMode> imageMode,
        long cacheLimit,
        int journalEntries,
        OptionalLong seed,
        Placement placement,
        Optional<Zones> zones) {

    /** The prefix of every device's name. */
    public static final String NAME_PREFIX = "dblock";

    private static final Pattern NAME = Pattern.compile("dblock[A-Za-z0-9_-]{1,21}");
    private static final int MAX_PHYSICAL_BLOCK = 65536;
    private static final int MIN_IO = 4096;
    private static final int MAX_IO = 16 << 20;
    private static final Duration MAX_TIMEOUT = Duration.ofHours(24);

    /**
     * Checks all values and adds the prefix to a name that lacks it.
     *
     * @throws IllegalArgumentException if a value is out of range; the message has the value, what is allowed, and what
     *     to do
     */
    public DeviceSpec {
        if (!name.isEmpty()) {
            String full = name.startsWith(NAME_PREFIX) ? name : NAME_PREFIX + name;
            check(
                    NAME.matcher(full).matches() && !full.equals("dblockctl"),
                    "name",
                    name,
                    "letters, digits, _ and -, at most 27 of them with the prefix \"dblock\" (21 without), and not \"ctl\"");
            name = full;
        }
        check(
                isPowerOfTwo(logicalBlockSize) && logicalBlockSize >= 512 && logicalBlockSize <= 4096,
                "logicalBlockSize",
                logicalBlockSize,
                "512, 1024, 2048 and 4096");
        if (physicalBlockSize == 0) {
            physicalBlockSize = logicalBlockSize;
        }
        check(
                isPowerOfTwo(physicalBlockSize)
                        && physicalBlockSize >= logicalBlockSize
                        && physicalBlockSize <= MAX_PHYSICAL_BLOCK,
                "physicalBlockSize",
                physicalBlockSize,
                "powers of two from the logical block (" + logicalBlockSize + ") to " + MAX_PHYSICAL_BLOCK
                        + ", or 0 for the logical block");
        if (ioMin == 0) {
            ioMin = physicalBlockSize;
        }
        check(
                ioMin > 0 && ioMin % physicalBlockSize == 0,
                "ioMin",
                ioMin,
                "multiples of the physical block (" + physicalBlockSize + "), or 0 for the physical block");
        check(
                ioOptimal >= 0 && ioOptimal % ioMin == 0,
                "ioOptimal",
                ioOptimal,
                "multiples of ioMin (" + ioMin + "), or 0 for none");
        check(queues >= 1 && queues <= 64, "queues", queues, "1 to 64");
        check(depth >= 1 && depth <= 4096, "depth", depth, "1 to 4096");
        check(
                maxIo >= MIN_IO && maxIo <= MAX_IO && maxIo % logicalBlockSize == 0,
                "maxIo",
                maxIo,
                "multiples of the logical block (" + logicalBlockSize + ") from 4096 to 16777216 bytes");
        check(
                requestTimeout.compareTo(Duration.ofMillis(1)) >= 0 && requestTimeout.compareTo(MAX_TIMEOUT) <= 0,
                "requestTimeout",
                requestTimeout,
                "1 ms to 24 h");
        check(
                !fua || cache == CacheMode.WRITE_BACK,
                "fua",
                "true",
                "false when cache is NONE: a device without a write cache gets no FUA. Use cache(WRITE_BACK)");
        check(image.isPresent() == imageMode.isPresent(), "imageMode", imageMode, "a mode with an image, none without");
        if (size != 0 || image.isEmpty()) {
            check(
                    size > 0 && size % logicalBlockSize == 0,
                    "size",
                    size,
                    "positive multiples of the logical block (" + logicalBlockSize
                            + " bytes); give one with size(\"64MiB\") or @DblockDevice(size = \"64MiB\")");
        }
        check(cacheLimit >= 4096, "cacheLimit", cacheLimit, "at least 4096 bytes");
        check(
                isPowerOfTwo(journalEntries) && journalEntries >= 1024 && journalEntries <= 1 << 20,
                "journalEntries",
                journalEntries,
                "powers of two from 1024 to 1048576; journal().streamTo(file) keeps all");
        mkfsOptions = List.copyOf(mkfsOptions);
        mountOptions = List.copyOf(mountOptions);
        check(
                filesystem != Filesystem.NONE || mkfsOptions.isEmpty(),
                "mkfsOptions",
                mkfsOptions,
                "none when filesystem is NONE. Choose a filesystem");
        check(
                mountOptions.stream().noneMatch(o -> o.isBlank() || o.startsWith("-")),
                "mountOptions",
                mountOptions,
                "options as after mount's -o, such as \"discard\" or \"data=journal\"");
        check(
                filesystem != Filesystem.NONE || mountOptions.isEmpty(),
                "mountOptions",
                mountOptions,
                "none when filesystem is NONE. Choose a filesystem");
        if (imageMode.filter(ImageMode.READ_ONLY::equals).isPresent()) {
            readOnly = true;
        }
        if (zones.isPresent()) {
            checkZones(zones.get(), size, maxIo, image);
        }
    }

    private static void checkZones(Zones zones, long size, int maxIo, Optional<Path> image) {
        check(image.isEmpty(), "image", image, "none with zones: a zoned device is kept in memory");
        check(
                zones.size() >= maxIo,
                "zoneSize",
                zones.size(),
                "at least maxIo (" + maxIo + " bytes). Choose larger zones, or a smaller maxIo");
        check(
                size % zones.size() == 0,
                "size",
                size,
                "multiples of the zone size (" + zones.size() + " bytes) of a zoned device");
        check(
                zones.conventional() < size / zones.size(),
                "conventionalZones",
                zones.conventional(),
                "fewer than the " + size / zones.size() + " zones there are");
    }

    private static boolean isPowerOfTwo(int value) {
        return value > 0 && Integer.bitCount(value) == 1;
    }

    private static void check(boolean good, String what, Object value, String allowed) {
        if (!good) {
            throw new IllegalArgumentException(what + " is " + value + ". Allowed: " + allowed + ".");
        }
    }
}
