// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "4096, 4096",
        "512B, 512",
        "512KiB, 524288",
        "64MiB, 67108864",
        "64 MiB, 67108864",
        "64mib, 67108864",
        "64M, 67108864",
        "2GiB, 2147483648",
        "1TiB, 1099511627776",
        "' 8KiB ', 8192",
        "9223372036854775807, 9223372036854775807",
    })
    void readsSizesAsPeopleWriteThem(String text, long bytes) {
        assertThat(ByteSize.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "MiB", "-1", "1.5GiB", "64 M iB", "0x10", "64\u0663"})
    void whatIsNoSizeIsNamedWithWhatIsAllowed(String text) {
        assertThatThrownBy(() -> ByteSize.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"" + text + "\"")
                .hasMessageContaining("KiB, MiB, GiB or TiB");
    }

    @Test
    void anUnknownUnitIsNamed() {
        assertThatThrownBy(() -> ByteSize.parse("64PiB"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Unknown unit \"PiB\" in the size \"64PiB\".");
    }

    @Test
    void aDecimalUnitIsRefusedWithTheBinaryOne() {
        assertThatThrownBy(() -> ByteSize.parse("64MB"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("MiB");
    }

    @ParameterizedTest
    @ValueSource(strings = {"9223372036854775808", "8388608TiB", "99999999999999999999"})
    void whatDoesNotFitIsRefused(String text) {
        assertThatThrownBy(() -> ByteSize.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("more than 2^63 - 1");
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "512, 512", "1536, 1536", "65536, 64KiB", "67108864, 64MiB", "1099511627776, 1TiB"})
    void writesThemInTheLargestUnitThatDividesThem(long bytes, String text) {
        assertThat(ByteSize.format(bytes)).isEqualTo(text);
        assertThat(ByteSize.parse(ByteSize.format(bytes))).isEqualTo(bytes);
    }
}
