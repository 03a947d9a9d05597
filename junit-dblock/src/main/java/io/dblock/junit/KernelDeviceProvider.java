// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.kernel.ModuleLoader;

/** The provider outside our own tests: devices of this machine's kernel. */
final class KernelDeviceProvider implements DeviceProvider {
    static final DeviceProvider INSTANCE = new KernelDeviceProvider();

    private KernelDeviceProvider() {}

    @Override
    public void requireAvailable() {
        ModuleLoader.ensureLoaded();
    }

    @Override
    public BlockDevice create(DeviceSettings settings) {
        return settings.applyTo(BlockDevice.builder()).create();
    }
}
