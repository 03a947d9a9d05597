// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Optional;

/** Serves devices that have a built-in store, in this JVM or in the server process. */
public interface DeviceServer {

    /** Creates a device and serves it; the caller starts it. */
    ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    /**
     * Puts devices of this server on one power supply.
     *
     * @throws IllegalArgumentException if a device is given twice, shares a supply already, or has another server
     * @throws IllegalStateException if a device is closed or zoned, or a user's handler answers for it
     */
    void joinPower(List<ServedDevice> devices);

    /**
     * Cuts the power of these devices, which share one supply. The reports are in the order of the devices; a closed device
     * has none.
     *
     * @throws IllegalStateException if the power of a device is off already, or all devices are closed
     */
    List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors);
}
