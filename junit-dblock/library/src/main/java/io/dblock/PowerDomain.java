// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Map;

/**
 * Devices on one power supply: whichever way the power of one is cut, by a call or by a fault rule, that of all is, at one
 * instant. Nothing that completes on one of them after the cut follows from something that completed on another before it
 * but was lost. A device that is closed leaves its domain; the others stay in it.
 *
 * <p>Safe for use by several threads.
 */
public interface PowerDomain {

    /**
     * Puts these devices on one supply, to their ends.
     *
     * @throws IllegalArgumentException if there are fewer than two, one is given twice, or one is in a domain already
     * @throws IllegalStateException if a handler of the user's answers for one of them, or one is closed
     */
    static PowerDomain of(BlockDevice... devices) {
        return BlockDeviceProvider.instance().powerDomain(List.of(devices));
    }

    /** Cuts the power of all and loses all that was not durable; see {@link BlockDevice#powerCut()}. */
    default Map<BlockDevice, CutReport> powerCut() {
        return powerCut(Survivors.NONE);
    }

    /**
     * Cuts the power of all.
     *
     * @param survivors of each device. A random choice differs between them
     * @return what was kept, lost and torn of each that is open
     * @throws IllegalStateException if it is off already, or all are closed
     */
    Map<BlockDevice, CutReport> powerCut(Survivors survivors);

    /**
     * Restores the power of all that are open; see {@link BlockDevice#restorePower()}. Each is tried, whatever became of
     * those before it.
     *
     * @throws DblockException if that has failed for one; what has failed for others is suppressed in it
     */
    void restorePower();
}
