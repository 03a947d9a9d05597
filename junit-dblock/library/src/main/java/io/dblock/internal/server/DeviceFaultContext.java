// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.internal.fault.FaultContext;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.power.Survivors;
import java.io.IOException;

/** What fault rules see of a device and can do to it. */
final class DeviceFaultContext implements FaultContext {
    private final LocalDevice device;
    private final Filters filters;

    DeviceFaultContext(LocalDevice device, Filters filters) {
        this.device = device;
        this.filters = filters;
    }

    @Override
    public int logicalBlockSize() {
        return device.created().parameters().logicalBlock();
    }

    @Override
    public long size() {
        return device.size();
    }

    @Override
    public long flushEpoch() {
        return filters.journal().flushEpoch();
    }

    @Override
    public boolean marked(String mark) {
        return filters.journal().marked(mark);
    }

    @Override
    public boolean powered() {
        return device.powered();
    }

    @Override
    public boolean isZoned() {
        return device.created().parameters().isZoned();
    }

    @Override
    public boolean hasVolatileCache() {
        return device.created().parameters().flags().contains(DeviceParameters.Flag.WRITE_CACHE);
    }

    @Override
    public boolean takesFua() {
        return device.created().parameters().flags().contains(DeviceParameters.Flag.FUA);
    }

    @Override
    public boolean hasBuiltInStore() {
        return filters.cache() != null;
    }

    @Override
    public void powerCut(Survivors survivors) {
        device.powerCutByRule(survivors);
    }

    @Override
    public BlockHandler snapshot() {
        try (StoreSnapshot snapshot = filters.snapshot()) {
            return snapshot.fork();
        } catch (IOException e) {
            throw new DblockException("The content of " + device.created().name() + " cannot be kept: " + e, e);
        }
    }

    @Override
    public void failed(Throwable failure) {
        device.failed(failure);
    }
}
