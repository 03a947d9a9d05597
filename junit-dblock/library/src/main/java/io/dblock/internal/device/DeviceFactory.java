// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static io.dblock.internal.kernel.DeviceParameters.Flag.AUTO_START;
import static io.dblock.internal.kernel.DeviceParameters.Flag.READ_ONLY;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.Zones;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.OpenImage;
import io.dblock.internal.remote.ServerProcess;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.LocalServer;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.server.StoreSpec;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Makes devices from their specs. */
public final class DeviceFactory {
    private static final int DEFAULT_LIMIT = 1 << 30;

    private DeviceFactory() {}

    /**
     * Begins a device that a handler or a built-in store serves: the kernel has it, under its name. At least one of the
     * handlers is null.
     *
     * @return makes its disk appear, and formats it if that is asked for; closes the device on failure
     */
    static Supplier<BlockDevice> begin(DeviceSpec asked, BlockHandler blockHandler, RequestHandler requestHandler) {
        DeviceSpec sized = withSeed(asked.image().isPresent() ? withImageSize(asked) : asked);
        Set<Operation> operations;
        if (blockHandler != null) {
            operations = blockHandler.supports();
        } else if (requestHandler != null) {
            operations = requestHandler.supports();
        } else {
            operations = EnumSet.allOf(Operation.class);
        }
        DeviceParameters parameters = parameters(sized, operations);
        boolean toBeFormatted = sized.filesystem() != Filesystem.NONE
                && sized.image().isEmpty()
                && !parameters.flags().contains(READ_ONLY);
        if (toBeFormatted) {
            FilesystemTools.checkSize(sized);
        }
        FilterSpec filters = filters(sized);
        LiveDevices.prepare();
        if (blockHandler != null || requestHandler != null || sized.placement() == Placement.TEST_JVM) {
            ServerProcess.startAhead(); // The server process will watch this device, see Watches.
        }
        ServedDevice served;
        if (blockHandler != null) {
            served = LocalServer.instance().create(parameters, filters, blockHandler);
        } else if (requestHandler != null) {
            served = LocalServer.instance().create(parameters, filters, requestHandler);
        } else {
            StoreSpec store = new StoreSpec(
                    sized.size(), sized.logicalBlockSize(), sized.image(), sized.imageMode(), sized.zones());
            served = sized.placement() == Placement.TEST_JVM
                    ? LocalServer.instance().create(parameters, filters, store)
                    : ServerProcess.create(isBlank(sized) ? parameters.with(AUTO_START) : parameters, filters, store);
        }
        LiveDevice device = device(
                served,
                sized,
                sized.image().flatMap(OpenImage::keyOf),
                Offspring.of(served.created().name()));
        return () -> present(device, toBeFormatted);
    }

    /**
     * Returns whether a disk of a built-in store has no partitions to look for, so that it can start when it is created.
     * A zoned disk is asked for its zones when it starts.
     */
    static boolean isBlank(DeviceSpec spec) {
        return spec.image().isEmpty() && spec.zones().isEmpty();
    }

    /**
     * Makes a device with the content of a snapshot and otherwise like the original, which the snapshot was taken of.
     *
     * @param image the image of the original, as in {@link LiveDevice}
     * @param siblings the offspring of the original
     */
    static LiveDevice fork(DeviceSpec original, Optional<Object> image, ServedSnapshot snapshot, Offspring siblings) {
        // Only the original uses the image. XFS refuses to mount two filesystems with one UUID.
        DeviceSpec spec = withSeed(builderOf(original)
                .noImage()
                .name("")
                .mountOptions(
                        original.filesystem() == Filesystem.XFS
                                ? withOption(original.mountOptions(), "nouuid")
                                : original.mountOptions().toArray(String[]::new))
                .spec());
        DeviceParameters parameters = parameters(spec, EnumSet.allOf(Operation.class));
        LiveDevices.prepare();
        ServedDevice served = snapshot.fork(parameters, filters(spec));
        return present(
                device(served, spec, image, siblings.ofFork(served.created().name())), false);
    }

    private static String[] withOption(List<String> options, String option) {
        return Stream.concat(options.stream(), Stream.of(option)).distinct().toArray(String[]::new);
    }

    private static LiveDevice device(
            ServedDevice served, DeviceSpec spec, Optional<Object> image, Offspring offspring) {
        DeviceSpec made = builderOf(spec)
                .name(served.created().name())
                .queues(served.created().parameters().queues())
                .readOnly(served.created().parameters().flags().contains(READ_ONLY))
                .spec();
        LiveDevice device = new LiveDevice(served, made, image, offspring);
        LiveDevices.add(device);
        offspring.add(device);
        return device;
    }

    /** Makes the disk of a device appear, and formats it if that is asked for. Closes the device on failure. */
    private static LiveDevice present(LiveDevice device, boolean toBeFormatted) {
        boolean done = false;
        try {
            device.appear();
            if (toBeFormatted) {
                device.format();
            }
            done = true;
            return device;
        } finally {
            if (!done) {
                device.closeQuietly();
            }
        }
    }

    static DeviceBuilder builderOf(DeviceSpec spec) {
        return new DeviceBuilder().spec(spec);
    }

    private static DeviceSpec withSeed(DeviceSpec spec) {
        return spec.seed().isPresent()
                ? spec
                : builderOf(spec).seed(ThreadLocalRandom.current().nextLong()).spec();
    }

    private static FilterSpec filters(DeviceSpec spec) {
        return new FilterSpec(
                spec.seed().orElseThrow(),
                spec.cache() == CacheMode.WRITE_BACK,
                spec.cacheLimit(),
                spec.journalEntries());
    }

    private static DeviceSpec withImageSize(DeviceSpec spec) {
        Path image = spec.image().orElseThrow();
        long size;
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            size = channel.size();
        } catch (IOException e) {
            throw new DblockException(
                    "Cannot open the image " + image + ": " + e
                            + ". Give the path of an existing file that can be read.",
                    e);
        }
        if (spec.size() != 0 && spec.size() != size) {
            throw new IllegalArgumentException("size is " + spec.size() + ", but the image " + image + " has " + size
                    + " bytes. Allowed: that size, or none given. To change the image's use \"truncate -s "
                    + spec.size() + " " + image + "\".");
        }
        if (size == 0 || size % spec.logicalBlockSize() != 0) {
            throw new IllegalArgumentException("The image " + image + " has " + size
                    + " bytes. Allowed: a multiple of the logical block (" + spec.logicalBlockSize()
                    + " bytes), at least one. Fill it up with \"truncate -s %" + spec.logicalBlockSize() + " " + image
                    + "\", or choose another logical block.");
        }
        return builderOf(spec).size(size).spec();
    }

    public static DeviceParameters parameters(DeviceSpec spec, Set<Operation> operations) {
        EnumSet<DeviceParameters.Flag> flags = EnumSet.noneOf(DeviceParameters.Flag.class);
        if (spec.readOnly() || !operations.contains(Operation.WRITE)) {
            flags.add(DeviceParameters.Flag.READ_ONLY);
        }
        if (spec.rotational()) {
            flags.add(DeviceParameters.Flag.ROTATIONAL);
        }
        if (spec.cache() == CacheMode.WRITE_BACK) {
            flags.add(DeviceParameters.Flag.WRITE_CACHE);
        }
        if (spec.fua()) {
            flags.add(DeviceParameters.Flag.FUA);
        }
        if (spec.stableWrites()) {
            flags.add(DeviceParameters.Flag.STABLE_WRITES);
        }
        boolean zoned = spec.zones().isPresent();
        boolean discard = !zoned && spec.discard() && operations.contains(Operation.DISCARD);
        boolean writeZeroes = !zoned && spec.writeZeroes() && operations.contains(Operation.WRITE_ZEROES);
        return new DeviceParameters(
                spec.name(),
                spec.size(),
                spec.logicalBlockSize(),
                spec.physicalBlockSize(),
                spec.ioMin(),
                spec.ioOptimal(),
                spec.queues(),
                spec.depth(),
                spec.maxIo(),
                Math.toIntExact(spec.requestTimeout().toMillis()),
                0,
                discard ? DEFAULT_LIMIT : 0,
                writeZeroes ? DEFAULT_LIMIT : 0,
                flags,
                spec.zones().map(Zones::size).orElse(0L),
                spec.zones().map(Zones::maxOpen).orElse(0),
                spec.zones().map(Zones::maxActive).orElse(0),
                zoned ? spec.maxIo() : 0);
    }
}
