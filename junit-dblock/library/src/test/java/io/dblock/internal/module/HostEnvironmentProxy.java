// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.ControlSession;
import java.nio.file.Path;
import java.util.List;

/** Another machine with something changed. */
class HostEnvironmentProxy implements HostEnvironment {
    private final HostEnvironment host;

    HostEnvironmentProxy(HostEnvironment host) {
        this.host = host;
    }

    @Override
    public Path root() {
        return host.root();
    }

    @Override
    public String kernelRelease() {
        return host.kernelRelease();
    }

    @Override
    public String machine() {
        return host.machine();
    }

    @Override
    public long capabilities() {
        return host.capabilities();
    }

    @Override
    public boolean hasProgram(String name) {
        return host.hasProgram(name);
    }

    @Override
    public Path cache() {
        return host.cache();
    }

    @Override
    public ControlSession openSession() {
        return host.openSession();
    }

    @Override
    public Command.Result run(List<String> command, Path directory) {
        return host.run(command, directory);
    }

    @Override
    public int loadModule(Path file) {
        return host.loadModule(file);
    }

    @Override
    public int unloadModule(String name) {
        return host.unloadModule(name);
    }
}
