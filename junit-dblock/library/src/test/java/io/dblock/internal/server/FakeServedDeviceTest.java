// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;

class FakeServedDeviceTest extends ServedDeviceContract {
    @Override
    protected ServedDevice create(DeviceParameters parameters, FilterSpec filters) {
        return new FakeServedDevice(kernel, parameters, filters);
    }
}
