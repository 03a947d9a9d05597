// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserModeLinuxTest {
    @TempDir
    Path directory;

    private boolean isIn(String text) throws Exception {
        return UserModeLinux.isIn(Files.writeString(directory.resolve("cpuinfo"), text));
    }

    @Test
    void itIsKnownByItsProcessors() throws Exception {
        assertThat(isIn("processor\t: 0\nvendor_id\t: User Mode Linux\nmodel name\t: UML\n"))
                .isTrue();
        assertThat(isIn("processor\t: 0\nvendor_id\t: GenuineIntel\n")).isFalse();
        assertThat(UserModeLinux.isIn(directory.resolve("none"))).isFalse();
    }
}
