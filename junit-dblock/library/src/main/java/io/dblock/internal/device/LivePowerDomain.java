// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.PowerDomain;
import io.dblock.internal.server.DeviceServer;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Devices on one power supply. One server must serve them all, and cuts their power. */
final class LivePowerDomain implements PowerDomain {
    private final List<LiveDevice> devices;

    private LivePowerDomain(List<LiveDevice> devices) {
        this.devices = devices;
    }

    static PowerDomain of(List<BlockDevice> devices) {
        if (devices.size() < 2) {
            throw new IllegalArgumentException(
                    "A power domain of " + devices.size() + " devices was asked for. Allowed: at least 2.");
        }
        List<LiveDevice> live = devices.stream()
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
        LivePowerDomain domain = new LivePowerDomain(live);
        live.forEach(device -> device.join(domain));
        return domain;
    }

    private static DeviceServer server(List<LiveDevice> devices) {
        return devices.get(0).served().server();
    }

    @Override
    public List<BlockDevice> devices() {
        return devices.stream()
                .filter(LiveDevice::isOpen)
                .map(BlockDevice.class::cast)
                .toList();
    }

    @Override
    public Map<BlockDevice, CutReport> powerCut(Survivors survivors) {
        devices.forEach(device -> device.files().look());
        Map<BlockDevice, CutReport> reports = new LinkedHashMap<>();
        List<Optional<CutReport>> cut = server(devices)
                .cutPower(devices.stream().map(LiveDevice::served).toList(), survivors);
        for (int i = 0; i < devices.size(); i++) {
            LiveDevice device = devices.get(i);
            cut.get(i).ifPresent(report -> reports.put(device, device.files().report(report)));
        }
        return reports;
    }

    @Override
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
