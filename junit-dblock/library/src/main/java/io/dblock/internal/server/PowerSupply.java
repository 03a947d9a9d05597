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
 * What the power of one device, or of several, comes from: it is cut for all of them at one instant. A device that is closed
 * leaves it, and the others go on. Of each device it knows the filters, whose cache loses by a cut what is not durable.
 */
final class PowerSupply {
    /** Those that are open. Changed under the lock of the class and that of this. */
    private volatile List<Filters> devices;

    private PowerSupply(List<Filters> devices) {
        this.devices = List.copyOf(devices);
    }

    /** A supply of its own for a device. */
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

    /** Takes a device off its supply, whose store is about to be closed; waits for a cut that is under way. */
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
     * Cuts the power of all.
     *
     * @return the report of each device that is open
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
            // They are cut as one: the choice among what one had in its cache is the others' too.
            caches.forEach(WriteCache::choiceFound);
        }
        reports.forEach((device, report) -> {
            device.journal().note(EventKind.POWER_CUT, report.summary());
            device.faults().failPending(Errno.EIO);
        });
        return reports;
    }

    /**
     * Restores the power of one of them. Not before a cut has failed all it has to: what comes after the power is none of
     * that.
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
        return devices.stream().allMatch(Filters::powered);
    }
}
