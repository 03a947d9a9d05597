// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.server.DeviceServer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Devices on one power supply: whichever way the power of one is cut, by a call or by a fault rule, that of all is, at one
 * instant. Nothing that completes on one of them after the cut follows from something that completed on another before it
 * but was lost. A device that is closed leaves its domain; the others stay in it.
 *
 * <p>Safe for use by several threads.
 */
public final class PowerDomain {
    private final List<LiveDevice> devices;

    private PowerDomain(List<LiveDevice> devices) {
        this.devices = devices;
    }

    /**
     * Puts these devices on one supply, to their ends.
     *
     * @throws IllegalArgumentException if there are fewer than two, one is given twice, or one is in a domain already
     * @throws IllegalStateException if a handler of the user's answers for one of them, or one is closed
     */
    public static PowerDomain of(BlockDevice... devices) {
        if (devices.length < 2) {
            throw new IllegalArgumentException(
                    "A power domain of " + devices.length + " devices was asked for. Allowed: at least 2.");
        }
        List<LiveDevice> live = java.util.Arrays.stream(devices)
                .map(device -> {
                    if (device instanceof LiveDevice one) {
                        return one;
                    }
                    throw new IllegalArgumentException(device
                            + " cannot be in a power domain. Allowed: devices made by this library's builder or by"
                            + " @DblockDevice.");
                })
                .toList();
        server(live).joinPower(live.stream().map(LiveDevice::served).toList());
        return new PowerDomain(live);
    }

    private static DeviceServer server(List<LiveDevice> devices) {
        return devices.get(0).served().server();
    }

    /** Cuts the power of all and loses all that was not durable; see {@link BlockDevice#powerCut()}. */
    public Map<BlockDevice, CutReport> powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power of all.
     *
     * @param survivors of each device. A random choice differs between them
     * @return what was kept, lost and torn of each that is open
     * @throws IllegalStateException if it is off already, or all are closed
     */
    public Map<BlockDevice, CutReport> powerCut(Survivors survivors) {
        Map<BlockDevice, CutReport> reports = new LinkedHashMap<>();
        List<Optional<CutReport>> cut = server(devices)
                .cutPower(devices.stream().map(LiveDevice::served).toList(), survivors);
        for (int i = 0; i < devices.size(); i++) {
            BlockDevice device = devices.get(i);
            cut.get(i).ifPresent(report -> reports.put(device, report));
        }
        return reports;
    }

    /**
     * Restores the power of all that are open; see {@link BlockDevice#restorePower()}. Each is tried, whatever became of
     * those before it.
     *
     * @throws DblockException if that has failed for one; what has failed for others is suppressed in it
     */
    public void restorePower() {
        RuntimeException failure = null;
        for (LiveDevice device : devices) {
            try {
                if (device.isOpen()) {
                    device.restorePower();
                }
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
