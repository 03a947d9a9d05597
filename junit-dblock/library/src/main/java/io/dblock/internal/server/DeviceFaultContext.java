// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.DiskRequest;
import io.dblock.internal.fault.FaultContext;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.function.LongSupplier;

/** A device as its fault rules see and change it. */
final class DeviceFaultContext implements FaultContext {
    private final DeviceParameters parameters;
    private final LongSupplier size;
    private final Filters filters;
    private final Failures failures;

    DeviceFaultContext(DeviceParameters parameters, LongSupplier size, Filters filters, Failures failures) {
        this.parameters = parameters;
        this.size = size;
        this.filters = filters;
        this.failures = failures;
    }

    @Override
    public int logicalBlockSize() {
        return parameters.logicalBlock();
    }

    @Override
    public long size() {
        return size.getAsLong();
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
        return filters.powered();
    }

    @Override
    public boolean isZoned() {
        return parameters.isZoned();
    }

    @Override
    public boolean hasVolatileCache() {
        return parameters.flags().contains(DeviceParameters.Flag.WRITE_CACHE);
    }

    @Override
    public boolean takesFua() {
        return parameters.flags().contains(DeviceParameters.Flag.FUA);
    }

    @Override
    public boolean hasBuiltInStore() {
        return filters.cache() != null;
    }

    @Override
    public void powerCut(Survivors survivors) {
        filters.powerSupply().cutUnlessOff(survivors);
    }

    @Override
    public BlockHandler snapshot() {
        try (StoreSnapshot snapshot = filters.cache().snapshot()) {
            return snapshot.fork();
        } catch (IOException e) {
            throw new DblockException("The content of " + parameters.name() + " cannot be kept: " + e, e);
        }
    }

    @Override
    public void failed(Throwable failure) {
        failures.add(failure);
    }

    @Override
    public Errno thrown(DiskRequest request, Throwable failure) {
        return filters.thrown(failure, request.position());
    }
}
