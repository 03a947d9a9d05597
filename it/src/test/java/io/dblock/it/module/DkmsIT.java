// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The module in the hands of dkms itself, on the host: it is built for the guest's kernel, and loaded by nobody. */
class DkmsIT {
    @Test
    void addsBuildsInstallsAndRemovesIt() throws Exception {
        Path script = Path.of("..", "dblock-kmod", "tests", "dkms.sh").toAbsolutePath();
        Path build = VmSetup.kernelBuildDirectory(VmOptions.defaults(), System.err::println);
        // Whoever is root needs none; others are told by it what it cannot do.
        Object[] command = System.getProperty("user.name").equals("root")
                ? new Object[] {script, build}
                : new Object[] {"sudo", "-n", script, build};
        Tap.Run run = Tap.parse(Commands.run(command).lines().toList());
        assertThat(run.count(Tap.Outcome.PASSED)).isEqualTo(10);
        assertThat(run.count(Tap.Outcome.FAILED)).isZero();
    }
}
