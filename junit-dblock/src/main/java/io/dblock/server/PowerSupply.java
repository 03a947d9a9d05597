// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.filter.WriteCache;
import io.dblock.journal.EventKind;
import io.dblock.kernel.Errno;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/** What the power of one device, or of several, comes from: it is cut for all of them at one instant. */
final class PowerSupply {
    private final List<LocalDevice> devices;

    private PowerSupply(List<LocalDevice> devices) {
        this.devices = List.copyOf(devices);
    }

    /** A supply of its own for a device. */
    static PowerSupply of(LocalDevice device) {
        return new PowerSupply(List.of(device));
    }

    /** Puts these devices on one supply. */
    static void join(List<LocalDevice> devices) {
        if (new HashSet<>(devices).size() < devices.size()) {
            throw new IllegalArgumentException("A device is given twice. Allowed: each once.");
        }
        for (LocalDevice device : devices) {
            device.requireStore("A power domain");
            if (device.powerSupply().devices.size() > 1) {
                throw new IllegalArgumentException(device.created().name()
                        + " is in a power domain already. Allowed: one domain; name all its devices at once.");
            }
        }
        PowerSupply joint = new PowerSupply(devices);
        devices.forEach(device -> device.setPowerSupply(joint));
    }

    /**
     * Cuts the power of all.
     *
     * @return the reports in the order of the devices
     */
    synchronized List<CutReport> cut(Survivors survivors) {
        devices.forEach(device -> device.requireStore("powerCut()"));
        if (devices.size() > 1 && survivors.choice() == Survivors.Choice.LIST) {
            throw new IllegalArgumentException(
                    "survivors is \"" + survivors + "\" for " + devices.size()
                            + " devices. Allowed for a power domain: any choice but a list, whose numbers each device has its own of.");
        }
        List<WriteCache> caches =
                devices.stream().map(device -> device.filters().cache()).toList();
        List<CutReport> reports = new ArrayList<>();
        WriteCache.lockAll(caches);
        try {
            for (LocalDevice device : devices) {
                if (!device.powered()) {
                    throw new IllegalStateException(
                            "The power of " + device.created().name() + " is off already. Call restorePower() before.");
                }
            }
            for (LocalDevice device : devices) {
                reports.add(device.filters()
                        .cache()
                        .cut(survivors.orSeed(device.filters().nextSeed())));
            }
        } finally {
            WriteCache.unlockAll(caches);
        }
        for (int i = 0; i < devices.size(); i++) {
            Filters filters = devices.get(i).filters();
            filters.journal().note(EventKind.POWER_CUT, summary(reports.get(i)));
            filters.faults().failPending(Errno.EIO);
        }
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
        if (devices.stream().allMatch(LocalDevice::powered)) {
            try {
                cut(survivors);
            } catch (IllegalStateException e) {
                if (devices.stream().allMatch(LocalDevice::powered)) {
                    throw e;
                }
            }
        }
    }

    /** Cuts the power of all and gives what it did to this one. */
    CutReport cut(LocalDevice device, Survivors survivors) {
        return cut(survivors).get(devices.indexOf(device));
    }

    private static String summary(CutReport report) {
        return "survivors: " + report.survivors() + "; of " + report.writes().size() + " cached writes "
                + report.kept().size() + " kept, " + report.lost().size() + " lost, "
                + report.torn().size() + " torn";
    }
}
