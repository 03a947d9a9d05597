// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import io.dblock.BlockDevice;
import io.dblock.PowerDomain;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Map;

/**
 * The power of several devices and of all containers on them: one machine with several disks and containers, or several
 * machines that lose their power together.
 *
 * <pre>{@code
 * ContainerPower power = ContainerPower.of(PowerDomain.of(data, log));
 * commit();
 * power.powerCut();
 * }</pre>
 *
 * <p>The containers are those that have a device of the domain by a {@link ContainerDisk}. See there for what a cut is. Safe
 * for use by several threads, but for one cut at a time.
 */
public final class ContainerPower {
    private final PowerCycle cycle;

    private ContainerPower(PowerDomain domain) {
        cycle = cycle(domain);
    }

    /** Returns the cycle of all devices of a domain. */
    static PowerCycle cycle(PowerDomain domain) {
        return new PowerCycle(new PowerCycle.Supply() {
            @Override
            public List<BlockDevice> devices() {
                return domain.devices();
            }

            @Override
            public Map<BlockDevice, CutReport> cut(Survivors survivors) {
                return domain.powerCut(survivors);
            }

            @Override
            public void restore() {
                domain.restorePower();
            }
        });
    }

    /** Returns the power of this domain's devices and of the containers on them. */
    public static ContainerPower of(PowerDomain domain) {
        return new ContainerPower(domain);
    }

    /** Cuts the power and starts all again, see {@link #powerCut(Survivors)}. Only what was flushed survives. */
    public Map<BlockDevice, CutReport> powerCut() {
        return powerCut(Survivors.NONE);
    }

    /** Calls {@link #powerOff(Survivors)} and {@link #powerOn()}. */
    public Map<BlockDevice, CutReport> powerCut(Survivors survivors) {
        Map<BlockDevice, CutReport> reports = powerOff(survivors);
        powerOn();
        return reports;
    }

    /** Cuts the power, see {@link #powerOff(Survivors)}. Only what was flushed survives. */
    public Map<BlockDevice, CutReport> powerOff() {
        return powerOff(Survivors.NONE);
    }

    /**
     * Cuts the power of all devices at one instant, and kills the containers; see {@link ContainerDisk#powerOff(Survivors)}.
     *
     * @return what each device kept, lost and tore
     */
    public Map<BlockDevice, CutReport> powerOff(Survivors survivors) {
        return cycle.off(survivors);
    }

    /** Restores the power and starts the containers again; see {@link ContainerDisk#powerOn()}. */
    public void powerOn() {
        cycle.on();
    }
}
