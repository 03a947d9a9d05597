// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DistributionTest {
    @TempDir
    private Path root;

    private Distribution says(String... lines) throws IOException {
        Files.createDirectories(root.resolve("etc"));
        Files.write(root.resolve("etc/os-release"), List.of(lines));
        return Distribution.of(root);
    }

    @Test
    void relativesAreOfTheFamily() throws IOException {
        assertThat(says("ID=debian")).isEqualTo(Distribution.DEBIAN);
        assertThat(says("NAME=\"Pop!_OS\"", "ID=pop", "ID_LIKE=\"ubuntu debian\""))
                .isEqualTo(Distribution.DEBIAN);
        assertThat(says("ID=\"rocky\"", "ID_LIKE=\"rhel centos fedora\"")).isEqualTo(Distribution.FEDORA);
        assertThat(says("ID=nixos")).isEqualTo(Distribution.UNKNOWN);
    }

    @Test
    void oneThatSaysNothingIsUnknown() {
        assertThat(Distribution.of(root)).isEqualTo(Distribution.UNKNOWN);
        assertThat(Distribution.isRaspberryPiOs(root)).isFalse();
    }

    @Test
    void raspberryPiOsIsDebiansWithKernelsOfItsOwn() throws IOException {
        assertThat(says("ID=raspbian", "ID_LIKE=debian")).isEqualTo(Distribution.DEBIAN);
        assertThat(Distribution.isRaspberryPiOs(root)).isTrue();
        assertThat(says("ID=debian")).isEqualTo(Distribution.DEBIAN);
        assertThat(Distribution.isRaspberryPiOs(root)).isFalse();
        Files.createFile(root.resolve("etc/rpi-issue"));
        assertThat(Distribution.isRaspberryPiOs(root)).isTrue();
    }
}
