// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.BlockDevice;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Cuts the power of devices together with the containers that use them, and restores it.
 *
 * <p>The order matters. First the containers are frozen: a machine without power does nothing, so they must not see errors
 * of the disk and act on them. Then the power is cut, at one instant. Only then are the containers killed: what the kernel
 * writes for a process that has ended, and what of its memory it has not written yet, meets a disk without power. When
 * they have ended and nothing has the filesystem mounted any more, the power comes back.
 */
final class PowerCycle {
    /** For each wait. A database on an emulated machine takes minutes to recover. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    /** Devices on one power supply. */
    interface Supply {
        List<BlockDevice> devices();

        Map<BlockDevice, CutReport> cut(Survivors survivors);

        void restore();
    }

    private final Supply supply;
    private final Function<BlockDevice, List<AttachedContainer>> containersOn;

    PowerCycle(Supply supply) {
        this(supply, AttachedContainer::on);
    }

    /** {@code containersOn} returns the containers that have been started on a device. */
    PowerCycle(Supply supply, Function<BlockDevice, List<AttachedContainer>> containersOn) {
        this.supply = supply;
        this.containersOn = containersOn;
    }

    /** Returns the containers that have been started on the devices and not removed since. */
    private List<AttachedContainer> containers() {
        Set<AttachedContainer> containers = new LinkedHashSet<>();
        for (BlockDevice device : supply.devices()) {
            containersOn.apply(device).stream()
                    .filter(container -> container.id().isPresent())
                    .forEach(containers::add);
        }
        if (containers.isEmpty()) {
            throw new IllegalStateException(
                    "No container is on " + names()
                            + ": start one that has it by mountIn(...) or deviceIn(...), or cut the power of the device itself.");
        }
        return List.copyOf(containers);
    }

    private List<String> names() {
        return supply.devices().stream().map(BlockDevice::name).toList();
    }

    private boolean powered() {
        return supply.devices().stream().allMatch(BlockDevice::powered);
    }

    private static List<AttachedContainer> running(List<AttachedContainer> containers) {
        return containers.stream().filter(AttachedContainer::isRunning).toList();
    }

    /** Cuts the power and kills the containers. */
    Map<BlockDevice, CutReport> off(Survivors survivors) {
        List<AttachedContainer> running = running(containers());
        if (!powered()) {
            throw new IllegalStateException(
                    "The power of " + names() + " is already off. powerOn() kills what still runs"
                            + " on it, restores the power and starts the containers again.");
        }
        running.forEach(this::requireAllItsDisks);
        running.forEach(AttachedContainer::requireFlushed);
        running.forEach(AttachedContainer::freeze);
        Map<BlockDevice, CutReport> reports;
        try {
            reports = supply.cut(survivors);
        } catch (RuntimeException e) {
            running.forEach(AttachedContainer::thaw);
            throw e;
        }
        end(running);
        return reports;
    }

    private void requireAllItsDisks(AttachedContainer container) {
        List<String> others = container.devices().stream()
                .filter(device -> !supply.devices().contains(device))
                .map(BlockDevice::name)
                .toList();
        if (!others.isEmpty()) {
            throw new IllegalStateException(container.name() + " has " + others + " besides " + names()
                    + ". A machine that loses its power loses that of all its disks: put them into one PowerDomain, and use"
                    + " ContainerPower.of(domain).");
        }
    }

    private static void end(List<AttachedContainer> running) {
        running.forEach(AttachedContainer::kill);
        running.forEach(container -> container.awaitEnd(LIMIT));
    }

    /** Restores the power and starts the containers again. What still runs is killed: it would have died in the cut. */
    void on() {
        List<AttachedContainer> containers = containers();
        if (powered()) {
            throw new IllegalStateException("The power of " + names() + " is on. Cut it before: powerOff().");
        }
        end(running(containers));
        supply.devices().forEach(device -> containers.get(0).awaitUnmounted(device, LIMIT));
        supply.restore();
        containers.forEach(AttachedContainer::requireDirectories);
        containers.forEach(AttachedContainer::startAgain);
        containers.forEach(container -> container.awaitReady(LIMIT));
    }
}
