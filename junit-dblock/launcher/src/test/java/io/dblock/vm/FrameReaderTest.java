// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrameReaderTest {

    private static final byte[] TEXT = "one\ntwo\n".getBytes(StandardCharsets.UTF_8);

    @Test
    void handsOutWhatWasWritten() throws IOException {
        byte[] binary = new byte[Frame.MAX_PAYLOAD];
        new Random(1).nextBytes(binary);
        FrameReader reader = new FrameReader(new ByteArrayInputStream(stream(TEXT, new byte[0], binary)));
        assertThat(reader.next().payload()).isEqualTo(TEXT);
        assertThat(reader.next().payload()).isEmpty();
        Frame last = reader.next();
        assertThat(last.type()).isEqualTo(FrameType.STDOUT);
        assertThat(last.payload()).isEqualTo(binary);
        assertThat(reader.next()).isNull();
    }

    @Test
    void noticesLineFeedsTurnedIntoCrLf() throws IOException {
        ByteArrayOutputStream damaged = new ByteArrayOutputStream();
        for (byte b : stream(TEXT)) {
            if (b == '\n') {
                damaged.write('\r');
            }
            damaged.write(b);
        }
        assertThatExceptionOfType(DamagedStreamException.class)
                .isThrownBy(() -> new FrameReader(new ByteArrayInputStream(damaged.toByteArray())).next())
                .withMessageContaining("frame 0 (byte 0 of the stream)")
                .withMessageContaining("line feeds were turned into CR LF");
    }

    @Test
    void noticesTheLossOfAnySingleByte() throws IOException {
        byte[] whole = stream(TEXT, TEXT);
        for (int i = 0; i < whole.length; i++) {
            byte[] rest = Arrays.copyOf(whole, whole.length - 1);
            System.arraycopy(whole, i + 1, rest, i, rest.length - i);
            assertDamaged(new ByteArrayInputStream(rest), "byte " + i + " lost");
        }
    }

    @Test
    void noticesAChangeInAnySingleBit() throws IOException {
        byte[] whole = stream(TEXT, TEXT);
        for (int bit = 0; bit < whole.length * 8; bit++) {
            byte[] changed = whole.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            assertDamaged(new ByteArrayInputStream(changed), "bit " + bit + " changed");
        }
    }

    @Test
    void noticesAnEndInsideAFrame() throws IOException {
        byte[] whole = stream(TEXT, TEXT);
        int frame = whole.length / 2;
        for (int length = 1; length < whole.length; length++) {
            if (length != frame) {
                assertDamaged(new ByteArrayInputStream(whole, 0, length), "cut after " + length);
            }
        }
    }

    @Test
    void noticesALostFrame() throws IOException {
        byte[] whole = stream(TEXT, TEXT, TEXT);
        int frame = whole.length / 3;
        byte[] withoutSecond = Arrays.copyOf(whole, whole.length - frame);
        System.arraycopy(whole, 2 * frame, withoutSecond, frame, frame);
        FrameReader reader = new FrameReader(new ByteArrayInputStream(withoutSecond));
        reader.next();
        assertThatThrownBy(reader::next)
                .isInstanceOf(DamagedStreamException.class)
                .hasMessageContaining("frame 2 came instead of frame 1");
    }

    @Test
    void noticesADoubledFrame() throws IOException {
        byte[] once = stream(TEXT);
        byte[] twice = Arrays.copyOf(once, 2 * once.length);
        System.arraycopy(once, 0, twice, once.length, once.length);
        FrameReader reader = new FrameReader(new ByteArrayInputStream(twice));
        reader.next();
        assertThatThrownBy(reader::next).hasMessageContaining("frame 0 came instead of frame 1");
    }

    @Test
    void noticesBytesThatAreNoFrame() {
        InputStream text =
                new ByteArrayInputStream("SeaBIOS (version 1.16.2-debian)\r\n".getBytes(StandardCharsets.UTF_8));
        assertThatThrownBy(() -> new FrameReader(text).next())
                .isInstanceOf(DamagedStreamException.class)
                .hasMessageContaining("no frame begins here (the bytes are 53 65 61 42)");
    }

    @Test
    void refusesToWriteAFrameThatIsTooLong() {
        assertThatThrownBy(() -> Frame.encode(FrameType.STDOUT, 0, new byte[40000], 0, 40000))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("payload of 40000 bytes, at most 32768");
    }

    private static void assertDamaged(InputStream in, String how) {
        List<Frame> seen = new ArrayList<>();
        assertThatExceptionOfType(DamagedStreamException.class).as(how).isThrownBy(() -> {
            FrameReader reader = new FrameReader(in);
            for (Frame frame = reader.next(); frame != null; frame = reader.next()) {
                seen.add(frame);
            }
        });
        assertThat(seen).as(how + ": nothing garbled may come through").allSatisfy(frame -> assertThat(frame.payload())
                .isEqualTo(TEXT));
    }

    private static byte[] stream(byte[]... payloads) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        FrameWriter writer = new FrameWriter(Channels.newChannel(bytes));
        for (byte[] payload : payloads) {
            writer.write(FrameType.STDOUT, payload);
        }
        return bytes.toByteArray();
    }
}
