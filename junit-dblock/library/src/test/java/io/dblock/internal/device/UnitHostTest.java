// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.FakeServedDevice;
import io.dblock.internal.server.FilterSpec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;

class UnitHostTest extends HostContract {
    private final FakeKernel kernel = new FakeKernel();
    private final UnitHost host = new UnitHost(kernel);
    private final DeviceSpec spec =
            ((DeviceBuilder) BlockDevice.builder().name("dblock0").size("16MiB").filesystem(Filesystem.EXT4)).spec();
    private final FakeServedDevice served = new FakeServedDevice(
            kernel,
            DeviceFactory.parameters(spec, EnumSet.allOf(Operation.class)),
            new FilterSpec(1, true, 1 << 20, 1024));

    @Override
    void close() {
        served.close();
    }

    @Override
    Host host() {
        return host;
    }

    @Override
    DeviceSpec disk() {
        return spec;
    }

    @Override
    int id() {
        return served.created().id();
    }

    @Override
    boolean exists() {
        return kernel.deviceCount() > 0;
    }

    @Override
    AutoCloseable use(Path mounted) {
        host.users.put(mounted.toString(), List.of("pid 7 (tail -f) has open " + mounted + "/log"));
        return () -> host.users.remove(mounted.toString());
    }
}
