// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The drawings of the pages are what their source draws. */
class DrawingsTest {
    private static final Path DRAWINGS = Page.ROOT.resolve("junit-dblock/docs/drawings");

    @Test
    void theOverviewIsWhatItsSourceDraws(@TempDir Path dir) throws Exception {
        Path drawn = dir.resolve("overview.svg");
        Path output = dir.resolve("output");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        DRAWINGS.resolve("Overview.java").toString(),
                        drawn.toString())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(process.waitFor(2, TimeUnit.MINUTES))
                    .as("Overview.java ends within two minutes")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue()).as(Page.of(output).text()).isZero();
        assertThat(DRAWINGS.resolve("overview.svg"))
                .as("java junit-dblock/docs/drawings/Overview.java draws it")
                .hasSameTextualContentAs(drawn);
    }
}
