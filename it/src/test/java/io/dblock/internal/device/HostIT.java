// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.module.ModuleLoader;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;

/** The real machine, which is not to be reached but by devices: hence a test in their package. */
class HostIT extends HostContract {
    private BlockDevice disk;
    private int id;

    @BeforeEach
    void aDisk() {
        disk = BlockDevice.builder().size("16MiB").filesystem(Filesystem.EXT4).create();
        try (ControlSession session = ModuleLoader.openSession()) {
            id = session.info(disk.name()).id();
        }
    }

    @Override
    void close() {
        disk.close();
    }

    @Override
    Host host() {
        return Host.ofThisMachine();
    }

    @Override
    DeviceSpec disk() {
        return disk.spec();
    }

    @Override
    int id() {
        return id;
    }

    @Override
    boolean exists() {
        try (ControlSession session = ModuleLoader.openSession()) {
            session.info(id);
            return true;
        } catch (ControlException e) {
            return false;
        }
    }

    @Override
    AutoCloseable use(Path mounted) throws Exception {
        return FileChannel.open(mounted.resolve("log"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }
}
