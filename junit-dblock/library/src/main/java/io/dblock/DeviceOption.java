// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.handler.ImageMode;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * An option of a device: a row of the table below, which has all options. {@link #name()} is the name of the option
 * everywhere: of its method in {@link BlockDevice.Options} and in {@link DeviceSpec}, of its attribute in
 * {@code @DblockDevice}, of its configuration parameter after {@code junit.dblock.}, and on the command line.
 *
 * <p>A new option needs a row here, a method in each of the two, an attribute with a name in {@code DblockParameters},
 * and code that uses it. A test of the build names what is missing.
 *
 * <p>A value that is a constant named {@code DEFAULT} counts as no value. Immutable. The JUnit extension has a second
 * table, of the options that only devices of tests have.
 *
 * @param <T> the type of the values
 */
public class DeviceOption<T> {
    private static final Map<String, DeviceOption<?>> TABLE = new LinkedHashMap<>();

    private static final Pattern NAMES = Pattern.compile("(" + DeviceSpec.NAME_PREFIX + ")?+[A-Za-z0-9_-]{1,21}");
    private static final Duration MAX_TIMEOUT = Duration.ofHours(24);

    /** See {@link BlockDevice.Options#name}. */
    public static final DeviceOption<String> NAME = row(
            "name",
            "the kernel's name for the device",
            Type.TEXT,
            Default.words("the kernel picks one"),
            new Range<>(
                    name -> name.isEmpty() || (NAMES.matcher(name).matches() && !isControlNode(name)),
                    "letters, digits, _ and -, at most 27 of them with the prefix \"dblock\" (21 without), and not"
                            + " \"ctl\""));

    /** See {@link BlockDevice.Options#size(long)}. */
    public static final DeviceOption<Long> SIZE =
            row("size", "bytes, or with a unit", Type.BYTES, Default.words("that of the image"));

    /** See {@link BlockDevice.Options#filesystem}. */
    public static final DeviceOption<Filesystem> FILESYSTEM = row(
            "filesystem", "what the device is formatted with", Type.constant(Filesystem.class), Default.value("none"));

    /** See {@link BlockDevice.Options#mkfsOptions}. */
    public static final DeviceOption<List<String>> MKFS_OPTIONS =
            row("mkfsOptions", "further options of mkfs", Type.list("\\s+"), Default.words("none"));

    /** See {@link BlockDevice.Options#mountOptions}. */
    public static final DeviceOption<List<String>> MOUNT_OPTIONS = row(
            "mountOptions",
            "further options of mount",
            Type.list("\\s*,\\s*"),
            Default.words("none"),
            new Range<>(
                    options -> options.stream().noneMatch(option -> option.isBlank() || option.startsWith("-")),
                    "options as after mount's -o, such as \"discard\" or \"data=journal\""));

    /** See {@link BlockDevice.Options#logicalBlockSize}. */
    public static final DeviceOption<Integer> LOGICAL_BLOCK_SIZE = row(
            "logicalBlockSize",
            "smallest unit to read and write, in bytes",
            Type.FEW_BYTES,
            Default.value("512"),
            new Range<>(bytes -> isPowerOfTwo(bytes) && bytes >= 512 && bytes <= 4096, "512, 1024, 2048 and 4096"));

    /** See {@link BlockDevice.Options#physicalBlockSize}. */
    public static final DeviceOption<Integer> PHYSICAL_BLOCK_SIZE = row(
            "physicalBlockSize",
            "smallest write without read-modify-write",
            Type.FEW_BYTES,
            Default.words("the logical one"));

    /** See {@link BlockDevice.Options#ioMin}. */
    public static final DeviceOption<Integer> IO_MIN =
            row("ioMin", "preferred smallest I/O, in bytes", Type.FEW_BYTES, Default.words("the physical block"));

    /** See {@link BlockDevice.Options#ioOptimal}. */
    public static final DeviceOption<Integer> IO_OPTIMAL =
            row("ioOptimal", "preferred I/O, in bytes; 0: none said", Type.FEW_BYTES, Default.value("0"));

    /** See {@link BlockDevice.Options#maxIo}. */
    public static final DeviceOption<Integer> MAX_IO =
            row("maxIo", "bytes in one read or write", Type.FEW_BYTES, Default.value("1MiB"));

    /** See {@link BlockDevice.Options#queues}. */
    public static final DeviceOption<Integer> QUEUES = row(
            "queues",
            "hardware queues",
            Type.WHOLE_NUMBER,
            Default.value("1"),
            new Range<>(queues -> queues >= 1 && queues <= 64, "1 to 64"));

    /** See {@link BlockDevice.Options#depth}. */
    public static final DeviceOption<Integer> DEPTH = row(
            "depth",
            "requests under way per queue",
            Type.WHOLE_NUMBER,
            Default.value("64"),
            new Range<>(depth -> depth >= 1 && depth <= 4096, "1 to 4096"));

    /** See {@link BlockDevice.Options#cache}. */
    public static final DeviceOption<CacheMode> CACHE = row(
            "cache",
            "whether the device has a volatile write cache",
            Type.constant(CacheMode.class),
            Default.value("write_back"));

    /** See {@link BlockDevice.Options#cacheLimit(long)}. */
    public static final DeviceOption<Long> CACHE_LIMIT = row(
            "cacheLimit",
            "bytes of unflushed writes kept apart",
            Type.BYTES,
            Default.value("256MiB"),
            new Range<>(bytes -> bytes >= 4096, "at least 4096 bytes"));

    /** See {@link BlockDevice.Options#fua}. */
    public static final DeviceOption<Boolean> FUA =
            row("fua", "whether FUA writes are answered natively", Type.TRUTH, Default.value("false"));

    /** See {@link BlockDevice.Options#readOnly}. */
    public static final DeviceOption<Boolean> READ_ONLY =
            row("readOnly", "whether writes are refused", Type.TRUTH, Default.value("false"));

    /** See {@link BlockDevice.Options#discard}. */
    public static final DeviceOption<Boolean> DISCARD =
            row("discard", "whether the device takes discards", Type.TRUTH, Default.value("true"));

    /** See {@link BlockDevice.Options#writeZeroes}. */
    public static final DeviceOption<Boolean> WRITE_ZEROES =
            row("writeZeroes", "whether the device takes write-zeroes", Type.TRUTH, Default.value("true"));

    /** See {@link BlockDevice.Options#stableWrites}. */
    public static final DeviceOption<Boolean> STABLE_WRITES = row(
            "stableWrites", "whether pages stay unchanged while they are written", Type.TRUTH, Default.value("false"));

    /** See {@link BlockDevice.Options#rotational}. */
    public static final DeviceOption<Boolean> ROTATIONAL =
            row("rotational", "whether the device says that it spins", Type.TRUTH, Default.value("false"));

    /** See {@link BlockDevice.Options#image}. */
    public static final DeviceOption<Path> IMAGE =
            row("image", "a file to make the device of", Type.PATH, Default.words("none"));

    /** See {@link BlockDevice.Options#image}. */
    public static final DeviceOption<ImageMode> IMAGE_MODE = row(
            "imageMode", "what becomes of the image", Type.constant(ImageMode.class), Default.value("copy_on_write"));

    /** See {@link BlockDevice.Options#zoneSize(long)}. */
    public static final DeviceOption<Long> ZONE_SIZE =
            row("zoneSize", "bytes of a zone of a zoned device", Type.BYTES, Default.words("not zoned"));

    /** See {@link BlockDevice.Options#conventionalZones}. */
    public static final DeviceOption<Integer> CONVENTIONAL_ZONES = row(
            "conventionalZones", "how many of the first zones are conventional", Type.WHOLE_NUMBER, Default.value("0"));

    /** See {@link BlockDevice.Options#maxOpenZones}. */
    public static final DeviceOption<Integer> MAX_OPEN_ZONES =
            row("maxOpenZones", "zones open at a time; 0: any number", Type.WHOLE_NUMBER, Default.value("0"));

    /** See {@link BlockDevice.Options#maxActiveZones}. */
    public static final DeviceOption<Integer> MAX_ACTIVE_ZONES =
            row("maxActiveZones", "zones active at a time; 0: any number", Type.WHOLE_NUMBER, Default.value("0"));

    /** See {@link BlockDevice.Options#seed}. */
    public static final DeviceOption<Long> SEED =
            row("seed", "of all random choices", Type.NUMBER, Default.words("a new one for each device"));

    /** See {@link BlockDevice.Options#placement}. */
    public static final DeviceOption<Placement> PLACEMENT = row(
            "placement", "which process serves the device", Type.constant(Placement.class), Default.value("automatic"));

    /** See {@link BlockDevice.Options#requestTimeout}. */
    public static final DeviceOption<Duration> REQUEST_TIMEOUT = row(
            "requestTimeout",
            "how long a request may be held",
            Type.DURATION,
            Default.value("30s"),
            new Range<>(
                    timeout -> timeout.compareTo(Duration.ofMillis(1)) >= 0 && timeout.compareTo(MAX_TIMEOUT) <= 0,
                    "1 ms to 24 h"));

    /** See {@link BlockDevice.Options#journalEntries}. */
    public static final DeviceOption<Integer> JOURNAL_ENTRIES = row(
            "journalEntries",
            "how many entries the journal keeps",
            Type.WHOLE_NUMBER,
            Default.value("65536"),
            new Range<>(
                    entries -> isPowerOfTwo(entries) && entries >= 1024 && entries <= 1 << 20,
                    "powers of two from 1024 to 1048576; journal().streamTo(file) keeps all"));

    private final String name;
    private final String meaning;
    private final Type<T> type;
    private final Default otherwise;
    private final Range<T> range;

    /** Makes a row of another table. */
    protected DeviceOption(String name, String meaning, Type<T> type, Default otherwise) {
        this(name, meaning, type, otherwise, new Range<>(value -> true, ""));
    }

    private DeviceOption(String name, String meaning, Type<T> type, Default otherwise, Range<T> range) {
        this.name = name;
        this.meaning = meaning;
        this.type = type;
        this.otherwise = otherwise;
        this.range = range;
    }

    private static <T> DeviceOption<T> row(String name, String meaning, Type<T> type, Default otherwise) {
        return added(new DeviceOption<>(name, meaning, type, otherwise));
    }

    private static <T> DeviceOption<T> row(
            String name, String meaning, Type<T> type, Default otherwise, Range<T> range) {
        return added(new DeviceOption<>(name, meaning, type, otherwise, range));
    }

    private static <T> DeviceOption<T> added(DeviceOption<T> option) {
        TABLE.put(option.name, option);
        return option;
    }

    private static boolean isPowerOfTwo(int value) {
        return value > 0 && Integer.bitCount(value) == 1;
    }

    private static boolean isControlNode(String name) {
        return name.equals("ctl") || name.equals(DeviceSpec.NAME_PREFIX + "ctl");
    }

    /** Returns the whole table. */
    public static Collection<DeviceOption<?>> all() {
        return Collections.unmodifiableCollection(TABLE.values());
    }

    /**
     * Returns the option of this name.
     *
     * @throws IllegalArgumentException if there is none; the message names all options
     */
    public static DeviceOption<?> named(String name) {
        DeviceOption<?> option = TABLE.get(name);
        if (option == null) {
            throw new IllegalArgumentException(
                    "There is no option \"" + name + "\". Allowed: " + String.join(", ", TABLE.keySet()) + ".");
        }
        return option;
    }

    /** Returns the name of the option, the same everywhere. */
    public String name() {
        return name;
    }

    /** Returns what the option means, in half a sentence. */
    public String meaning() {
        return meaning;
    }

    /** Returns what applies if the option is not set, in words, or as {@link #parse} reads it. */
    public String defaultText() {
        return otherwise.text();
    }

    /** Returns the value that applies if the option is not set; empty unless all devices have the same. */
    public Optional<T> defaultValue() {
        return otherwise.isValue() ? Optional.of(parse(otherwise.text())) : Optional.empty();
    }

    /**
     * Returns the value that {@code text} stands for. It may still be out of range or conflict with other options:
     * {@link DeviceSpec} checks that.
     *
     * @throws IllegalArgumentException if the text stands for no value; the message says what is allowed
     */
    public T parse(String text) {
        return type.parser().apply(text);
    }

    /** Returns {@code value}, which must be a value of this option, as its type. */
    @SuppressWarnings("unchecked")
    public T cast(Object value) {
        return (T) type.of().cast(value);
    }

    /** Returns the value of this option in {@code values}, if there is one. */
    public Optional<T> in(Map<DeviceOption<?>, ?> values) {
        return Optional.ofNullable(values.get(this)).map(this::cast);
    }

    /**
     * Sets the value of this option in {@code values} and replaces an earlier one. A {@code DEFAULT} only removes the
     * earlier one.
     */
    public void put(Map<DeviceOption<?>, Object> values, T value) {
        Objects.requireNonNull(value, name);
        if (isDefault(value)) {
            values.remove(this);
        } else {
            values.put(this, value instanceof List<?> list ? List.copyOf(list) : value);
        }
    }

    /** Returns whether {@code value} counts as no value. */
    public static boolean isDefault(Object value) {
        return value instanceof Enum<?> constant && constant.name().equals("DEFAULT");
    }

    void check(T value) {
        if (!range.allowed().test(value)) {
            throw new IllegalArgumentException(name + " is " + value + ". Allowed: " + range.text() + ".");
        }
    }

    @Override
    public String toString() {
        return name;
    }

    /** What applies if the option is not set: a value, or words for what takes its place. */
    protected record Default(String text, boolean isValue) {
        /** Returns a default that is a value, as the option's type reads it. */
        public static Default value(String text) {
            return new Default(text, true);
        }

        /** Returns a default that is not a value. */
        public static Default words(String text) {
            return new Default(text, false);
        }
    }

    /** The allowed values, regardless of other options; the text is what follows "Allowed: ". */
    private record Range<T>(Predicate<T> allowed, String text) {}

    /**
     * The type of values, and the parser of their text. The text is that of a configuration parameter, an attribute or
     * the command line.
     */
    protected record Type<T>(Class<? super T> of, Function<String, T> parser) {
        private static final Pattern SIMPLE_DURATION = Pattern.compile("([0-9]+) ?(ms|s|m|h)");

        /** Any text. */
        public static final Type<String> TEXT = new Type<>(String.class, text -> text);
        /** A file or directory. */
        public static final Type<Path> PATH = new Type<>(Path.class, Path::of);
        /** Bytes. */
        public static final Type<Long> BYTES = new Type<>(Long.class, ByteSize::parse);
        /** Bytes, less than 2 GiB. */
        public static final Type<Integer> FEW_BYTES = new Type<>(Integer.class, Type::fewBytes);
        /** A number of things. */
        public static final Type<Integer> WHOLE_NUMBER = new Type<>(Integer.class, Type::wholeNumber);
        /** Any number. */
        public static final Type<Long> NUMBER = new Type<>(Long.class, Type::number);
        /** True or false. */
        public static final Type<Boolean> TRUTH = new Type<>(Boolean.class, Type::truth);
        /** A duration. */
        public static final Type<Duration> DURATION = new Type<>(Duration.class, Type::duration);

        /** Makes another type. */
        public Type {}

        /** Returns the type of lists of texts with a separator between them. */
        public static Type<List<String>> list(String separator) {
            return new Type<>(List.class, text -> List.of(text.split(separator)));
        }

        /** Returns the type of the constants of an enum. Their text can be in any case, with - in place of _. */
        public static <E extends Enum<E>> Type<E> constant(Class<E> type) {
            return new Type<>(type, text -> constant(type, text));
        }

        private static int fewBytes(String text) {
            long bytes = ByteSize.parse(text);
            if (bytes > Integer.MAX_VALUE) {
                throw new IllegalArgumentException("\"" + text + "\" is more than " + Integer.MAX_VALUE + " bytes.");
            }
            return (int) bytes;
        }

        private static int wholeNumber(String text) {
            try {
                return Integer.parseInt(text);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "Not a number: \"" + text + "\". Allowed: a whole number, 0 or more.", e);
            }
        }

        private static long number(String text) {
            try {
                return Long.parseLong(text);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "Not a number: \"" + text + "\". Allowed: a whole number from -2^63 to 2^63 - 1.", e);
            }
        }

        private static boolean truth(String text) {
            return switch (text.toLowerCase(Locale.ROOT)) {
                case "true" -> true;
                case "false" -> false;
                default ->
                    throw new IllegalArgumentException("Not a truth value: \"" + text + "\". Allowed: true and false.");
            };
        }

        private static <E extends Enum<E>> E constant(Class<E> type, String text) {
            String name = text.replace('-', '_');
            return Arrays.stream(type.getEnumConstants())
                    .filter(constant -> constant.name().equalsIgnoreCase(name))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("Unknown value: \"" + text + "\". Allowed: "
                            + Arrays.stream(type.getEnumConstants())
                                    .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                                    .collect(Collectors.joining(", "))
                            + "."));
        }

        private static Duration duration(String text) {
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
                                + "\". Allowed: a whole number and ms, s, m or h, such as \"500ms\", or an ISO-8601"
                                + " duration, such as \"PT0.5S\".",
                        e);
            }
        }
    }
}
