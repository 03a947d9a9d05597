// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GuestCommandTest {

    @Test
    void pathsKeepEveryByte() {
        assertThat(GuestCommand.bytes(Path.of("/a b/100%/c+d"))).isEqualTo(bytes("/a b/100%/c+d"));
        assertThat(GuestCommand.bytes(Path.of("/tmp"))).isEqualTo(bytes("/tmp"));
        assertThat(GuestCommand.bytes(Path.of("/"))).isEqualTo(bytes("/"));
    }

    @Test
    void takesEnvironmentDirectoryAndUmaskOfThisProcess() {
        Map<String, String> changes = new HashMap<>();
        changes.put("DBLOCK_TEST_NEW", "a=b\nc");
        changes.put("PATH", null);
        GuestCommand command = GuestCommand.ofThisProcess(List.of(bytes("true")), changes);
        List<String> environment = command.environment().stream()
                .map(entry -> new String(entry, StandardCharsets.UTF_8))
                .toList();
        assertThat(environment).contains("DBLOCK_TEST_NEW=a=b\nc").noneMatch(entry -> entry.startsWith("PATH="));
        assertThat(command.directory())
                .isEqualTo(bytes(Path.of("").toAbsolutePath().toString()));
        assertThat(command.umask()).matches("0[0-7]{3}");
    }

    @Test
    void argumentsAreTheLastOfTheCommandLine() {
        List<byte[]> parts = GuestCommand.split(bytes("java\0-cp\0\0x y\0"));
        assertThat(parts).containsExactly(bytes("java"), bytes("-cp"), new byte[0], bytes("x y"));
    }

    @Test
    void aCommandIsNeeded() {
        assertThatThrownBy(() -> GuestCommand.ofThisProcess(List.of(), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no command");
    }

    @Test
    void recordsAreEndedByNul() {
        byte[] records = new GuestConfiguration()
                .add("arg", "")
                .add("env", "A=b=c\nd")
                .add("arg", new byte[] {(byte) 0xff})
                .toBytes();
        assertThat(new String(records, StandardCharsets.ISO_8859_1)).isEqualTo("arg=\0env=A=b=c\nd\0arg=\u00ff\0");
        assertThatThrownBy(() -> new GuestConfiguration().add("arg", "a\0b"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("NUL in the value of arg");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
