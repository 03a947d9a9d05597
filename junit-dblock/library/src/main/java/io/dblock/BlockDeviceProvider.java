// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Supplier;

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

    /**
     * Begins {@link BlockDevice.Builder#create()}: checks the settings, and has the kernel give the device its name. So the
     * names of devices follow the order in which they were begun, and devices that were begun can be finished side by side.
     *
     * @param builder one of {@link #builder()}
     * @return finishes the device: starts it, waits for its node and formats it. Must be called once, by any thread. If it
     *     throws an exception, there is no device.
     * @throws RuntimeException as {@link BlockDevice.Builder#create()} does
     */
    Supplier<BlockDevice> begin(BlockDevice.Builder builder);

    /** Puts these devices on one power supply; see {@link PowerDomain#of(BlockDevice...)}. */
    PowerDomain powerDomain(List<BlockDevice> devices);
}
