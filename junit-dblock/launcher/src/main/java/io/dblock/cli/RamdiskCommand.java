// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.internal.kernel.DeviceInfo;
import java.io.PrintWriter;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The sample RAM disk, in Java. */
@Command(
        name = "ramdisk",
        description = {
            "Make a block device in memory, print its node, and serve it until it is destroyed by",
            "'destroy NAME' elsewhere, or this is interrupted."
        })
final class RamdiskCommand implements Callable<Integer> {
    /** How soon a destruction is noticed. */
    private static final long POLL_MILLIS = 100;

    private final Machine machine;

    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            paramLabel = "NAME",
            description = "Its name; the prefix dblock is added where it is missing.")
    private String name;

    @Parameters(index = "1", paramLabel = "SIZE", converter = Size.class, description = "Its size, such as 64MiB.")
    private long size;

    RamdiskCommand(Machine machine) {
        this.machine = machine;
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
        machine.loadModule();
        BlockDevice device = machine.create(name, size);
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

    /** By number: when ours is gone, somebody else may have taken the name. */
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
