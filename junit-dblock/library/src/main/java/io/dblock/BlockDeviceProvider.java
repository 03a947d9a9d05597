// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;
import java.util.ServiceLoader;

/**
 * Provides the implementation of devices. Tests use {@link BlockDevice#builder()} and
 * {@link PowerDomain#of(BlockDevice...)}, which find it through this interface and {@link ServiceLoader}.
 */
public interface BlockDeviceProvider {

    /** Returns the provider of this library. */
    static BlockDeviceProvider instance() {
        return BlockDeviceProviderHolder.INSTANCE;
    }

    /**
     * Checks that devices can be made here.
     *
     * @throws ModuleUnavailableException if the kernel module cannot be made available
     */
    void requireAvailable();

    /** Returns a builder with the default settings. */
    BlockDevice.Builder builder();

    /** Puts these devices on one power supply; see {@link PowerDomain#of(BlockDevice...)}. */
    PowerDomain powerDomain(List<BlockDevice> devices);
}
