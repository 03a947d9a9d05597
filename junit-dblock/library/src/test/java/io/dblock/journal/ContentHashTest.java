// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ContentHashTest {

    @Test
    void isTheSameForTheSameDataWhereverTheyLie() {
        byte[] data = random(5000);
        ByteBuffer direct = ByteBuffer.allocateDirect(6000).put(123, data);
        ContentHash hash = new ContentHash();
        hash.hash(ByteBuffer.wrap(random(4096)), 0, 4096); // Earlier hashes must not affect later ones.

        assertThat(hash.hash(direct, 123, 5000)).isEqualTo(ContentHash.of(data));
        assertThat(hash.hash(direct.asReadOnlyBuffer(), 123, 5000)).isEqualTo(ContentHash.of(data));
    }

    @Test
    void tellsEachBitApart() {
        byte[] data = random(512);
        Set<Long> hashes = new HashSet<>();
        hashes.add(ContentHash.of(data));
        for (int bit = 0; bit < 512 * 8; bit++) {
            data[bit / 8] ^= (byte) (1 << bit % 8);
            hashes.add(ContentHash.of(data));
            data[bit / 8] ^= (byte) (1 << bit % 8);
        }
        assertThat(hashes).hasSize(512 * 8 + 1);
    }

    @Test
    void tellsLengthsOfZerosApart() {
        Set<Long> hashes = new HashSet<>();
        for (int length = 0; length <= 10_000; length++) {
            hashes.add(ContentHash.of(new byte[length]));
        }
        assertThat(hashes).hasSize(10_001);
    }

    @Test
    void tellsSwappedWordsApart() {
        byte[] data = random(4096);
        byte[] swapped = data.clone();
        System.arraycopy(data, 0, swapped, 32, 8);
        System.arraycopy(data, 32, swapped, 0, 8);
        assertThat(ContentHash.of(swapped)).isNotEqualTo(ContentHash.of(data));
    }

    /** These values are from the reference implementation. */
    @Test
    void isXxh64() {
        assertThat(Long.toHexString(ContentHash.of(new byte[0]))).isEqualTo("ef46db3751d8e999");
        assertThat(Long.toHexString(ContentHash.of(ascii("a")))).isEqualTo("d24ec4f1a98c6e5b");
        assertThat(Long.toHexString(ContentHash.of(ascii("abc")))).isEqualTo("44bc2cf5ad770999");
        assertThat(Long.toHexString(ContentHash.of(ascii("Nobody inspects the spammish repetition"))))
                .isEqualTo("fbcea83c8a378bf1");
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(42).nextBytes(bytes);
        return bytes;
    }
}
