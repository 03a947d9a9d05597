// SPDX-License-Identifier: Apache-2.0
package io.dblock.cli;

import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.internal.kernel.DeviceInfo;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Removes a device, whichever process serves it. */
@Command(name = "destroy", description = "Remove a device; who serves it is told that it has ended.")
final class DestroyCommand implements Callable<Integer> {
    private final Machine machine;

    @Parameters(
            index = "0",
            paramLabel = "NAME",
            description = "Its name or node: ledger, dblockledger or /dev/dblockledger.")
    private String name;

    @Option(names = "--force", description = "Although it is open: its users get errors from then on.")
    private boolean force;

    DestroyCommand(Machine machine) {
        this.machine = machine;
    }

    @Override
    public Integer call() {
        String full = fullName(name);
        List<DeviceInfo> devices = machine.devices();
        DeviceInfo device = devices.stream()
                .filter(info -> info.name().equals(full))
                .findFirst()
                .orElseThrow(() -> new DblockException("There is no device " + full + ". There "
                        + (devices.isEmpty()
                                ? "are none."
                                : "is " + devices.stream().map(DeviceInfo::name).collect(Collectors.joining(", "))
                                        + ".")));
        if (device.openers() > 0 && !force) {
            throw new DblockException(full + " is in use: open " + device.openers()
                    + (device.openers() == 1 ? " time" : " times")
                    + " (a mount counts). Unmount or close it (fuser -vm /dev/"
                    + full + " names who), or use --force.");
        }
        machine.destroy(full, force);
        return Main.OK;
    }

    static String fullName(String name) {
        String bare = name.startsWith("/dev/") ? name.substring("/dev/".length()) : name;
        return bare.startsWith(DeviceSpec.NAME_PREFIX) ? bare : DeviceSpec.NAME_PREFIX + bare;
    }
}
