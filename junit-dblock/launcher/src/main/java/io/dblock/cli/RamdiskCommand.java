// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import io.dblock.Placement;
import io.dblock.internal.kernel.DeviceInfo;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** Serves a sample RAM disk. */
@Command(
        name = "ramdisk",
        description = {
            "Make a block device in memory, print its node, and serve it until it is destroyed by",
            "'destroy NAME' elsewhere, or this is interrupted."
        })
final class RamdiskCommand implements Callable<Integer> {
    /** How often to check whether the device was destroyed. */
    private static final long POLL_MILLIS = 100;

    private static final Set<DeviceOption<?>> NOT_HERE =
            Set.of(DeviceOption.NAME, DeviceOption.SIZE, DeviceOption.PLACEMENT);

    private final Machine machine;

    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "NAME",
            description = "Its name; the prefix dblock is added where it is missing.")
    private String name;

    @Parameters(index = "1", paramLabel = "SIZE", converter = Size.class, description = "Its size, such as 64MiB.")
    private long size;

    @Option(
            names = {"-o", "--option"},
            paramLabel = "OPTION=VALUE",
            description = "What else it is to be like; can be repeated.")
    private final Map<String, String> options = new LinkedHashMap<>();

    RamdiskCommand(Machine machine) {
        this.machine = machine;
    }

    @Spec
    void setSpec(CommandSpec spec) {
        this.spec = spec;
        Stream<String> table = DeviceOption.all().stream()
                .filter(option -> !NOT_HERE.contains(option))
                .map(option -> String.format("  %-18s %s (%s)", option.name(), option.meaning(), option.defaultText()));
        spec.usageMessage()
                .footer(Stream.concat(Stream.of("", "Options, with what holds otherwise:"), table)
                        .toArray(String[]::new));
    }

    private DeviceSpec asked() {
        Map<DeviceOption<?>, Object> asked = new LinkedHashMap<>();
        // This process only serves the device, so it needs no server process.
        DeviceOption.PLACEMENT.put(asked, Placement.TEST_JVM);
        try {
            options.forEach((option, text) -> put(DeviceOption.named(option), text, asked));
            DeviceOption.NAME.put(asked, name);
            DeviceOption.SIZE.put(asked, size);
            return new DeviceSpec(asked);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
    }

    private static <T> void put(DeviceOption<T> option, String text, Map<DeviceOption<?>, Object> asked) {
        if (NOT_HERE.contains(option)) {
            throw new IllegalArgumentException(
                    option + " is " + text
                            + " among the options. Allowed: all others; name and size are arguments, and this process serves it.");
        }
        try {
            option.put(asked, option.parse(text));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
        }
    }

    static final class Size implements ITypeConverter<Long> {
        @Override
        public Long convert(String value) {
            try {
                return ByteSize.parse(value);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    @Override
    public Integer call() throws InterruptedException {
        DeviceSpec asked = asked();
        machine.loadModule();
        BlockDevice device = machine.create(asked);
        AtomicBoolean ended = new AtomicBoolean();
        machine.onTermination(
                () -> ended.compareAndSet(false, true) ? OptionalInt.of(end(device)) : OptionalInt.empty());
        OptionalInt id = idOf(device.name());
        PrintWriter out = spec.commandLine().getOut();
        out.println(device.path());
        out.flush();
        while (!ended.get() && id.isPresent() && id.equals(idOf(device.name()))) {
            Thread.sleep(POLL_MILLIS);
        }
        return ended.compareAndSet(false, true) ? end(device) : Main.OK;
    }

    /** Returns the number of the device with this name. The name alone is not enough: a new device may have taken it. */
    private OptionalInt idOf(String deviceName) {
        return machine.devices().stream()
                .filter(info -> info.name().equals(deviceName) && info.state() != DeviceInfo.State.ENDING)
                .mapToInt(DeviceInfo::id)
                .findFirst();
    }

    private int end(BlockDevice device) {
        try {
            device.close();
            return Main.OK;
        } catch (DblockException e) {
            PrintWriter err = spec.commandLine().getErr();
            err.println("junit-dblock: " + e.getMessage());
            err.flush();
            return Main.FAILED;
        }
    }
}
