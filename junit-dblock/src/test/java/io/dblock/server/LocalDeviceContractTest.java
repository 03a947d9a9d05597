// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.handler.MemoryStore;
import io.dblock.kernel.DeviceParameters;

class LocalDeviceContractTest extends ServedDeviceContract {
    @Override
    protected ServedDevice create(DeviceParameters parameters, FilterSpec filters) {
        return LocalDevice.create(kernel.session(), parameters, filters, new MemoryStore(parameters.size()));
    }
}
