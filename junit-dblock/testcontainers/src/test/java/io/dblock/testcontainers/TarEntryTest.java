// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Tests of the first file of a tar archive. */
class TarEntryTest {

    private static byte[] entry(char type, String mode, String uid, String gid, String link, String content) {
        byte[] header = new byte[512];
        put(header, 0, "name");
        put(header, 100, mode);
        put(header, 108, uid);
        put(header, 116, gid);
        put(header, 124, Integer.toOctalString(content.length()));
        header[156] = (byte) type;
        put(header, 157, link);
        ByteArrayOutputStream entry = new ByteArrayOutputStream();
        entry.writeBytes(header);
        entry.writeBytes(Arrays.copyOf(content.getBytes(StandardCharsets.UTF_8), (content.length() + 511) / 512 * 512));
        return entry.toByteArray();
    }

    private static void put(byte[] header, int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(bytes, 0, header, offset, bytes.length);
    }

    private static TarEntry first(byte[]... parts) throws Exception {
        ByteArrayOutputStream archive = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            archive.writeBytes(part);
        }
        return TarEntry.first(new ByteArrayInputStream(archive.toByteArray()));
    }

    @Test
    void aDirectoryHasItsOwner() throws Exception {
        TarEntry entry = first(entry('5', "0040700", "0001747 ", "1750", "", ""));
        assertThat(entry.mode()).isEqualTo(0700);
        assertThat(entry.uid()).isEqualTo(999);
        assertThat(entry.gid()).isEqualTo(1000);
        assertThat(entry.link()).isEmpty();
    }

    @Test
    void aFileHasItsContent() throws Exception {
        assertThat(first(entry('0', "644", "0", "0", "", "root:x:0:0")).content())
                .isEqualTo("root:x:0:0");
    }

    @Test
    void aLinkSaysWhereItLeads() throws Exception {
        assertThat(first(entry('2', "777", "0", "0", "../run", "")).link()).isEqualTo("../run");
    }

    @Test
    void whatIsSaidAboutAFileBeforeItIsPassedOver() throws Exception {
        TarEntry entry = first(entry('x', "644", "0", "0", "", "30 mtime=1\n"), entry('5', "755", "12", "0", "", ""));
        assertThat(entry.uid()).isEqualTo(10);
    }

    @Test
    void aLargeNumberIsBinary() throws Exception {
        byte[] entry = entry('5', "755", "", "0", "", "");
        entry[108] = (byte) 0x80;
        entry[113] = 0x40;
        assertThat(first(entry).uid()).isEqualTo(0x400000);
    }

    @Test
    void anEmptyArchiveIsAnError() {
        assertThatThrownBy(TarEntryTest::first).isInstanceOf(EOFException.class);
    }
}
