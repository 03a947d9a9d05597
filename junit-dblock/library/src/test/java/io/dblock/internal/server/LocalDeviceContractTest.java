// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.store.MemoryStore;

class LocalDeviceContractTest extends ServedDeviceContract {
    @Override
    protected ServedDevice create(DeviceParameters parameters, FilterSpec filters) {
        return LocalDevice.create(kernel.session(), parameters, filters, new MemoryStore(parameters.size()));
    }
}
