// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.Errno;
import io.dblock.internal.store.WriteCache;
import io.dblock.journal.EventKind;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the power of one device, or of several, comes from: it is cut for all of them at one instant. A device that is closed
 * leaves it, and the others go on.
 */
final class PowerSupply {
    /** Those that are open. Changed under the lock of the class and that of this. */
    private volatile List<LocalDevice> devices;

    private PowerSupply(List<LocalDevice> devices) {
        this.devices = List.copyOf(devices);
    }

    /** A supply of its own for a device. */
    static PowerSupply of(LocalDevice device) {
        return new PowerSupply(List.of(device));
    }

    /** Puts these devices on one supply. */
    static synchronized void join(List<LocalDevice> devices) {
        if (new HashSet<>(devices).size() < devices.size()) {
            throw new IllegalArgumentException("A device is given twice. Allowed: each once.");
        }
        for (LocalDevice device : devices) {
            device.requireStore("A power domain");
            if (!device.isOpen()) {
                throw new IllegalStateException(
                        device.created().name() + " is closed. Allowed: devices that are open.");
            }
            if (device.powerSupply().devices.size() > 1) {
                throw new IllegalArgumentException(device.created().name()
                        + " is in a power domain already. Allowed: one domain; name all its devices at once.");
            }
        }
        PowerSupply joint = new PowerSupply(devices);
        devices.forEach(device -> device.setPowerSupply(joint));
    }

    /** Takes a device off its supply, whose store is about to be closed; waits for a cut that is under way. */
    static synchronized void leave(LocalDevice device) {
        device.powerSupply().remove(device);
    }

    private synchronized void remove(LocalDevice device) {
        devices = devices.stream().filter(other -> other != device).toList();
    }

    boolean feeds(LocalDevice device) {
        return devices.contains(device);
    }

    /**
     * Cuts the power of all.
     *
     * @return the report of each device that is open
     */
    synchronized Map<LocalDevice, CutReport> cut(Survivors survivors) {
        List<LocalDevice> open = devices;
        open.forEach(device -> device.requireStore("powerCut()"));
        if (open.size() > 1 && survivors.choice() == Survivors.Choice.LIST) {
            throw new IllegalArgumentException(
                    "survivors is \"" + survivors + "\" for " + open.size()
                            + " devices. Allowed for a power domain: any choice but a list, whose numbers each device has its own of.");
        }
        List<WriteCache> caches =
                open.stream().map(device -> device.filters().cache()).toList();
        Map<LocalDevice, CutReport> reports = new LinkedHashMap<>();
        WriteCache.lockAll(caches);
        try {
            for (LocalDevice device : open) {
                if (!device.powered()) {
                    throw new IllegalStateException(
                            "The power of " + device.created().name() + " is off already. Call restorePower() before.");
                }
            }
            for (LocalDevice device : open) {
                reports.put(
                        device,
                        device.filters()
                                .cache()
                                .cut(survivors.orSeed(device.filters().nextSeed())));
            }
        } finally {
            WriteCache.unlockAll(caches);
        }
        if (reports.values().stream().anyMatch(report -> !report.writes().isEmpty())) {
            // They are cut as one: the choice among what one had in its cache is the others' too.
            caches.forEach(WriteCache::choiceFound);
        }
        reports.forEach((device, report) -> {
            device.filters().journal().note(EventKind.POWER_CUT, report.summary());
            device.filters().faults().failPending(Errno.EIO);
        });
        return reports;
    }

    /**
     * Restores the power of one of them. Not before a cut has failed all it has to: what comes after the power is none of
     * that.
     */
    synchronized void restore(LocalDevice device) throws IOException {
        device.filters().cache().restore();
        device.filters().journal().note(EventKind.POWER_RESTORED, "");
    }

    /** Cuts it for a fault rule: if it is off already, somebody else has just cut it. */
    void cutUnlessOff(Survivors survivors) {
        if (isOn()) {
            try {
                cut(survivors);
            } catch (IllegalStateException e) {
                if (isOn()) {
                    throw e;
                }
            }
        }
    }

    private boolean isOn() {
        return devices.stream().allMatch(LocalDevice::powered);
    }
}
