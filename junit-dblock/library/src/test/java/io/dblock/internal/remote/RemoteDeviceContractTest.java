// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedDeviceContract;
import io.dblock.internal.server.StoreSpec;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;

/** The contract of devices, for a device reached over a connection. */
class RemoteDeviceContractTest extends ServedDeviceContract {
    /** Closed after the device. */
    @AutoClose
    private final RemoteServerPair pair = new RemoteServerPair(kernel);

    @Override
    protected ServedDevice create(DeviceParameters parameters, FilterSpec filters) {
        return pair.remote.create(
                parameters,
                filters,
                new StoreSpec(parameters.size(), 512, Optional.empty(), Optional.empty(), Optional.empty()));
    }
}
