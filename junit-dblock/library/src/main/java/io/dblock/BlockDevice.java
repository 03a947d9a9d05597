// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.fault.Faults;
import io.dblock.fault.Unproven;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import io.dblock.handler.RequestHandler;
import io.dblock.journal.Journal;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A Linux block device whose requests are answered by Java code.
 *
 * <pre>{@code
 * try (BlockDevice disk = BlockDevice.builder().size("64MiB").filesystem(Filesystem.EXT4).create()) {
 *     Files.writeString(disk.mount().resolve("hello"), "world");
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads. Mounting, unmounting, filling and closing exclude each other.
 */
public interface BlockDevice extends AutoCloseable {

    /** Returns a builder with the default settings. */
    @CheckReturnValue
    static Builder builder() {
        return BlockDeviceProvider.instance().builder();
    }

    /** Returns the spec the device was made from, with its actual name and its current size and write protection. */
    DeviceSpec spec();

    /** Returns the kernel's name for the device, such as {@code dblock0}. */
    String name();

    /** Returns the path of the device node, such as {@code /dev/dblock0}. */
    Path path();

    /** Returns the current size in bytes. */
    long size();

    /** Returns the smallest unit of reads and writes, in bytes. */
    int logicalBlockSize();

    /** Returns the smallest unit written without read-modify-write, in bytes. */
    int physicalBlockSize();

    /**
     * Makes the filesystem of the spec on the device and overwrites what is there.
     *
     * @throws IllegalStateException if the spec has no filesystem, if the device is mounted, read-only or closed, or if
     *     its power is off
     * @throws IllegalArgumentException if the device is smaller than {@link Filesystem#minimumSize()} and the spec has
     *     no mkfs options
     * @throws DblockException if mkfs is missing or fails; the message has its output
     */
    void format();

    /**
     * Mounts the filesystem on a private directory and returns the mount point. Further calls return the same path.
     * While the device is not mounted, nothing can be written to that directory: an empty read-only tmpfs is mounted
     * beneath the device.
     *
     * @throws IllegalStateException if the spec has no filesystem, if the device is closed, or if its power is off:
     *     only {@link #restorePower()} restores that
     * @throws DblockException if the mount fails; the message says why. If a fault rule has cut the power meanwhile, the
     *     message names the rule
     */
    Path mount();

    /** Returns where {@link #mount()} has mounted the device; empty if it is not mounted. */
    Optional<Path> mountPoint();

    /**
     * Unmounts the device. Does nothing if it is not mounted. If the mount is busy, waits about 5 s for that to end, or
     * up to 60 s if nothing that uses it can be found. As with umount(8), data that cannot be written back is lost
     * without an error.
     *
     * @throws LeakException if the mount stays busy; names what uses it. The device is then still mounted
     * @throws IllegalStateException if the device is closed
     * @throws DblockException if the unmount fails, or the disk does not answer
     */
    void unmount();

    /**
     * Unmounts the device, drops all its cached data and mounts it again. Later reads come from the device. Fails as
     * {@link #unmount()} and {@link #mount()} do. Cached data of the node that could not be written is not an error,
     * see {@link #dropCaches()}.
     *
     * @throws IllegalStateException if the spec has no filesystem, if the device is closed, or if its power is off
     */
    Path remount();

    /**
     * Opens the node for direct I/O (O_DIRECT), for reading and, unless the device is read-only, for writing. Positions
     * and lengths must be multiples of the logical block. Any buffer will do; a direct buffer aligned to 512 bytes
     * saves a copy. The channel can neither map nor lock. The caller closes it.
     *
     * @throws IllegalStateException if the device is closed
     */
    @CheckReturnValue
    FileChannel openChannel();

    /**
     * Writes dirty pages to the device and drops what the kernel has cached of it, including files of a mounted
     * filesystem. Pages that are mapped or in use stay.
     *
     * <p>Data that the kernel cannot write, now or in an earlier attempt, is dropped, too: later reads return what the
     * device has. This call does not report that as an error, but it uses up the error that the kernel reports once: an
     * fsync through a file opened later does not report it. {@link #incidents()} reports the loss instead.
     *
     * @throws IllegalStateException if the device is closed
     * @throws DblockException if the caches cannot be dropped because privileges are missing or the disk is gone
     */
    void dropCaches();

    /**
     * Makes the names in the mounted filesystem durable, and not the data of its files. What was created, renamed,
     * linked or removed before this call survives a power cut. A file that was written since and not synced is there
     * with its name, and without these data.
     *
     * <p>A filesystem does this by itself: ext4 every 5 s, XFS and btrfs every 30 s. On ext4 and XFS, an fsync of any
     * other file does it, too. On btrfs it does not, so this call commits the running transaction there.
     *
     * <p>Data that the kernel has written to the device before become durable with the names, as with every flush. The
     * change time of the filesystem's root directory changes on ext4 and XFS.
     *
     * @throws IllegalStateException if the device is not mounted, has no filesystem, or is closed; if the filesystem is
     *     mounted read-only; or if the power is off
     * @throws DblockException if a write or a flush fails, or the disk does not answer
     */
    void syncNames();

    /**
     * Fills the mounted filesystem, so that it has {@code leaveBytes} left. Writes that need more fail with ENOSPC, as
     * the filesystem itself reports it, and statvfs(2), {@code df} and {@link java.nio.file.FileStore#getUsableSpace()}
     * say the same. {@link #free()} gives the space back. Takes one file, {@code .junit-dblock-fill/space} in the root
     * directory, which has space but no data: neither time nor memory depends on its size.
     *
     * <p>Further calls change how much is left, in either direction. With 0, nothing is left for root either, although
     * some filesystems keep a reserve for root; those made by this library have none. A larger number is what statvfs
     * reports as available to ordinary users, less what the filesystem needs for its own blocks: a few blocks on ext4
     * and XFS. btrfs gives space to data and to its own trees in chunks, so there it can be some MiB less.
     *
     * <p>What needs no new block still works: overwriting; on btrfs a file of up to 2 KiB, which is in the tree itself;
     * and on ext4 and btrfs an empty file, as long as there are inodes and room in the directory. XFS needs space for
     * that, too.
     *
     * <p>The file is a file like any other: it is there after {@link #remount()} and in forks, and ends with the device.
     * It is not synced on ext4 and XFS, so a power cut can take it back, in whole or in part: fill again after
     * {@link #restorePower()}. btrfs counts the space when it commits, so on btrfs the call does what
     * {@link #syncNames()} does.
     *
     * @param leaveBytes 0, or how many bytes are to be left, at most what there is
     * @throws IllegalArgumentException if {@code leaveBytes} is negative, or more than the filesystem has
     * @throws IllegalStateException if the device is not mounted, has no filesystem, or is closed; if the filesystem is
     *     mounted read-only; or if the power is off
     * @throws DblockException if the filesystem cannot do it, or the disk does not answer
     */
    void fill(long leaveBytes);

    /**
     * Fills the mounted filesystem, see {@link #fill(long)}.
     *
     * @param leave how much is to be left, as {@link ByteSize#parse(String)} reads it
     */
    default void fill(String leave) {
        fill(ByteSize.parse(leave));
    }

    /**
     * Takes all inodes of the mounted filesystem: creating a file or a directory then fails with ENOSPC, although there
     * is space. Existing files can be written. {@link #free()} gives the inodes back. Takes an empty file for each
     * inode, in {@code .junit-dblock-fill/inodes}. Call this before {@link #fill}, if both are wanted: the files need
     * space for their names. The files stay as long as that of {@link #fill}, and a power cut can take them back, too.
     *
     * <p>Only ext4 has a fixed number of inodes: mkfs makes one for 4 to 16 KiB of the device. The call takes time for
     * each, so a test that needs it asks for few: {@code mkfsOptions("-N", "1024")}. More than 262144 are refused. XFS
     * and btrfs make inodes of free space, as they are needed. On XFS, no file can be created after
     * {@link #fill fill(0)}; on btrfs, many still can.
     *
     * @throws UnsupportedOperationException if the filesystem is XFS or btrfs
     * @throws IllegalStateException if there are more than 262144 free inodes, or no space for the names of the files;
     *     if the device is not mounted, has no filesystem, or is closed; if the filesystem is mounted read-only; or if
     *     the power is off
     * @throws DblockException if the filesystem cannot do it, or the disk does not answer
     */
    void fillInodes();

    /**
     * Gives back what {@link #fill} and {@link #fillInodes()} have taken. What failed for lack of space succeeds from
     * now on. Does nothing if they have taken nothing. Works on a fork or a remounted device, too: what was taken is
     * found by its name. Syncs nothing, except that it does what {@link #syncNames()} does on btrfs.
     *
     * @throws IllegalStateException if the device is not mounted, has no filesystem, or is closed; if the filesystem is
     *     mounted read-only; or if the power is off
     * @throws DblockException if the files cannot be removed, or the disk does not answer
     */
    void free();

    /**
     * Changes the size of the device while it is in use. Processes that have the node open see the new size at once,
     * and the kernel sends a uevent ({@code RESIZE=1}). Filesystems and partitions on the device are not changed;
     * {@code resize2fs} and {@code xfs_growfs} grow a mounted filesystem.
     *
     * <p>The added part of a larger device reads as zeros, even where there was data before the device shrank. Data
     * beyond the end of a smaller device is lost at once. Requests under way for it fail with EIO, later requests as
     * they do at the end of any disk.
     *
     * <p>The size itself is never in the volatile cache. Unflushed writes beyond a new end are no longer among
     * {@link #unflushed()}, and a power cut neither loses nor keeps them. Snapshots and forks taken earlier keep their
     * size and content. Fault rules do not change; a rule on sectors beyond the end matches nothing. The journal
     * records an event.
     *
     * <p>A device in memory can have any size. An image used in place is truncated, or extended with a hole. An image
     * copied on write does not change.
     *
     * <p>The device can become smaller than {@link Filesystem#minimumSize()}; only {@link #format()} needs that size.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if the device cannot have this size; its size does not change then
     * @throws IllegalStateException if the power is off, or if the device is closed, is zoned, is made from a read-only
     *     image, or has a user's handler
     */
    void resize(long bytes);

    /**
     * Changes the size of the device, see {@link #resize(long)}.
     *
     * @param size the size as {@link ByteSize#parse(String)} reads it
     */
    default void resize(String size) {
        resize(ByteSize.parse(size));
    }

    /**
     * Sets or clears write protection while the device is in use, as when a disk, or the array it is in, has worn out.
     * Every write, discard and write-zeroes to a read-only device fails in the kernel with EIO or EPERM, even through a
     * descriptor opened for writing. A write to a mounted filesystem fails on writeback: {@code fsync} reports it, and
     * the filesystem may go read-only or shut down. Fault rules and the journal do not see these writes; the journal
     * records the change as an event. Completed writes stay as durable as they are, and flushes still arrive.
     * {@link #mount()} then mounts read-only. Forks made while the device is read-only are read-only, too.
     *
     * @throws IllegalStateException if the device is closed, or if {@code readOnly} is false and the device is made from
     *     a read-only image or has a handler that does not write
     */
    void setReadOnly(boolean readOnly);

    /** Returns what the device's server has counted so far. */
    DeviceStatistics statistics();

    /** Returns the fault rules of the device: which requests are to fail, or to be torn, lost, delayed or held. */
    Faults faults();

    /** Returns the journal: the requests of the device in order, and the test's own marks. */
    Journal journal();

    /**
     * Returns the seed of all random choices of the device, its fault rules and its power cuts. It is the seed of the
     * spec, if that has one, and is printed when a test fails. The same seed gives the same choices.
     */
    long seed();

    /** Cuts the power and loses everything that no flush and no FUA has made durable: the hardest case. */
    default CutReport powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power. Requests under way and later requests fail with EIO until {@link #restorePower()} is called;
     * nothing else restores the power. Of the writes in the volatile cache, the survivors become durable. All others
     * are lost as if they had never been made. A device without a cache ({@link CacheMode#NONE}) loses no completed
     * write.
     *
     * <p>Devices in a {@link PowerDomain} are cut together, by the same survivors.
     *
     * @return what this device kept, lost and tore
     * @throws IllegalStateException if the power is already off, or if the device is closed, is zoned, or has a user's
     *     handler
     * @throws IllegalArgumentException if the survivors name a write that is not in the cache, or name writes at all and
     *     the device is in a {@link PowerDomain} with others; the power stays on then
     */
    CutReport powerCut(Survivors survivors);

    /**
     * Restores the power. The node then has the durable content only, and everything the kernel had cached of it is
     * dropped. If the filesystem was mounted at the cut and has not been unmounted since, it is mounted again. Does
     * nothing if the power is on.
     *
     * <p>A process with files open on the device would have died in the power cut: have the test close these files. A
     * garbage collection closes files of this JVM that are no longer referenced. A mapped file cannot be closed
     * explicitly in Java 17: it is closed once nothing refers to its buffer.
     *
     * @throws LeakException if a file of the filesystem is still open or mapped; the power stays off, and the call can
     *     be repeated
     * @throws DblockException if the filesystem can no longer be mounted. The power is on then, unless a fault rule has
     *     cut it during the mount; the message says so
     */
    void restorePower();

    /** Returns whether the power is on. */
    boolean powered();

    /** Returns the power supply that this device shares with others; empty if it has one of its own. */
    Optional<PowerDomain> powerDomain();

    /**
     * Returns the writes that a power cut would lose now, in the order in which they entered the cache. Empty for a
     * device without a volatile cache.
     *
     * @throws IllegalStateException if the device is zoned or has a user's handler
     */
    List<UnflushedWrite> unflushed();

    /**
     * Takes a snapshot of the content as a reader sees it now. It is instant, by copy-on-write. The caller closes it.
     *
     * @throws IllegalStateException if the device is zoned or has a user's handler
     */
    @CheckReturnValue
    Snapshot snapshot();

    /**
     * Takes a snapshot of the content that a power cut with these survivors would leave. The device itself goes on. The
     * caller closes the snapshot.
     *
     * @throws IllegalStateException if the device is zoned or has a user's handler
     */
    @CheckReturnValue
    Snapshot snapshot(Survivors survivors);

    /**
     * Makes an independent device with the content of this device as a reader sees it now, instantly, by copy-on-write.
     * It has the same spec except for the name. It can be mounted beside this device, whose filesystem may be in use:
     * the fork lacks what the kernel has not written yet. The caller closes it, before or after this device; see
     * {@link #closeForks()}.
     *
     * @throws IllegalStateException if this device is zoned or has a user's handler
     */
    @CheckReturnValue
    default BlockDevice fork() {
        try (Snapshot snapshot = snapshot()) {
            return snapshot.fork();
        }
    }

    /**
     * Makes an independent device with the content that a power cut with these survivors would leave now. This device
     * goes on. The same as {@code snapshot(survivors).fork()}, but leaves no snapshot to close. The caller closes the
     * fork, as with {@link #fork()}.
     *
     * @throws IllegalArgumentException if the survivors name a write that is not in the cache
     * @throws IllegalStateException if this device is zoned or has a user's handler
     */
    @CheckReturnValue
    default BlockDevice fork(Survivors survivors) {
        try (Snapshot snapshot = snapshot(survivors)) {
            return snapshot.fork();
        }
    }

    /**
     * Closes all open forks and snapshots of this device and of its forks. {@code @DblockDevice} and
     * {@code DblockExtension} do this before they close a device. Otherwise a fork may outlive its device.
     *
     * @throws LeakException if a fork was still mounted or in use; names what used it. All forks are closed all the
     *     same
     */
    void closeForks();

    /**
     * Returns what the user's handlers and predicates have thrown so far, forks included, at most the first hundred.
     * Each failed its request.
     */
    List<Throwable> handlerFailures();

    /**
     * Returns what the test has armed or asked for without any effect so far, on this device and on its forks,
     * including closed forks: rules that have acted on no request and are not lenient, rules without an action, and
     * power cuts if none of them found an unflushed write to choose survivors from. A test that got its device from
     * {@code @DblockDevice} or {@code DblockExtension} fails if this list is not empty at its end. The list does not
     * change after {@link #close()}.
     */
    List<Unproven> unproven();

    /**
     * Returns the unexpected problems of the device, in order, at most the first hundred: requests that were never
     * answered, with what everything involved was doing; lost data that {@link #dropCaches()} and {@link #remount()}
     * found; and what the cleanup had to do by force.
     */
    List<String> incidents();

    /**
     * Removes the disk as if it were pulled out: a surprise removal. Requests under way and later requests fail,
     * threads that wait for one go on, and the node disappears once its last user has closed it. A filesystem on the
     * device fails; it must still be unmounted, and the device must still be {@linkplain #close() closed}. Works even
     * if nothing answers requests, from any thread, while others wait for the disk. Does nothing if the disk is already
     * gone.
     */
    void unplug();

    /**
     * Unmounts and removes the device and frees its resources. Does nothing the second time.
     *
     * @throws LeakException if the device was still in use; it is gone all the same
     * @throws DblockException if a step failed, or if the device had to be removed by force because it did not answer
     */
    @Override
    void close();

    /**
     * The options of a device. There is a method for each {@link DeviceOption}, which has the default. The methods
     * check only the form of a text. The ranges are those of {@link DeviceSpec}.
     *
     * @param <B> the builder that has these methods
     */
    interface Options<B> {
        /**
         * Sets an option and replaces the value set before. The methods below do the same. A constant named
         * {@code DEFAULT} removes the value set before.
         */
        <T> B set(DeviceOption<T> option, T value);

        /** Sets the name, with or without the prefix {@code dblock}. Default: the kernel picks one. */
        default B name(String name) {
            return set(DeviceOption.NAME, name);
        }

        /** Sets the size in bytes. */
        default B size(long bytes) {
            return set(DeviceOption.SIZE, bytes);
        }

        /** Sets the size as {@link ByteSize#parse(String)} reads it. */
        default B size(String size) {
            return size(ByteSize.parse(size));
        }

        /** Sets the logical block in bytes. Default 512. */
        default B logicalBlockSize(int bytes) {
            return set(DeviceOption.LOGICAL_BLOCK_SIZE, bytes);
        }

        /** Sets the physical block in bytes. Default: the logical block. */
        default B physicalBlockSize(int bytes) {
            return set(DeviceOption.PHYSICAL_BLOCK_SIZE, bytes);
        }

        /** Sets the preferred smallest I/O in bytes. Default: the physical block. */
        default B ioMin(int bytes) {
            return set(DeviceOption.IO_MIN, bytes);
        }

        /** Sets the preferred I/O in bytes. Default 0: none reported. */
        default B ioOptimal(int bytes) {
            return set(DeviceOption.IO_OPTIMAL, bytes);
        }

        /** Sets the number of hardware queues. Default 1. */
        default B queues(int queues) {
            return set(DeviceOption.QUEUES, queues);
        }

        /** Sets how many requests can be under way per queue. Default 64. */
        default B depth(int requestsPerQueue) {
            return set(DeviceOption.DEPTH, requestsPerQueue);
        }

        /** Sets the largest read or write in bytes. Default 1 MiB. */
        default B maxIo(int bytes) {
            return set(DeviceOption.MAX_IO, bytes);
        }

        /** Sets whether the device refuses writes. Default false. */
        default B readOnly(boolean readOnly) {
            return set(DeviceOption.READ_ONLY, readOnly);
        }

        /** Sets whether the device reports that it spins. Default false. */
        default B rotational(boolean rotational) {
            return set(DeviceOption.ROTATIONAL, rotational);
        }

        /** Sets whether the device reports a volatile write cache. Default {@link CacheMode#WRITE_BACK}. */
        default B cache(CacheMode cache) {
            return set(DeviceOption.CACHE, cache);
        }

        /** Sets whether the device handles FUA writes natively. Default false. */
        default B fua(boolean fua) {
            return set(DeviceOption.FUA, fua);
        }

        /**
         * Sets whether the device can discard. Default true; with a user's handler, only if the handler supports it.
         */
        default B discard(boolean discard) {
            return set(DeviceOption.DISCARD, discard);
        }

        /**
         * Sets whether the device can write zeroes. Default true; with a user's handler, only if the handler supports
         * it.
         */
        default B writeZeroes(boolean writeZeroes) {
            return set(DeviceOption.WRITE_ZEROES, writeZeroes);
        }

        /** Sets whether pages must not change while they are written. Default false. */
        default B stableWrites(boolean stableWrites) {
            return set(DeviceOption.STABLE_WRITES, stableWrites);
        }

        /**
         * Sets how long a request may be held, or wait to be fetched. The kernel then ends it with ETIMEDOUT, within
         * about a second. Default 30 s.
         *
         * <p>The limit applies to each request, not to an application's call. Direct I/O makes one request and fails
         * with ETIMEDOUT. The page cache usually turns the error into EIO and makes further requests: a read whose
         * readahead has failed is tried once more, so it fails after twice that time.
         */
        default B requestTimeout(Duration timeout) {
            return set(DeviceOption.REQUEST_TIMEOUT, timeout);
        }

        /** Sets the filesystem to format the device with. Default {@link Filesystem#NONE}. */
        default B filesystem(Filesystem filesystem) {
            return set(DeviceOption.FILESYSTEM, filesystem);
        }

        /** Sets further options of mkfs and replaces those set before. */
        default B mkfsOptions(String... options) {
            return set(DeviceOption.MKFS_OPTIONS, List.of(options));
        }

        /** Sets further options of mount, each as after {@code -o}, and replaces those set before. */
        default B mountOptions(String... options) {
            return set(DeviceOption.MOUNT_OPTIONS, List.of(options));
        }

        /** Makes the device from an image file. The default size is that of the file. */
        default B image(Path file, ImageMode mode) {
            set(DeviceOption.IMAGE, file);
            return set(DeviceOption.IMAGE_MODE, mode);
        }

        /** Sets the seed of all random choices; see {@link BlockDevice#seed()}. Default: a new seed for each device. */
        default B seed(long seed) {
            return set(DeviceOption.SEED, seed);
        }

        /**
         * Sets how many bytes of unflushed writes the volatile cache holds. Beyond the limit it evicts the oldest
         * writes, which are durable from then on. Default 256 MiB.
         */
        default B cacheLimit(long bytes) {
            return set(DeviceOption.CACHE_LIMIT, bytes);
        }

        /** Sets the cache limit as {@link ByteSize#parse(String)} reads it. */
        default B cacheLimit(String size) {
            return cacheLimit(ByteSize.parse(size));
        }

        /**
         * Sets how many entries the journal keeps, a power of two from 1024 to 2^20. Default 65536, which take 5 MB.
         */
        default B journalEntries(int entries) {
            return set(DeviceOption.JOURNAL_ENTRIES, entries);
        }

        /** Sets which process serves the device. Default {@link Placement#AUTOMATIC}. */
        default B placement(Placement placement) {
            return set(DeviceOption.PLACEMENT, placement);
        }

        /**
         * Makes a zoned, host-managed device. The zone size in bytes is a power of two and at least
         * {@link #maxIo(int)}, and the device has at most 1048576 zones. Needs Linux 6.11 or later, and no handler or
         * image.
         *
         * <p>Fault rules that fail, delay or hold requests act on zone operations, too. Rules that lose, tear or
         * misdirect are refused, and so are power cuts, snapshots, forks and {@link BlockDevice#resize}: the content of
         * a zone is durable at once. A zoned device supports neither discard nor write-zeroes. Default 0: not zoned.
         */
        default B zoneSize(long bytes) {
            return set(DeviceOption.ZONE_SIZE, bytes);
        }

        /** Sets the zone size as {@link ByteSize#parse(String)} reads it. */
        default B zoneSize(String size) {
            return zoneSize(ByteSize.parse(size));
        }

        /**
         * Sets how many zones, from the first, are conventional: writable anywhere, like any other device. Default 0.
         */
        default B conventionalZones(int zones) {
            return set(DeviceOption.CONVENTIONAL_ZONES, zones);
        }

        /** Sets how many zones can be open at a time, at most 65536. Default 0: any number. */
        default B maxOpenZones(int zones) {
            return set(DeviceOption.MAX_OPEN_ZONES, zones);
        }

        /**
         * Sets how many zones can be active at a time, at most 65536: open, or closed and neither empty nor full.
         * Default 0: any number.
         */
        default B maxActiveZones(int zones) {
            return set(DeviceOption.MAX_ACTIVE_ZONES, zones);
        }
    }

    /** Describes a device and makes it. {@link #create()} checks the settings. Not thread-safe. */
    interface Builder extends Options<Builder> {
        /** Sets the handler that answers the requests, instead of memory. The device closes it. */
        Builder handler(BlockHandler handler);

        /** Sets the handler that answers the requests, instead of memory. */
        Builder handler(RequestHandler handler);

        /** Takes all settings from {@code spec}. A handler set before stays. */
        Builder spec(DeviceSpec spec);

        /**
         * Returns the settings made so far, with the defaults of all others.
         *
         * @throws IllegalArgumentException if a setting is out of range or conflicts with another
         */
        DeviceSpec spec();

        /**
         * Makes the device and waits until its node exists. Formats it if the spec has a filesystem, unless it is
         * read-only or made from an image. Loads the kernel module if needed.
         *
         * @throws IllegalArgumentException if a setting is out of range or conflicts with another
         * @throws ModuleUnavailableException if the kernel module cannot be loaded
         * @throws DblockException if the device cannot be made or formatted; nothing of it remains then
         */
        @CheckReturnValue
        BlockDevice create();
    }
}
