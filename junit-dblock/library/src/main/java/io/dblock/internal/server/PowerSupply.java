// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
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
 * The power supply of one device, or of several whose power is cut at one instant. A closed device leaves its supply, and the
 * others go on. The supply knows each device by its filters: in a cut, their write cache loses what is not durable.
 */
final class PowerSupply {
    /** The open devices. Changed with the locks of the class and of this object held. */
    private volatile List<Filters> devices;

    private PowerSupply(List<Filters> devices) {
        this.devices = List.copyOf(devices);
    }

    /** Returns a supply for this device alone. */
    static PowerSupply of(Filters device) {
        return new PowerSupply(List.of(device));
    }

    /** Puts these devices on one supply. */
    static synchronized void join(List<Filters> devices) {
        if (new HashSet<>(devices).size() < devices.size()) {
            throw new IllegalArgumentException("A device is given twice. Allowed: each once.");
        }
        for (Filters device : devices) {
            device.requireStore("A power domain");
            if (!device.isOpen()) {
                throw new IllegalStateException(device.name() + " is closed. Allowed: devices that are open.");
            }
            if (device.powerSupply().devices.size() > 1) {
                throw new IllegalArgumentException(device.name()
                        + " is in a power domain already. Allowed: one domain; name all its devices at once.");
            }
        }
        PowerSupply joint = new PowerSupply(devices);
        devices.forEach(device -> device.setPowerSupply(joint));
    }

    /** Takes a device off its supply before its store is closed. Waits for a cut that is under way. */
    static synchronized void leave(Filters device) {
        device.powerSupply().remove(device);
    }

    private synchronized void remove(Filters device) {
        devices = devices.stream().filter(other -> other != device).toList();
    }

    boolean feeds(Filters device) {
        return devices.contains(device);
    }

    /**
     * Cuts the power of all devices.
     *
     * @return the report of each open device
     */
    synchronized Map<Filters, CutReport> cut(Survivors survivors) {
        List<Filters> open = devices;
        open.forEach(device -> device.requireStore("powerCut()"));
        if (open.size() > 1 && survivors.choice() == Survivors.Choice.LIST) {
            throw new IllegalArgumentException(
                    "survivors is \"" + survivors + "\" for " + open.size()
                            + " devices. Allowed for a power domain: any choice but a list, whose numbers each device has its own of.");
        }
        List<WriteCache> caches = open.stream().map(Filters::cache).toList();
        Map<Filters, CutReport> reports = new LinkedHashMap<>();
        WriteCache.lockAll(caches);
        try {
            for (Filters device : open) {
                if (!device.powered()) {
                    throw new IllegalStateException(
                            "The power of " + device.name() + " is off already. Call restorePower() before.");
                }
            }
            for (Filters device : open) {
                reports.put(device, device.cache().cut(survivors.orSeed(device.nextSeed())));
            }
        } finally {
            WriteCache.unlockAll(caches);
        }
        if (reports.values().stream().anyMatch(report -> !report.writes().isEmpty())) {
            // The devices are cut as one: if any cache had writes to choose from, the choice counts for all.
            caches.forEach(WriteCache::choiceFound);
        }
        reports.forEach((device, report) -> {
            device.journal().note(EventKind.POWER_CUT, report.summary());
            device.faults().failPending(Errno.EIO);
        });
        return reports;
    }

    /**
     * Restores the power of one device. Waits for a cut that is under way, because the cut must not fail requests that come
     * when the power is back.
     */
    synchronized void restore(Filters device) {
        device.requireStore("restorePower()");
        try {
            device.cache().restore();
        } catch (IOException e) {
            throw new DblockException(
                    "The power of " + device.name() + " stays off: what its cut has to undo in the store fails: " + e,
                    e);
        }
        device.journal().note(EventKind.POWER_RESTORED, "");
    }

    /** Cuts the power for a fault rule, unless that of any device is off: then another cut has come first. */
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
        return devices.stream().allMatch(Filters::powered);
    }
}
