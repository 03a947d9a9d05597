// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.store.MemoryStore;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Optional;

/** Serves devices of a {@link FakeKernel} in this JVM, over stores in memory. */
public final class FakeKernelServer implements DeviceServer {
    private final FakeKernel kernel;

    public FakeKernelServer(FakeKernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        ControlSession session = kernel.session();
        try {
            return LocalDevice.create(session, parameters, filters, new MemoryStore(store.size()));
        } catch (ControlException e) {
            session.close();
            throw e;
        }
    }

    @Override
    public void joinPower(List<ServedDevice> devices) {
        LocalServer.instance().joinPower(devices);
    }

    @Override
    public List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors) {
        return LocalServer.instance().cutPower(devices, survivors);
    }
}
