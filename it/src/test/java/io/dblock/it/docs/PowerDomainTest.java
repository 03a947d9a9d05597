// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static org.junit.jupiter.api.Assertions.assertFalse;

import io.dblock.BlockDevice;
import io.dblock.PowerDomain;
import io.dblock.junit.DblockDevice;
import org.junit.jupiter.api.Test;

class PowerDomainTest {

    @Test
    void oneSwitchForTwoDevices(
            @DblockDevice(size = "16MiB") BlockDevice log, @DblockDevice(size = "16MiB") BlockDevice data)
            throws Exception {
        PowerDomain power = PowerDomain.of(log, data);
        power.powerCut(); // both at one instant
        assertFalse(log.powered() || data.powered());
        power.restorePower();
    }
}
