// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.Command;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class JvmOptionsTest {
    private static final int UNKNOWN = 26;

    @Test
    void aKnownJvmTakesTheOptions() {
        int jdk = Math.min(Runtime.version().feature(), UNKNOWN - 1);
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(JvmOptions.wideCopies(jdk));
        command.addAll(JvmOptions.fastStart(jdk, 1));
        command.addAll(List.of("-XX:+PrintFlagsFinal", "-version"));
        assertThat(Command.of(command.toArray(String[]::new)).run().output())
                .containsPattern("ArchiveRelocationMode += 0 .*command line")
                .containsPattern("Tier3InvocationThreshold += 2000 .*command line");
    }

    @Test
    void anUnknownJvmGetsNone() {
        assertThat(JvmOptions.wideCopies(UNKNOWN)).isEmpty();
        assertThat(JvmOptions.fastStart(UNKNOWN, 1)).isEmpty();
    }

    @Test
    void whereCompilersHaveAProcessorOfTheirOwnMethodsAreCompiledAsUsual() {
        assertThat(JvmOptions.fastStart(17, 2))
                .containsExactly("-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0");
    }
}
