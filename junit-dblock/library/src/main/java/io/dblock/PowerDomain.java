// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Map;

/**
 * Devices on one power supply. When a call or a fault rule cuts the power of one device, the power of all is cut at one
 * instant: once a device has failed a request because of the cut, every later request to any of them fails. A device that
 * is closed leaves its domain; the others stay in it.
 *
 * <p>Safe for use by several threads.
 */
public interface PowerDomain {

    /**
     * Puts these devices on one power supply, until they are closed.
     *
     * @throws IllegalArgumentException if there are fewer than two, one is given twice, or one is already in a domain
     * @throws IllegalStateException if one has a user's handler or is closed
     */
    static PowerDomain of(BlockDevice... devices) {
        return BlockDeviceProvider.instance().powerDomain(List.of(devices));
    }

    /** Returns the devices of the domain that are open. */
    List<BlockDevice> devices();

    /** Cuts the power of all devices and loses everything that was not durable; see {@link BlockDevice#powerCut()}. */
    default Map<BlockDevice, CutReport> powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power of all devices.
     *
     * @param survivors the survivors of each device. A random choice differs between devices
     * @return what each open device kept, lost and tore
     * @throws IllegalStateException if the power is already off, or all devices are closed
     * @throws IllegalArgumentException if the survivors name writes by their numbers, which differ between devices, and
     *     more than one device is open
     */
    Map<BlockDevice, CutReport> powerCut(Survivors survivors);

    /**
     * Restores the power of all open devices; see {@link BlockDevice#restorePower()}. Tries every device, even after
     * another one has failed.
     *
     * @throws DblockException if a device failed; the failures of others are suppressed in it
     */
    void restorePower();
}
