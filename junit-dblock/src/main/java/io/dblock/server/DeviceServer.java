// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.kernel.DeviceParameters;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;

/** Who serves devices whose data are kept by a built-in store: this JVM, or a process of its own. */
public interface DeviceServer {

    /** Creates a device and serves it. It is not started yet. */
    ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    /**
     * Puts devices of this server on one power supply.
     *
     * @throws IllegalArgumentException if one is given twice, or shares its supply already
     * @throws IllegalStateException if a user's handler answers for one of them
     */
    void joinPower(List<ServedDevice> devices);

    /** Cuts the power that these devices, all of one supply, share; the reports are in their order. */
    List<CutReport> cutPower(List<ServedDevice> devices, Survivors survivors);
}
