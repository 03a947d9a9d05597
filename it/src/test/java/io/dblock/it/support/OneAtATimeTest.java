// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.launcher.LauncherSessionListener;

@Timeout(120)
class OneAtATimeTest {

    /** Says when it waits, and when its turn has come. */
    static final class Next {
        private Next() {}

        /** The lock is of the file that is named. */
        public static void main(String[] args) {
            System.out.println("waits");
            OneAtATime next = new OneAtATime(Path.of(args[0]));
            next.open();
            System.out.println(Files.exists(Path.of(args[1])) ? "after the first" : "too early");
            next.close();
        }
    }

    @Test
    void anotherProcessWaitsForTheEndOfThisOne(@TempDir Path directory) throws IOException, InterruptedException {
        Path lock = directory.resolve("made/lock");
        Path ended = directory.resolve("ended");
        OneAtATime first = new OneAtATime(lock);
        first.open();
        Process next = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Next.class.getName(),
                        lock.toString(),
                        ended.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader lines = next.inputReader()) {
            assertThat(lines.readLine()).isEqualTo("waits");
            // Not proof that it waits, but time for it not to.
            assertThat(next.waitFor(1, TimeUnit.SECONDS)).isFalse();
            Files.writeString(ended, "");
            first.close();
            assertThat(lines.readLine()).isEqualTo("after the first");
            assertThat(next.waitFor()).isZero();
        } finally {
            next.destroyForcibly();
        }
    }

    @Test
    void eachLauncherHasIt() {
        assertThat(ServiceLoader.load(LauncherSessionListener.class)).hasAtLeastOneElementOfType(OneAtATime.class);
    }
}
