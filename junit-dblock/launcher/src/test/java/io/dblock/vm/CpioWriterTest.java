// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class CpioWriterTest {

    /** A member as read back. The reader follows the description of the format, not the code of the writer. */
    private record Member(String name, int mode, int links, String content) {}

    @Test
    void writesWhatAReaderOfTheFormatReads() throws IOException {
        byte[] archive = archive(writer -> {
            writer.directory("dblock", 0755);
            writer.file("init", 0700, bytes("binary"));
            writer.file("dblock/empty", 0600, new byte[0]);
        });
        assertThat(read(archive))
                .containsExactly(
                        new Member("dblock", 0040755, 2, ""),
                        new Member("init", 0100700, 1, "binary"),
                        new Member("dblock/empty", 0100600, 1, ""));
    }

    @Test
    void archivesCanBeConcatenated() throws IOException {
        byte[] first = archive(writer -> writer.file("a", 0644, bytes("1")));
        byte[] second = archive(writer -> writer.file("b", 0644, bytes("22")));
        assertThat(first.length % 4)
                .as("the kernel looks for the next archive at a multiple of 4")
                .isZero();
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        assertThat(read(both)).extracting(Member::name).containsExactly("a", "b");
    }

    @Test
    void theSameContentGivesTheSameBytes() throws IOException {
        assertThat(archive(writer -> writer.file("a", 0644, bytes("1"))))
                .isEqualTo(archive(writer -> writer.file("a", 0644, bytes("1"))));
    }

    @Test
    void refusesNamesThatTheKernelWouldNotUnpackBelowItsRoot() {
        for (String name : List.of("", "/init", "a\0b")) {
            assertThatThrownBy(() -> archive(writer -> writer.file(name, 0644, new byte[0])))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("must be relative, not empty, without NUL");
        }
    }

    private interface Filler {
        void fill(CpioWriter writer) throws IOException;
    }

    private static byte[] archive(Filler filler) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (CpioWriter writer = new CpioWriter(out)) {
            filler.fill(writer);
        }
        return out.toByteArray();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static List<Member> read(byte[] archive) {
        List<Member> members = new ArrayList<>();
        int at = 0;
        while (at < archive.length) {
            if (archive[at] == 0) {
                at += 4;
                continue;
            }
            assertThat(text(archive, at, 6)).isEqualTo("070701");
            int mode = field(archive, at, 1);
            int links = field(archive, at, 4);
            int size = field(archive, at, 6);
            int nameSize = field(archive, at, 11);
            String name = text(archive, at + 110, nameSize - 1);
            int content = (at + 110 + nameSize + 3) & ~3;
            if (!name.equals("TRAILER!!!")) {
                members.add(new Member(name, mode, links, text(archive, content, size)));
            }
            at = (content + size + 3) & ~3;
        }
        return members;
    }

    private static int field(byte[] archive, int at, int index) {
        return Integer.parseInt(text(archive, at + 6 + 8 * index, 8), 16);
    }

    private static String text(byte[] archive, int from, int length) {
        return new String(archive, from, length, StandardCharsets.UTF_8);
    }
}
