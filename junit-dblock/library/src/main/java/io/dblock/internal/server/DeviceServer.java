// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Optional;

/** Who serves devices whose data are kept by a built-in store: this JVM, or a process of its own. */
public interface DeviceServer {

    /** Creates a device and serves it. It is not started yet. */
    ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    /**
     * Puts devices of this server on one power supply.
     *
     * @throws IllegalArgumentException if one is given twice, or shares its supply already
     * @throws IllegalStateException if a user's handler answers for one of them, or one is closed
     */
    void joinPower(List<ServedDevice> devices);

    /**
     * Cuts the power that these devices, all of one supply, share; the reports are in their order. A device that is closed has
     * none.
     *
     * @throws IllegalStateException if the power of one is off already, or all are closed
     */
    List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors);
}
