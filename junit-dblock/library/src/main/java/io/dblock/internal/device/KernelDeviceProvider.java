// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.BlockDeviceProvider;
import io.dblock.PowerDomain;
import io.dblock.internal.module.ModuleLoader;
import java.util.List;
import java.util.function.Supplier;

/** The provider of real devices, of this machine's kernel. Only our own unit tests use another. */
public final class KernelDeviceProvider implements BlockDeviceProvider {

    @Override
    public void requireAvailable() {
        ModuleLoader.ensureLoaded();
    }

    @Override
    public BlockDevice.Builder builder() {
        return new DeviceBuilder();
    }

    @Override
    public Supplier<BlockDevice> begin(BlockDevice.Builder builder) {
        return ((DeviceBuilder) builder).begin();
    }

    @Override
    public PowerDomain powerDomain(List<BlockDevice> devices) {
        return LivePowerDomain.of(devices);
    }
}
