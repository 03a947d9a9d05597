// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.ModuleUnavailableException;

/** Where the extensions get devices from; another one can be named by {@link Devices#PROVIDER}. */
interface DeviceProvider {

    /**
     * Returns if devices can be made here.
     *
     * @throws ModuleUnavailableException if not
     */
    void requireAvailable();

    /**
     * Makes a device, neither formatted nor mounted.
     *
     * @throws ModuleUnavailableException if the module is not available
     */
    BlockDevice create(DeviceSettings settings);
}
