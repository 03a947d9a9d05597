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
 * A Linux block device whose every request is answered by Java.
 *
 * <pre>{@code
 * try (BlockDevice disk = BlockDevice.builder().size("64MiB").filesystem(Filesystem.EXT4).create()) {
 *     Files.writeString(disk.mount().resolve("hello"), "world");
 * }
 * }</pre>
 *
 * <p>Safe for use by several threads; mounting, unmounting and closing exclude each other.
 */
public interface BlockDevice extends AutoCloseable {

    /** A builder with nothing set but the defaults. */
    @CheckReturnValue
    static Builder builder() {
        return BlockDeviceProvider.instance().builder();
    }

    /** What it was made to be, with the name it has got, and the size and the write protection it has now. */
    DeviceSpec spec();

    /** The kernel's name for it, such as {@code dblock0}. */
    String name();

    /** Its node, such as {@code /dev/dblock0}. */
    Path path();

    /** Its size in bytes. */
    long size();

    /** The smallest unit it can be read and written in, in bytes. */
    int logicalBlockSize();

    /** The smallest unit it writes without read-modify-write, in bytes. */
    int physicalBlockSize();

    /**
     * Makes the filesystem of the spec, over whatever is there.
     *
     * @throws IllegalStateException if the spec has none, the device is mounted, read-only or closed, or its power is off
     * @throws IllegalArgumentException if the device is smaller than {@link Filesystem#minimumSize()} and the spec has no
     *     mkfs options
     * @throws DblockException if mkfs is missing or fails; the message has its output
     */
    void format();

    /**
     * Mounts the filesystem under a private directory; once, further calls return the same path. While the device is not
     * mounted, nothing can be written to that directory: below the disk an empty read-only tmpfs is mounted there.
     *
     * @throws IllegalStateException if the spec has no filesystem, the device is closed, or its power is off: only
     *     {@link #restorePower()} restores that
     * @throws DblockException if mount fails; the message has its output. If a fault rule has cut the power meanwhile, it is
     *     named
     */
    Path mount();

    /** Where it is mounted by {@link #mount()}, if it is. */
    Optional<Path> mountPoint();

    /**
     * Unmounts it; does nothing if it is not mounted. Waits a few seconds for the mount to be no longer busy. As with
     * umount(8), data that cannot be written any more are lost without an error.
     *
     * @throws LeakException if it stays busy; names who uses it. The device is then still mounted
     */
    void unmount();

    /**
     * Unmounts, drops all cached data of the device, and mounts: what is read afterwards comes from the device. Errors are
     * those of {@link #unmount()} and {@link #mount()}; that cached data of the node could not be written is none, see
     * {@link #dropCaches()}.
     *
     * @throws IllegalStateException if the spec has no filesystem, the device is closed, or its power is off
     */
    Path remount();

    /**
     * Opens the node for direct I/O (O_DIRECT), for reading and, unless it is read-only, writing. Positions and lengths
     * are multiples of the logical block; buffers may be any, direct ones aligned to 512 bytes save a copy. The channel
     * can neither map nor lock. The caller closes it.
     */
    @CheckReturnValue
    FileChannel openChannel();

    /**
     * Writes dirty pages to the device and drops what the kernel has cached of it, files of a mounted filesystem
     * included. Pages that are mapped or in use stay.
     *
     * <p>Data that cannot be written, now or at an earlier try of the kernel's, are dropped, too: what is read afterwards is
     * what the device has. That is no error of this call, but it uses up the error that the kernel reports once: whoever calls
     * fsync through a file opened later is told of nothing. So {@link #incidents()} tells of it.
     *
     * @throws IllegalStateException if the device is closed
     * @throws DblockException if the caches cannot be dropped, for lack of privileges or because the disk is gone
     */
    void dropCaches();

    /**
     * Changes its size, while it is in use. Whoever has the node open sees the new size at once, and a uevent tells it
     * ({@code RESIZE=1}). A filesystem on it is not changed: {@code resize2fs} and {@code xfs_growfs} let one that is mounted
     * grow. No partition is changed either.
     *
     * <p>What a larger size adds reads as zeros, also where there was something before the device became smaller. What is
     * beyond a smaller one is lost at once; requests under way for it fail with EIO, later ones as at any end of a disk.
     *
     * <p>The size itself is never in the volatile cache. Unflushed writes beyond a new end are no longer among
     * {@link #unflushed()}, and a power cut neither loses nor keeps them. Snapshots and forks that were taken before keep
     * their size and content. Fault rules stay as they are; those that name sectors beyond the end match nothing. The
     * journal has an event.
     *
     * <p>What is kept in memory can grow to four times its first size, and to 16 GiB in any case. An image that is used in
     * place is cut off, or filled up with a hole; one that is copied on write stays as it is.
     *
     * <p>It can become smaller than {@link Filesystem#minimumSize()}, which matters to {@link #format()} alone.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if it cannot have this size; it keeps the one it has
     * @throws IllegalStateException if its power is off, it is made of a read-only image, or a handler of the user's answers
     *     for it: only that knows how much there is
     */
    void resize(long bytes);

    /** The same with a size as {@link ByteSize#parse(String)} reads it. */
    default void resize(String size) {
        resize(ByteSize.parse(size));
    }

    /**
     * Protects it from writes, or no longer, while it is in use: as a disk that has worn out, or whose array has. Of a device
     * that is read-only every write, discard and write-zeroes fails in the kernel, EIO or EPERM, also of those who had opened
     * it for writing: a write to a mounted filesystem fails when it is written back, so {@code fsync} reports it, and the
     * filesystem may go read-only or be shut down. No fault rule sees such a write, nor has the journal it, which has an
     * event instead. What was completed before stays as durable as it is; flushes still come. {@link #mount()} then mounts
     * for reading only. Forks that are made meanwhile are read-only, too.
     *
     * @throws IllegalStateException if it is to be writable, but is made of a read-only image or a handler that does not write
     */
    void setReadOnly(boolean readOnly);

    /** What its server has seen so far. */
    DeviceStatistics statistics();

    /** The fault rules of this device: what is to fail, to be torn, lost, delayed or held. */
    Faults faults();

    /** What the device was asked, in order, and the test's own marks. */
    Journal journal();

    /**
     * Of all random choices of this device, of its fault rules and of its power cuts. It is the spec's, if that has one,
     * and is printed when a test fails; the same seed gives the same choices.
     */
    long seed();

    /** Cuts the power and loses all that no flush and no FUA has made durable, the hardest case. */
    default CutReport powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power. What is under way and whatever comes later fails with EIO, until {@link #restorePower()} and nothing
     * else restores the power; of the writes in the volatile cache the survivors become durable, the others are as if they had never been made. A device
     * without a cache ({@link CacheMode#NONE}) loses nothing that was completed.
     *
     * <p>Devices in a {@link PowerDomain} are cut together, by the same survivors.
     *
     * @return what was kept, lost and torn, of this device
     * @throws IllegalStateException if the power is off already, the device is closed, or a handler of the user's
     *     answers for it
     * @throws IllegalArgumentException if the survivors name a write that is not in the cache; nothing is cut then
     */
    CutReport powerCut(Survivors survivors);

    /**
     * Restores the power: the node has the durable content and nothing else, all that was cached of it is dropped, and the
     * filesystem is mounted again if it was at the cut and has not been unmounted since. Does nothing if the power is on.
     *
     * <p>Whoever had files open on it would have died with the power: have the test close them. Those of this JVM that nothing
     * refers to any more are closed by a garbage collection. A file that is mapped cannot be closed in Java 17: it is when
     * nothing refers to its buffer.
     *
     * @throws LeakException if a file of the filesystem is still open, or mapped; the power stays off, and the call can be
     *     repeated
     * @throws DblockException if the filesystem can no longer be mounted; the power is on then, unless a fault rule has cut it
     *     in the mount, which the message says
     */
    void restorePower();

    /** Whether the power is on. */
    boolean powered();

    /**
     * What a power cut would lose now, in the order in which it went into the cache. Empty on a device without a volatile
     * cache.
     *
     * @throws IllegalStateException if a handler of the user's answers for the device: only that knows
     */
    List<UnflushedWrite> unflushed();

    /** Its content now, as a reader sees it; at once, by copy-on-write. The caller closes it. */
    @CheckReturnValue
    Snapshot snapshot();

    /** The content that a power cut with these survivors would leave. The device itself goes on. The caller closes it. */
    @CheckReturnValue
    Snapshot snapshot(Survivors survivors);

    /**
     * A device of its own with the content of this one as a reader sees it now, at once, by copy-on-write; with the same
     * spec, but for the name. It can be mounted beside this one, whose filesystem may be in use: what the kernel has not
     * written yet is not in it. The caller closes it, before or after this one; see {@link #closeForks()}.
     */
    @CheckReturnValue
    default BlockDevice fork() {
        try (Snapshot snapshot = snapshot()) {
            return snapshot.fork();
        }
    }

    /**
     * Closes all forks and snapshots of this device, and of its forks, that are still open. {@code @DblockDevice} and
     * {@code DblockExtension} do this before they close a device. Otherwise a fork may outlive its device.
     *
     * @throws LeakException if a fork was still mounted, or something used it; names it. All are closed all the same
     */
    void closeForks();

    /** What a user's handler or predicate has thrown so far, at most the first hundred; each failed its request. Forks included. */
    List<Throwable> handlerFailures();

    /**
     * What has come to nothing so far of what was armed or asked for, on this device and on its forks, closed ones included: rules
     * that have acted on no request and are not lenient, rules without an action, and power cuts that were to choose survivors
     * and had nothing to choose from. A test that got its device from {@code @DblockDevice} or {@code DblockExtension} fails if
     * this is not empty at its end. After {@link #close()} it stays as it was before.
     */
    List<Unproven> unproven();

    /**
     * What has happened to the device that no test wants, in order, at most the first hundred: requests that nobody answered,
     * with what everybody involved was doing, lost data that {@link #dropCaches()} and {@link #remount()} came upon, and what
     * its clean up had to do by force.
     */
    List<String> incidents();

    /**
     * Removes the disk as if it was pulled out: a surprise removal. Requests under way and later ones fail, whoever waits
     * for one goes on, and the node disappears when its last user has closed it. A filesystem on it fails; it still has to be
     * unmounted, and the device to be {@linkplain #close() closed}. Needs nobody who answers, and may be called by any thread
     * while others wait for the disk. Does nothing if it is gone already.
     */
    void unplug();

    /**
     * Unmounts it, removes it, and frees what it kept. Does nothing the second time.
     *
     * @throws LeakException if something still used it; the device is gone all the same
     */
    @Override
    void close();

    /**
     * Puts a device together. The setters check nothing; {@link #create()} does. Not thread-safe.
     *
     * <p>Units and ranges are those of {@link DeviceSpec}.
     */
    interface Builder {
        /** The name, with or without the prefix {@code dblock}. Default: the kernel picks one. */
        Builder name(String name);

        /** Size in bytes. */
        Builder size(long bytes);

        /** Size as {@link ByteSize#parse(String)} reads it. */
        Builder size(String size);

        /** Bytes; default 512. */
        Builder logicalBlockSize(int bytes);

        /** Bytes; default: the logical block. */
        Builder physicalBlockSize(int bytes);

        /** Bytes; default: the physical block. */
        Builder ioMin(int bytes);

        /** Bytes; default 0, none said. */
        Builder ioOptimal(int bytes);

        /** Default 1. */
        Builder queues(int queues);

        /** Default 64. */
        Builder depth(int requestsPerQueue);

        /** Bytes; default 1 MiB. */
        Builder maxIo(int bytes);

        /** Default false. */
        Builder readOnly(boolean readOnly);

        /** Default false. */
        Builder rotational(boolean rotational);

        /** Default {@link CacheMode#WRITE_BACK}. */
        Builder cache(CacheMode cache);

        /** Default false. */
        Builder fua(boolean fua);

        /** Default true. With a handler of one's own, only if that supports it. */
        Builder discard(boolean discard);

        /** Default true. With a handler of one's own, only if that supports it. */
        Builder writeZeroes(boolean writeZeroes);

        /** Default false. */
        Builder stableWrites(boolean stableWrites);

        /**
         * How long a request may be held, or wait to be fetched, before the kernel ends it with ETIMEDOUT, which it does
         * within about a second after that. Default 30 s.
         *
         * <p>It is a limit for each request, not for what an application calls. Direct I/O makes one request and fails with
         * ETIMEDOUT. The page cache mostly makes EIO of it, and makes further requests: a read whose readahead has failed is
         * tried once more, so it fails after twice that time.
         */
        Builder requestTimeout(Duration timeout);

        /** Default {@link Filesystem#NONE}. */
        Builder filesystem(Filesystem filesystem);

        /** Further options of mkfs, replacing those given before. */
        Builder mkfsOptions(String... options);

        /** Further options of mount, each as after its {@code -o}, replacing those given before. */
        Builder mountOptions(String... options);

        /** Makes the device of a file; its size is the default size. */
        Builder image(Path file, ImageMode mode);

        /** Has the requests answered by this handler instead of memory. The device closes it. */
        Builder handler(BlockHandler handler);

        /** Has the requests answered by this handler instead of memory. */
        Builder handler(RequestHandler handler);

        /** The seed of all random choices; see {@link BlockDevice#seed()}. Default: a new one for each device. */
        Builder seed(long seed);

        /**
         * How many bytes of unflushed writes the volatile cache keeps apart; what is beyond it is evicted, the oldest first,
         * and durable from then on. Default 256 MiB.
         */
        Builder cacheLimit(long bytes);

        /** The same as {@link ByteSize#parse(String)} reads it. */
        Builder cacheLimit(String size);

        /** How many entries the journal keeps, a power of two from 1024 to 2^20. Default 65536, which take 5 MB. */
        Builder journalEntries(int entries);

        /** Which process serves it. Default {@link Placement#AUTOMATIC}. */
        Builder placement(Placement placement);

        /**
         * Makes it a zoned, host-managed device, with zones of this size in bytes: a power of two, at least
         * {@link #maxIo(int)}, and at most 1048576 of them. Needs Linux 6.11 or later, and no handler or image. Fault rules
         * that fail requests or have them wait act on the operations of zones, too; those that lose, tear or misdirect are
         * refused, and so are power cuts, snapshots, forks and {@link BlockDevice#resize}: what a zone has is durable at
         * once. It takes neither discards nor write-zeroes. Default 0: not zoned.
         */
        Builder zoneSize(long bytes);

        /** The same as {@link ByteSize#parse(String)} reads it. */
        Builder zoneSize(String size);

        /** How many of the first zones are conventional: written anywhere, as any other device. Default 0. */
        Builder conventionalZones(int zones);

        /** How many zones can be open at a time, at most 65536. Default 0: any number. */
        Builder maxOpenZones(int zones);

        /**
         * How many zones can be active at a time, that is, open, or closed and neither empty nor full; at most 65536.
         * Default 0: any number.
         */
        Builder maxActiveZones(int zones);

        /** Takes over everything from {@code spec}; a handler set before stays. */
        Builder spec(DeviceSpec spec);

        /**
         * Makes the device and waits until its node is there. It is formatted if the spec has a filesystem, unless it
         * is read-only or made of an image. Loads the kernel module if needed.
         *
         * @throws IllegalArgumentException if something set is out of range or does not go together
         * @throws ModuleUnavailableException if the kernel module cannot be loaded
         * @throws DblockException if making or formatting the device fails; nothing of it is left then
         */
        @CheckReturnValue
        BlockDevice create();
    }
}
