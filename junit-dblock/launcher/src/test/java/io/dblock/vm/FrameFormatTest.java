// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The protocol is written twice, in Java and in C. These tests keep both in agreement. */
class FrameFormatTest {

    @Test
    void typesHaveTheNumbersOfGuestInit() throws IOException {
        Map<String, Integer> inC = new HashMap<>();
        Matcher matcher = Pattern.compile("FRAME_([A-Z_]+) = (\\d+),").matcher(source());
        while (matcher.find()) {
            inC.put(matcher.group(1), Integer.valueOf(matcher.group(2)));
        }
        Map<String, Integer> inJava = new HashMap<>();
        for (FrameType type : FrameType.values()) {
            inJava.put(type.name(), type.number());
            assertThat(FrameType.of(type.number())).isEqualTo(type);
        }
        assertThat(inJava).isEqualTo(inC);
        assertThat(FrameType.of(200)).isNull();
    }

    @Test
    void sizesAreThoseOfGuestInit() throws IOException {
        assertThat(source())
                .contains("#define HEADER_SIZE " + Frame.HEADER_SIZE + "\n")
                .contains("#define MAX_PAYLOAD " + Frame.MAX_PAYLOAD + "\n")
                .contains("#define MAX_CONNECTIONS " + PortForwarder.MAX_CONNECTIONS + "\n")
                .contains("#define CONNECTION_WINDOW " + PortForwarder.WINDOW + "\n")
                .contains("magic[4] = { 0xdb, 'F', '\\n', '\\r' }");
    }

    @Test
    void aFrameIsTheseBytes() {
        ByteBuffer frame = Frame.encode(FrameType.STDOUT, 258, "xabcx".getBytes(StandardCharsets.US_ASCII), 1, 3);
        byte[] bytes = new byte[frame.remaining()];
        frame.get(bytes);
        // CRC-32 of "abc" is 352441c2. That of the header was computed with another implementation (zlib's, in Python).
        assertThat(HexFormat.of().formatHex(bytes))
                .isEqualTo("db460a0d" + "03000000" + "02010000" + "03000000" + "c2412435" + "fddc32d3" + "616263");
    }

    private static String source() throws IOException {
        try (InputStream in = Initramfs.class.getResourceAsStream("guest-init.c")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
