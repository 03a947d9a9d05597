// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.CacheMode;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.fault.FaultRule;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.ImageMode;
import io.dblock.handler.RequestHandler;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * What a declaration says about its device, null where it says nothing; {@link #withDefaults} fills the gaps from the
 * configuration parameters. Confined to the thread that resolves it.
 */
final class DeviceSettings {
    private static final long DEFAULT_SIZE = 64L << 20;
    private static final long DEFAULT_SIZE_OF_LARGE_FILESYSTEMS = 1L << 30;
    private static final Path DEFAULT_ARTEFACTS_DIRECTORY = Path.of("target", "dblock");
    private static final Pattern SIMPLE_DURATION = Pattern.compile("([0-9]+) ?(ms|s|m|h)");
    private static final AtomicLong NAME_NUMBERS = new AtomicLong();

    /** Bytes. */
    Long size;

    Integer logicalBlockSize;
    Integer physicalBlockSize;
    Filesystem filesystem;
    List<String> mkfsOptions;
    List<String> mountOptions;
    CacheMode cache;
    Boolean readOnly;
    Boolean discard;
    Integer queues;
    Integer depth;
    String name;
    Path image;
    ImageMode imageMode;
    /** Gives a new {@link BlockHandler} or {@link RequestHandler} at each call. */
    Supplier<?> handler;
    /** Called last with each builder; does nothing where there is nothing to add. */
    Consumer<BlockDevice.Builder> customizer = builder -> {};

    CleanupMode cleanup;
    Duration requestTimeout;
    Boolean failOnHandlerException;
    WhenUnavailable unavailable;
    /** Bytes. */
    Long cacheLimit;

    Integer journalEntries;
    /** Bytes. */
    Long zoneSize;

    Integer conventionalZones;
    Integer maxOpenZones;
    Integer maxActiveZones;
    Long seed;
    Placement placement;
    Artifacts artifacts;
    Path artifactsDirectory;
    /** Armed on each device, in this order. */
    List<FaultRule> faults = List.of();

    static DeviceSettings of(DblockDevice annotation) {
        DeviceSettings settings = new DeviceSettings();
        settings.size = annotation.size().isEmpty() ? null : named("size", () -> ByteSize.parse(annotation.size()));
        settings.logicalBlockSize = zeroToNull(annotation.logicalBlockSize());
        settings.physicalBlockSize = zeroToNull(annotation.physicalBlockSize());
        settings.filesystem = single("filesystem", annotation.filesystem());
        settings.mkfsOptions = emptyToNull(List.of(annotation.mkfsOptions()));
        settings.mountOptions = emptyToNull(List.of(annotation.mountOptions()));
        settings.cache = single("cache", annotation.cache());
        settings.readOnly = single("readOnly", box(annotation.readOnly()));
        settings.discard = single("discard", box(annotation.discard()));
        settings.queues = zeroToNull(annotation.queues());
        settings.depth = zeroToNull(annotation.depth());
        settings.name = emptyToNull(annotation.name());
        settings.image = annotation.image().isEmpty() ? null : Path.of(annotation.image());
        settings.imageMode = single("imageMode", annotation.imageMode());
        settings.handler = annotation.handler() == void.class ? null : instancesOf(annotation.handler());
        settings.cleanup = annotation.cleanup() == CleanupMode.DEFAULT ? null : annotation.cleanup();
        settings.requestTimeout = annotation.requestTimeout().isEmpty()
                ? null
                : named("requestTimeout", () -> duration(annotation.requestTimeout()));
        settings.failOnHandlerException = single("failOnHandlerException", box(annotation.failOnHandlerException()));
        settings.unavailable = annotation.unavailable() == WhenUnavailable.DEFAULT ? null : annotation.unavailable();
        settings.cacheLimit = annotation.cacheLimit().isEmpty()
                ? null
                : named("cacheLimit", () -> ByteSize.parse(annotation.cacheLimit()));
        settings.journalEntries = zeroToNull(annotation.journalEntries());
        settings.zoneSize =
                annotation.zoneSize().isEmpty() ? null : named("zoneSize", () -> ByteSize.parse(annotation.zoneSize()));
        settings.conventionalZones = zeroToNull(annotation.conventionalZones());
        settings.maxOpenZones = zeroToNull(annotation.maxOpenZones());
        settings.maxActiveZones = zeroToNull(annotation.maxActiveZones());
        settings.seed = single("seed", Arrays.stream(annotation.seed()).boxed().toArray(Long[]::new));
        settings.placement = single("placement", annotation.placement());
        settings.artifacts = annotation.artifacts() == Artifacts.DEFAULT ? null : annotation.artifacts();
        settings.artifactsDirectory =
                annotation.artifactsDirectory().isEmpty() ? null : Path.of(annotation.artifactsDirectory());
        return settings;
    }

    DeviceSettings copy() {
        DeviceSettings copy = new DeviceSettings();
        copy.size = size;
        copy.logicalBlockSize = logicalBlockSize;
        copy.physicalBlockSize = physicalBlockSize;
        copy.filesystem = filesystem;
        copy.mkfsOptions = mkfsOptions;
        copy.mountOptions = mountOptions;
        copy.cache = cache;
        copy.readOnly = readOnly;
        copy.discard = discard;
        copy.queues = queues;
        copy.depth = depth;
        copy.name = name;
        copy.image = image;
        copy.imageMode = imageMode;
        copy.handler = handler;
        copy.customizer = customizer;
        copy.cleanup = cleanup;
        copy.requestTimeout = requestTimeout;
        copy.failOnHandlerException = failOnHandlerException;
        copy.unavailable = unavailable;
        copy.cacheLimit = cacheLimit;
        copy.journalEntries = journalEntries;
        copy.zoneSize = zoneSize;
        copy.conventionalZones = conventionalZones;
        copy.maxOpenZones = maxOpenZones;
        copy.maxActiveZones = maxActiveZones;
        copy.seed = seed;
        copy.placement = placement;
        copy.artifacts = artifacts;
        copy.artifactsDirectory = artifactsDirectory;
        copy.faults = faults;
        return copy;
    }

    /** These settings with every gap filled that has a default; a new object. */
    DeviceSettings withDefaults(Function<String, Optional<String>> configuration) {
        Parameters parameters = new Parameters(configuration);
        DeviceSettings all = copy();
        all.filesystem = or(filesystem, () -> parameters.constant(DblockParameters.FILESYSTEM, Filesystem.class));
        all.filesystem = or(all.filesystem, () -> Filesystem.NONE);
        all.logicalBlockSize = or(logicalBlockSize, () -> parameters.bytes(DblockParameters.LOGICAL_BLOCK_SIZE));
        all.physicalBlockSize = or(physicalBlockSize, () -> parameters.bytes(DblockParameters.PHYSICAL_BLOCK_SIZE));
        if (all.filesystem != Filesystem.NONE) {
            all.mkfsOptions = or(mkfsOptions, () -> parameters.list(DblockParameters.MKFS_OPTIONS, "\\s+"));
            all.mountOptions = or(mountOptions, () -> parameters.list(DblockParameters.MOUNT_OPTIONS, "\\s*,\\s*"));
        }
        all.cache = or(cache, () -> parameters.constant(DblockParameters.CACHE, CacheMode.class));
        all.readOnly = or(readOnly, () -> parameters.bool(DblockParameters.READ_ONLY));
        all.discard = or(discard, () -> parameters.bool(DblockParameters.DISCARD));
        all.queues = or(queues, () -> parameters.integer(DblockParameters.QUEUES));
        all.depth = or(depth, () -> parameters.integer(DblockParameters.DEPTH));
        all.name = expanded(or(name, () -> parameters.text(DblockParameters.NAME)));
        // Whoever names a handler wants no image, and the other way round, whatever the parameters say.
        if (handler == null) {
            all.image = or(image, () -> parameters.path(DblockParameters.IMAGE));
        }
        if (image == null) {
            all.handler = or(handler, () -> parameters.handler(DblockParameters.HANDLER));
        }
        if (all.image != null) {
            all.imageMode = or(imageMode, () -> parameters.constant(DblockParameters.IMAGE_MODE, ImageMode.class));
            all.imageMode = or(all.imageMode, () -> ImageMode.COPY_ON_WRITE);
        }
        all.size = or(size, () -> parameters.size(DblockParameters.SIZE));
        if (all.size == null && all.image == null) {
            all.size = all.filesystem.minimumSize() > DEFAULT_SIZE ? DEFAULT_SIZE_OF_LARGE_FILESYSTEMS : DEFAULT_SIZE;
        }
        all.cleanup = or(cleanup, () -> parameters.constant(DblockParameters.CLEANUP, CleanupMode.class));
        if (all.cleanup == null || all.cleanup == CleanupMode.DEFAULT) {
            all.cleanup = CleanupMode.ALWAYS;
        }
        all.requestTimeout = or(requestTimeout, () -> parameters.duration(DblockParameters.REQUEST_TIMEOUT));
        all.failOnHandlerException =
                or(failOnHandlerException, () -> parameters.bool(DblockParameters.FAIL_ON_HANDLER_EXCEPTION));
        all.failOnHandlerException = or(all.failOnHandlerException, () -> true);
        all.unavailable = unavailable(configuration);
        all.cacheLimit = or(cacheLimit, () -> parameters.size(DblockParameters.CACHE_LIMIT));
        all.journalEntries = or(journalEntries, () -> parameters.integer(DblockParameters.JOURNAL_ENTRIES));
        // A parameter for all the other devices is not meant for one with a handler or an image, which has no zones.
        if (all.handler == null && all.image == null) {
            all.zoneSize = or(zoneSize, () -> parameters.size(DblockParameters.ZONE_SIZE));
        }
        if (all.zoneSize != null) {
            all.conventionalZones =
                    or(conventionalZones, () -> parameters.integer(DblockParameters.CONVENTIONAL_ZONES));
            all.maxOpenZones = or(maxOpenZones, () -> parameters.integer(DblockParameters.MAX_OPEN_ZONES));
            all.maxActiveZones = or(maxActiveZones, () -> parameters.integer(DblockParameters.MAX_ACTIVE_ZONES));
        }
        all.seed = or(seed, () -> parameters.longInteger(DblockParameters.SEED));
        // A parameter for all the other devices is not meant for one with a handler, which has no choice.
        if (all.handler == null) {
            all.placement = or(placement, () -> parameters.constant(DblockParameters.PLACEMENT, Placement.class));
        }
        all.artifacts = or(artifacts, () -> parameters.constant(DblockParameters.ARTEFACTS, Artifacts.class));
        if (all.artifacts == null || all.artifacts == Artifacts.DEFAULT) {
            all.artifacts = Artifacts.ON_FAILURE;
        }
        all.artifactsDirectory = or(artifactsDirectory, () -> parameters.path(DblockParameters.ARTEFACTS_DIRECTORY));
        all.artifactsDirectory = or(all.artifactsDirectory, () -> DEFAULT_ARTEFACTS_DIRECTORY);
        return all;
    }

    /** Never {@link WhenUnavailable#DEFAULT}. */
    WhenUnavailable unavailable(Function<String, Optional<String>> configuration) {
        WhenUnavailable mode = or(unavailable, () -> new Parameters(configuration)
                .constant(DblockParameters.UNAVAILABLE, WhenUnavailable.class));
        return mode == null || mode == WhenUnavailable.DEFAULT ? WhenUnavailable.FAIL : mode;
    }

    /**
     * Hands everything that is set to {@code builder}.
     *
     * @throws IllegalArgumentException if a value is not allowed
     */
    BlockDevice.Builder applyTo(BlockDevice.Builder builder) {
        if (size != null) {
            builder.size(size);
        }
        if (logicalBlockSize != null) {
            builder.logicalBlockSize(logicalBlockSize);
        }
        if (physicalBlockSize != null) {
            builder.physicalBlockSize(physicalBlockSize);
        }
        if (filesystem != null) {
            builder.filesystem(filesystem);
        }
        if (mkfsOptions != null) {
            builder.mkfsOptions(mkfsOptions.toArray(new String[0]));
        }
        if (mountOptions != null) {
            builder.mountOptions(mountOptions.toArray(new String[0]));
        }
        if (cache != null) {
            builder.cache(cache);
        }
        if (readOnly != null) {
            builder.readOnly(readOnly);
        }
        if (discard != null) {
            builder.discard(discard);
        }
        if (queues != null) {
            builder.queues(queues);
        }
        if (depth != null) {
            builder.depth(depth);
        }
        if (name != null) {
            builder.name(name);
        }
        if (image != null) {
            builder.image(image, imageMode);
        }
        if (requestTimeout != null) {
            builder.requestTimeout(requestTimeout);
        }
        if (handler != null) {
            Object instance = handler.get();
            if (instance instanceof BlockHandler blockHandler) {
                builder.handler(blockHandler);
            } else if (instance instanceof RequestHandler requestHandler) {
                builder.handler(requestHandler);
            } else {
                throw new IllegalArgumentException("The handler supplier returned "
                        + (instance == null
                                ? "null"
                                : "a " + instance.getClass().getName()) + ". Allowed: a "
                        + BlockHandler.class.getName() + " or a " + RequestHandler.class.getName() + ".");
            }
        }
        if (cacheLimit != null) {
            builder.cacheLimit(cacheLimit);
        }
        if (journalEntries != null) {
            builder.journalEntries(journalEntries);
        }
        if (zoneSize != null) {
            builder.zoneSize(zoneSize);
        }
        if (conventionalZones != null) {
            builder.conventionalZones(conventionalZones);
        }
        if (maxOpenZones != null) {
            builder.maxOpenZones(maxOpenZones);
        }
        if (maxActiveZones != null) {
            builder.maxActiveZones(maxActiveZones);
        }
        if (seed != null) {
            builder.seed(seed);
        }
        if (placement != null) {
            builder.placement(placement);
        }
        customizer.accept(builder);
        return builder;
    }

    /** Instances of a handler class, a new one at each call. */
    static Supplier<?> instancesOf(Class<?> type) {
        if (!BlockHandler.class.isAssignableFrom(type) && !RequestHandler.class.isAssignableFrom(type)) {
            throw new ExtensionConfigurationException("handler: " + type.getName()
                    + " is no handler. Allowed: a class that implements " + BlockHandler.class.getName() + " or "
                    + RequestHandler.class.getName() + " and has a constructor without arguments.");
        }
        return () -> {
            try {
                return ReflectionSupport.newInstance(type);
            } catch (Exception e) {
                throw new ExtensionConfigurationException(
                        "handler: no instance of " + type.getName() + " could be made: " + e
                                + ". It needs to be a static or top-level class that is not abstract, with a constructor"
                                + " without arguments.",
                        e);
            }
        };
    }

    static Duration duration(String text) {
        Matcher matcher = SIMPLE_DURATION.matcher(text.strip().toLowerCase(Locale.ROOT));
        try {
            if (matcher.matches()) {
                long amount = Long.parseLong(matcher.group(1));
                return switch (matcher.group(2)) {
                    case "ms" -> Duration.ofMillis(amount);
                    case "s" -> Duration.ofSeconds(amount);
                    case "m" -> Duration.ofMinutes(amount);
                    default -> Duration.ofHours(amount);
                };
            }
            return Duration.parse(text.strip());
        } catch (DateTimeParseException | ArithmeticException | NumberFormatException e) {
            throw new IllegalArgumentException(
                    "Not a duration: \"" + text
                            + "\". Allowed: a whole number and ms, s, m or h, such as \"500ms\", or an ISO-8601 duration,"
                            + " such as \"PT0.5S\".",
                    e);
        }
    }

    private static String expanded(String name) {
        if (name == null) {
            return null;
        }
        String expanded =
                name.replace("{pid}", Long.toString(ProcessHandle.current().pid()));
        return expanded.contains("{n}")
                ? expanded.replace("{n}", Long.toString(NAME_NUMBERS.getAndIncrement()))
                : expanded;
    }

    private static <T> T or(T value, Supplier<T> otherwise) {
        return value != null ? value : otherwise.get();
    }

    private static Boolean[] box(boolean[] values) {
        Boolean[] boxed = new Boolean[values.length];
        for (int i = 0; i < values.length; i++) {
            boxed[i] = values[i];
        }
        return boxed;
    }

    private static <T> T single(String attribute, T[] values) {
        if (values.length > 1) {
            throw new ExtensionConfigurationException(attribute + " has " + values.length + " values: "
                    + Arrays.toString(values) + ". Allowed: one or none.");
        }
        return values.length == 0 ? null : values[0];
    }

    private static <T> T named(String source, Supplier<T> value) {
        try {
            return value.get();
        } catch (IllegalArgumentException e) {
            throw new ExtensionConfigurationException(source + ": " + e.getMessage(), e);
        }
    }

    private static String emptyToNull(String text) {
        return text.isEmpty() ? null : text;
    }

    private static List<String> emptyToNull(List<String> list) {
        return list.isEmpty() ? null : list;
    }

    private static Integer zeroToNull(int value) {
        return value == 0 ? null : value;
    }

    /** Reads configuration parameters; null where one is not set. Errors name the parameter, the value and what is allowed. */
    private record Parameters(Function<String, Optional<String>> configuration) {

        String text(String key) {
            return configuration
                    .apply(key)
                    .map(String::strip)
                    .filter(value -> !value.isEmpty())
                    .orElse(null);
        }

        private <T> T parsed(String key, Function<String, T> parser) {
            String text = text(key);
            return text == null ? null : named("Configuration parameter " + key, () -> parser.apply(text));
        }

        Long size(String key) {
            return parsed(key, ByteSize::parse);
        }

        Integer bytes(String key) {
            return parsed(key, text -> {
                long bytes = ByteSize.parse(text);
                if (bytes > Integer.MAX_VALUE) {
                    throw new IllegalArgumentException(
                            "\"" + text + "\" is more than " + Integer.MAX_VALUE + " bytes.");
                }
                return (int) bytes;
            });
        }

        Integer integer(String key) {
            return parsed(key, text -> {
                try {
                    return Integer.valueOf(text);
                } catch (NumberFormatException e) {
                    throw new IllegalArgumentException(
                            "Not a number: \"" + text + "\". Allowed: a whole number above 0.", e);
                }
            });
        }

        Long longInteger(String key) {
            return parsed(key, text -> {
                try {
                    return Long.valueOf(text);
                } catch (NumberFormatException e) {
                    throw new IllegalArgumentException(
                            "Not a number: \"" + text + "\". Allowed: a whole number from -2^63 to 2^63 - 1.", e);
                }
            });
        }

        Boolean bool(String key) {
            return parsed(key, text -> switch (text.toLowerCase(Locale.ROOT)) {
                case "true" -> true;
                case "false" -> false;
                default ->
                    throw new IllegalArgumentException("Not a truth value: \"" + text + "\". Allowed: true and false.");
            });
        }

        <E extends Enum<E>> E constant(String key, Class<E> type) {
            return parsed(key, text -> {
                String name = text.replace('-', '_');
                for (E constant : type.getEnumConstants()) {
                    if (constant.name().equalsIgnoreCase(name)) {
                        return constant;
                    }
                }
                throw new IllegalArgumentException("Unknown value: \"" + text + "\". Allowed: "
                        + Arrays.stream(type.getEnumConstants())
                                .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", "))
                        + ".");
            });
        }

        List<String> list(String key, String separator) {
            String text = text(key);
            return text == null ? null : List.of(text.split(separator));
        }

        Path path(String key) {
            return parsed(key, Path::of);
        }

        Duration duration(String key) {
            return parsed(key, DeviceSettings::duration);
        }

        Supplier<?> handler(String key) {
            return parsed(key, text -> ReflectionSupport.tryToLoadClass(text)
                    .andThenTry(DeviceSettings::instancesOf)
                    .getOrThrow(e -> new ExtensionConfigurationException(
                            "Configuration parameter " + key + ": " + e.getMessage(), e)));
        }
    }
}
