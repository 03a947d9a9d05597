// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.CacheMode;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.Zones;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

final class DeviceBuilder implements BlockDevice.Builder {
    private String name = "";
    private long size;
    private int logicalBlockSize = 512;
    private int physicalBlockSize;
    private int ioMin;
    private int ioOptimal;
    private int queues = 1;
    private int depth = 64;
    private int maxIo = 1 << 20;
    private boolean readOnly;
    private boolean rotational;
    private CacheMode cache = CacheMode.WRITE_BACK;
    private boolean fua;
    private boolean discard = true;
    private boolean writeZeroes = true;
    private boolean stableWrites;
    private Duration requestTimeout = Duration.ofSeconds(30);
    private Filesystem filesystem = Filesystem.NONE;
    private List<String> mkfsOptions = List.of();
    private List<String> mountOptions = List.of();
    private Optional<Path> image = Optional.empty();
    private Optional<ImageMode> imageMode = Optional.empty();
    private long cacheLimit = 256L << 20;
    private int journalEntries = 1 << 16;
    private OptionalLong seed = OptionalLong.empty();
    private Placement placement = Placement.AUTOMATIC;
    private long zoneSize;
    private int conventionalZones;
    private int maxOpenZones;
    private int maxActiveZones;
    private BlockHandler blockHandler;
    private RequestHandler requestHandler;

    @Override
    public DeviceBuilder name(String value) {
        name = value;
        return this;
    }

    @Override
    public DeviceBuilder size(long bytes) {
        size = bytes;
        return this;
    }

    @Override
    public DeviceBuilder size(String value) {
        return size(ByteSize.parse(value));
    }

    @Override
    public DeviceBuilder logicalBlockSize(int bytes) {
        logicalBlockSize = bytes;
        return this;
    }

    @Override
    public DeviceBuilder physicalBlockSize(int bytes) {
        physicalBlockSize = bytes;
        return this;
    }

    @Override
    public DeviceBuilder ioMin(int bytes) {
        ioMin = bytes;
        return this;
    }

    @Override
    public DeviceBuilder ioOptimal(int bytes) {
        ioOptimal = bytes;
        return this;
    }

    @Override
    public DeviceBuilder queues(int value) {
        queues = value;
        return this;
    }

    @Override
    public DeviceBuilder depth(int requestsPerQueue) {
        depth = requestsPerQueue;
        return this;
    }

    @Override
    public DeviceBuilder maxIo(int bytes) {
        maxIo = bytes;
        return this;
    }

    @Override
    public DeviceBuilder readOnly(boolean value) {
        readOnly = value;
        return this;
    }

    @Override
    public DeviceBuilder rotational(boolean value) {
        rotational = value;
        return this;
    }

    @Override
    public DeviceBuilder cache(CacheMode value) {
        cache = value;
        return this;
    }

    @Override
    public DeviceBuilder fua(boolean value) {
        fua = value;
        return this;
    }

    @Override
    public DeviceBuilder discard(boolean value) {
        discard = value;
        return this;
    }

    @Override
    public DeviceBuilder writeZeroes(boolean value) {
        writeZeroes = value;
        return this;
    }

    @Override
    public DeviceBuilder stableWrites(boolean value) {
        stableWrites = value;
        return this;
    }

    @Override
    public DeviceBuilder requestTimeout(Duration timeout) {
        requestTimeout = timeout;
        return this;
    }

    @Override
    public DeviceBuilder filesystem(Filesystem value) {
        filesystem = value;
        return this;
    }

    @Override
    public DeviceBuilder mkfsOptions(String... options) {
        mkfsOptions = List.of(options);
        return this;
    }

    @Override
    public DeviceBuilder mountOptions(String... options) {
        mountOptions = List.of(options);
        return this;
    }

    @Override
    public DeviceBuilder image(Path file, ImageMode mode) {
        image = Optional.of(file);
        imageMode = Optional.of(mode);
        return this;
    }

    DeviceBuilder noImage() {
        image = Optional.empty();
        imageMode = Optional.empty();
        return this;
    }

    @Override
    public DeviceBuilder handler(BlockHandler handler) {
        blockHandler = handler;
        return this;
    }

    @Override
    public DeviceBuilder handler(RequestHandler handler) {
        requestHandler = handler;
        return this;
    }

    @Override
    public DeviceBuilder seed(long value) {
        seed = OptionalLong.of(value);
        return this;
    }

    @Override
    public DeviceBuilder placement(Placement value) {
        placement = value;
        return this;
    }

    @Override
    public DeviceBuilder zoneSize(long bytes) {
        zoneSize = bytes;
        return this;
    }

    @Override
    public DeviceBuilder zoneSize(String value) {
        return zoneSize(ByteSize.parse(value));
    }

    @Override
    public DeviceBuilder conventionalZones(int zones) {
        conventionalZones = zones;
        return this;
    }

    @Override
    public DeviceBuilder maxOpenZones(int zones) {
        maxOpenZones = zones;
        return this;
    }

    @Override
    public DeviceBuilder maxActiveZones(int zones) {
        maxActiveZones = zones;
        return this;
    }

    private Optional<Zones> zones() {
        if (zoneSize != 0) {
            return Optional.of(new Zones(zoneSize, conventionalZones, maxOpenZones, maxActiveZones));
        }
        if (conventionalZones != 0 || maxOpenZones != 0 || maxActiveZones != 0) {
            throw new IllegalArgumentException("conventionalZones is " + conventionalZones + ", maxOpenZones "
                    + maxOpenZones + " and maxActiveZones " + maxActiveZones
                    + ", and no zoneSize is set. Allowed without one: none of these. Make the device zoned with"
                    + " zoneSize(\"4MiB\").");
        }
        return Optional.empty();
    }

    @Override
    public DeviceBuilder cacheLimit(long bytes) {
        cacheLimit = bytes;
        return this;
    }

    @Override
    public DeviceBuilder cacheLimit(String value) {
        return cacheLimit(ByteSize.parse(value));
    }

    @Override
    public DeviceBuilder journalEntries(int entries) {
        journalEntries = entries;
        return this;
    }

    @Override
    public DeviceBuilder spec(DeviceSpec spec) {
        name = spec.name();
        size = spec.size();
        logicalBlockSize = spec.logicalBlockSize();
        physicalBlockSize = spec.physicalBlockSize();
        ioMin = spec.ioMin();
        ioOptimal = spec.ioOptimal();
        queues = spec.queues();
        depth = spec.depth();
        maxIo = spec.maxIo();
        readOnly = spec.readOnly();
        rotational = spec.rotational();
        cache = spec.cache();
        fua = spec.fua();
        discard = spec.discard();
        writeZeroes = spec.writeZeroes();
        stableWrites = spec.stableWrites();
        requestTimeout = spec.requestTimeout();
        filesystem = spec.filesystem();
        mkfsOptions = spec.mkfsOptions();
        mountOptions = spec.mountOptions();
        image = spec.image();
        imageMode = spec.imageMode();
        cacheLimit = spec.cacheLimit();
        journalEntries = spec.journalEntries();
        seed = spec.seed();
        placement = spec.placement();
        zoneSize = spec.zones().map(Zones::size).orElse(0L);
        conventionalZones = spec.zones().map(Zones::conventional).orElse(0);
        maxOpenZones = spec.zones().map(Zones::maxOpen).orElse(0);
        maxActiveZones = spec.zones().map(Zones::maxActive).orElse(0);
        return this;
    }

    DeviceSpec spec() {
        return new DeviceSpec(
                name,
                size,
                logicalBlockSize,
                physicalBlockSize,
                ioMin,
                ioOptimal,
                queues,
                depth,
                maxIo,
                readOnly,
                rotational,
                cache,
                fua,
                discard,
                writeZeroes,
                stableWrites,
                requestTimeout,
                filesystem,
                mkfsOptions,
                mountOptions,
                image,
                imageMode,
                cacheLimit,
                journalEntries,
                seed,
                placement,
                zones());
    }

    @Override
    public BlockDevice create() {
        DeviceSpec spec = spec();
        if (blockHandler != null && requestHandler != null) {
            throw new IllegalArgumentException(
                    "Both a BlockHandler and a RequestHandler are set. Allowed: one of them. Use a builder for each device.");
        }
        if (spec.image().isPresent() && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "Both a handler and the image " + spec.image().get()
                            + " are set. Allowed: one of them. To filter an image, let the handler call a FileStore.");
        }
        if (spec.placement() == Placement.SERVER_PROCESS && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "placement is SERVER_PROCESS, and a handler is set. Allowed with a handler:"
                            + " AUTOMATIC and TEST_JVM, since it is code of the test's JVM.");
        }
        if (spec.zones().isPresent() && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "Both a handler and zoneSize are set. Allowed: one of them, since zones are"
                            + " kept by a built-in store.");
        }
        boolean empty = spec.image().isEmpty() && blockHandler == null && requestHandler == null;
        if (spec.readOnly() && spec.filesystem() != Filesystem.NONE && empty) {
            throw new IllegalArgumentException("readOnly is true and filesystem " + spec.filesystem()
                    + ". Allowed: false for a device that has to be formatted. Give it an image or a handler that has a"
                    + " filesystem, or leave one of the two out.");
        }
        return DeviceFactory.create(spec, blockHandler, requestHandler);
    }
}
