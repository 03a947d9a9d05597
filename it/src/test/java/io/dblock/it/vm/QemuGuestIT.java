// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Poll;
import io.dblock.vm.ExitStatus;
import io.dblock.vm.VmOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The guest of QEMU, emulated, which is there everywhere. */
class QemuGuestIT extends GuestContract {

    private static final String KERNEL = "6.12";

    QemuGuestIT() {
        super(
                Map.of("DBLOCK_VM_ACCEL", "tcg", "DBLOCK_VM_KERNEL", KERNEL),
                VmOptions.defaults().withKernel(KERNEL),
                "9p");
    }

    @Override
    Map<String, String> startedAs(Path program) {
        return Map.of("DBLOCK_VM_QEMU", program.toString());
    }

    @Override
    String realOne() {
        return "qemu-system-$(uname -m)";
    }

    @Override
    Map<String, String> slowToBoot() {
        return Map.of();
    }

    /** One, which the host's kernel ends like any other, whatever it is at. */
    @Override
    void awaitProcesses(Launcher launcher, long pid) {
        Poll.until("the process of QEMU", Duration.ofMinutes(5), () -> Launcher.guestsOf(pid).stream()
                .anyMatch(process -> process.info().command().orElse("").contains("qemu-system")));
    }

    /** It may be that it opens /dev/kvm, and no guest runs on it: that is found out, not waited for. */
    @Test
    void kvmIsUsedOrItIsSaidWhyNot() throws Exception {
        Launcher.Result result = new Launcher("kvm", Map.of("DBLOCK_VM_ACCEL", "kvm"))
                .run(Map.of(), Path.of("/dev/null"), "echo", "ran");
        if (result.status() == 0) {
            assertThat(result.errors()).contains(" under KVM (");
        } else {
            assertThat(result.status()).isEqualTo(ExitStatus.NOT_STARTED);
            assertThat(result.errors()).contains("DBLOCK_VM_ACCEL=kvm: ").doesNotContain("trying once more");
        }
    }

    /**
     * With cmpxchg16b of QEMU's, an interrupt at the wrong moment ends in a double fault. For a fast string instruction it takes a
     * step for each byte: all copying would be slow.
     */
    @Test
    void anEmulatedProcessorHasNeitherCmpxchg16bNorFastStringInstructions() throws Exception {
        assertThat(answer("cpuinfo").split("\\s+")).contains("flags", "sse2").doesNotContain("cx16", "erms", "fsrm");
    }
}
