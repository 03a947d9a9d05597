// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;
import java.util.ServiceLoader;

/**
 * Makes the devices that a {@link BlockDevice.Builder} describes. A test does not call it but uses
 * {@link BlockDevice#builder()} and {@link PowerDomain#of(BlockDevice...)}; it is how these find what implements them,
 * by {@link ServiceLoader}.
 */
public interface BlockDeviceProvider {

    /** The one of this library. */
    static BlockDeviceProvider instance() {
        return BlockDeviceProviderHolder.INSTANCE;
    }

    /**
     * Returns if devices can be made here.
     *
     * @throws ModuleUnavailableException if not
     */
    void requireAvailable();

    /** A builder with nothing set but the defaults. */
    BlockDevice.Builder builder();

    /** Puts these devices on one power supply; see {@link PowerDomain#of(BlockDevice...)}. */
    PowerDomain powerDomain(List<BlockDevice> devices);
}
