// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheDirectoryTest {
    @Test
    void isTheOneNamedByOurVariable() {
        assertThat(CacheDirectory.locate(Map.of("DBLOCK_CACHE", "/c", "XDG_CACHE_HOME", "/x"), "/home/me"))
                .isEqualTo(Path.of("/c"));
    }

    @Test
    void elseBelowTheOneOfXdg() {
        assertThat(CacheDirectory.locate(Map.of("DBLOCK_CACHE", " ", "XDG_CACHE_HOME", "/x"), "/home/me"))
                .isEqualTo(Path.of("/x/junit-dblock"));
    }

    @Test
    void elseBelowTheHomeDirectory() {
        assertThat(CacheDirectory.locate(Map.of(), "/home/me")).isEqualTo(Path.of("/home/me/.cache/junit-dblock"));
    }

    @Test
    void aRelativeXdgDirectoryIsIgnored() {
        assertThat(CacheDirectory.locate(Map.of("XDG_CACHE_HOME", "x"), "/home/me"))
                .isEqualTo(Path.of("/home/me/.cache/junit-dblock"));
    }
}
