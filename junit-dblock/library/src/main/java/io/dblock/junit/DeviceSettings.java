// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.Filesystem;
import io.dblock.fault.FaultRule;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * The settings of a declaration, by option. {@link #withDefaults} adds those of the configuration parameters. Not
 * thread-safe; several threads may only read one that no longer changes.
 */
final class DeviceSettings {
    private static final long DEFAULT_SIZE = 64L << 20;
    private static final long DEFAULT_SIZE_OF_LARGE_FILESYSTEMS = 1L << 30;
    private static final AtomicLong NAME_NUMBERS = new AtomicLong();

    /**
     * The options that have an attribute. {@link #concerns} relies on the order: an option comes after those it depends
     * on.
     */
    private static final Map<DeviceOption<?>, Method> ATTRIBUTES = new LinkedHashMap<>();

    static {
        Stream.concat(TestOption.ofTests().stream(), DeviceOption.all().stream())
                .forEach(option -> ReflectionSupport.findMethod(DblockDevice.class, option.name())
                        .ifPresent(attribute -> ATTRIBUTES.put(option, attribute)));
    }

    private final Map<DeviceOption<?>, Object> values = new HashMap<>();
    /** Called last with each builder; does nothing by default. */
    private Consumer<BlockDevice.Builder> customizer = builder -> {};
    /** The rules that are armed on each device, in this order. */
    private List<FaultRule> faults = List.of();

    /** Returns the settings of the annotation. */
    static DeviceSettings of(DblockDevice annotation) {
        DeviceSettings settings = new DeviceSettings();
        ATTRIBUTES.keySet().forEach(option -> settings.take(option, annotation));
        return settings;
    }

    /** Returns what happens if no device can be made. Ignores all other settings of the annotation. */
    static WhenUnavailable whenUnavailable(DblockDevice annotation, Function<String, Optional<String>> configuration) {
        DeviceSettings settings = new DeviceSettings();
        settings.take(TestOption.UNAVAILABLE, annotation);
        settings.fill(TestOption.UNAVAILABLE, configuration);
        return settings.get(TestOption.UNAVAILABLE);
    }

    <T> void set(DeviceOption<T> option, T value) {
        option.put(values, value);
    }

    void setCustomizer(Consumer<BlockDevice.Builder> customizer) {
        this.customizer = customizer;
    }

    void addFaults(List<FaultRule> rules) {
        faults = Stream.concat(faults.stream(), rules.stream()).toList();
    }

    List<FaultRule> faults() {
        return faults;
    }

    boolean has(DeviceOption<?> option) {
        return values.containsKey(option);
    }

    /** Returns the value that is set, or the default. */
    <T> T get(DeviceOption<T> option) {
        return option.in(values).or(option::defaultValue).orElseThrow();
    }

    DeviceSettings copy() {
        DeviceSettings copy = new DeviceSettings();
        copy.values.putAll(values);
        copy.customizer = customizer;
        copy.faults = faults;
        return copy;
    }

    private <T> void take(DeviceOption<T> option, DblockDevice annotation) {
        Object attribute = ReflectionSupport.invokeMethod(ATTRIBUTES.get(option), annotation);
        said(option, attribute).ifPresent(value -> set(option, value));
    }

    /** Returns the value of an attribute; empty if it is the default value, which counts as not set. */
    private static <T> Optional<T> said(DeviceOption<T> option, Object attribute) {
        if (attribute instanceof String text) {
            return text.isEmpty() ? Optional.empty() : Optional.of(named(option.name(), () -> option.parse(text)));
        }
        if (attribute instanceof String[] texts) {
            return texts.length == 0 ? Optional.empty() : Optional.of(option.cast(List.of(texts)));
        }
        if (attribute instanceof Class<?> type) {
            return type == void.class
                    ? Optional.empty()
                    : Optional.of(named(option.name(), () -> option.cast(TestOption.instancesOf(type))));
        }
        boolean leftOut = attribute.equals(-1) || attribute.equals(Long.MIN_VALUE) || DeviceOption.isDefault(attribute);
        if (leftOut) {
            return Optional.empty();
        }
        return Optional.of(option.cast(attribute instanceof TriState state ? state == TriState.TRUE : attribute));
    }

    /** Returns these settings, completed by those of the configuration parameters and by a size. */
    DeviceSettings withDefaults(Function<String, Optional<String>> configuration) {
        DeviceSettings all = copy();
        for (DeviceOption<?> option : ATTRIBUTES.keySet()) {
            if (concerns(option, all)) {
                all.fill(option, configuration);
            }
        }
        DeviceOption.NAME.in(all.values).ifPresent(name -> all.set(DeviceOption.NAME, expanded(name)));
        if (!all.has(DeviceOption.SIZE) && !all.has(DeviceOption.IMAGE)) {
            Filesystem filesystem = all.get(DeviceOption.FILESYSTEM);
            all.set(
                    DeviceOption.SIZE,
                    filesystem.minimumSize() > DEFAULT_SIZE ? DEFAULT_SIZE_OF_LARGE_FILESYSTEMS : DEFAULT_SIZE);
        }
        return all;
    }

    /**
     * Returns whether a configuration parameter applies to this device. A parameter is set for all devices, but not every
     * device can have every option.
     *
     * @param all the settings so far: those of the declaration, and the parameters of the options before this one
     */
    private boolean concerns(DeviceOption<?> option, DeviceSettings all) {
        if (option == DeviceOption.MKFS_OPTIONS || option == DeviceOption.MOUNT_OPTIONS) {
            return all.get(DeviceOption.FILESYSTEM) != Filesystem.NONE;
        }
        // A declaration with a handler has no image, and one with an image has no handler.
        if (option == DeviceOption.IMAGE) {
            return !has(TestOption.HANDLER);
        }
        if (option == TestOption.HANDLER) {
            return !has(DeviceOption.IMAGE);
        }
        if (option == DeviceOption.IMAGE_MODE) {
            return all.has(DeviceOption.IMAGE);
        }
        // A device with a handler or an image has no zones, and the test JVM always serves a device with a handler.
        if (option == DeviceOption.ZONE_SIZE) {
            return !all.has(TestOption.HANDLER) && !all.has(DeviceOption.IMAGE);
        }
        if (option == DeviceOption.CONVENTIONAL_ZONES
                || option == DeviceOption.MAX_OPEN_ZONES
                || option == DeviceOption.MAX_ACTIVE_ZONES) {
            return all.has(DeviceOption.ZONE_SIZE);
        }
        return option != DeviceOption.PLACEMENT || !all.has(TestOption.HANDLER);
    }

    private <T> void fill(DeviceOption<T> option, Function<String, Optional<String>> configuration) {
        String key = DblockParameters.PREFIX + option.name();
        if (!has(option)) {
            configuration
                    .apply(key)
                    .map(String::strip)
                    .filter(text -> !text.isEmpty())
                    .map(text -> named("Configuration parameter " + key, () -> option.parse(text)))
                    .ifPresent(value -> set(option, value));
        }
    }

    private static String expanded(String name) {
        String expanded =
                name.replace("{pid}", Long.toString(ProcessHandle.current().pid()));
        return expanded.contains("{n}")
                ? expanded.replace("{n}", Long.toString(NAME_NUMBERS.getAndIncrement()))
                : expanded;
    }

    private static <T> T named(String source, Supplier<T> value) {
        try {
            return value.get();
        } catch (IllegalArgumentException e) {
            throw new ExtensionConfigurationException(source + ": " + e.getMessage(), e);
        }
    }

    /**
     * Passes all settings to {@code builder}.
     *
     * @throws IllegalArgumentException if a value is not allowed
     */
    BlockDevice.Builder applyTo(BlockDevice.Builder builder) {
        DeviceOption.all().forEach(option -> hand(option, builder));
        if (has(TestOption.HANDLER)) {
            handHandler(get(TestOption.HANDLER).get(), builder);
        }
        customizer.accept(builder);
        return builder;
    }

    private <T> void hand(DeviceOption<T> option, BlockDevice.Builder builder) {
        option.in(values).ifPresent(value -> builder.set(option, value));
    }

    private static void handHandler(Object handler, BlockDevice.Builder builder) {
        if (handler instanceof BlockHandler blockHandler) {
            builder.handler(blockHandler);
        } else if (handler instanceof RequestHandler requestHandler) {
            builder.handler(requestHandler);
        } else {
            throw new IllegalArgumentException("The handler supplier returned "
                    + (handler == null ? "null" : "a " + handler.getClass().getName()) + ". Allowed: a "
                    + BlockHandler.class.getName() + " or a " + RequestHandler.class.getName() + ".");
        }
    }
}
