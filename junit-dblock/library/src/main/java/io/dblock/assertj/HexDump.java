// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import java.util.Locale;

/** Shows where two contents differ, like {@code hexdump -C}. */
final class HexDump {
    private static final int ROW = 16;
    private static final int ROWS_AROUND = 2;

    private HexDump() {}

    /**
     * Returns the rows around byte {@code at} of both contents.
     *
     * @param offset where both contents start on the device, in bytes
     * @param at the first index at which they differ
     */
    static String difference(byte[] actual, byte[] expected, long offset, int at) {
        StringBuilder text = new StringBuilder();
        int row = at / ROW * ROW;
        int from = Math.max(0, row - ROWS_AROUND * ROW);
        int to = Math.min(actual.length, row + (ROWS_AROUND + 1) * ROW);
        for (int i = from; i < to; i += ROW) {
            int length = Math.min(ROW, to - i);
            String carets = carets(actual, expected, i, length);
            if (carets.isBlank()) {
                text.append("            ")
                        .append(row(actual, offset, i, length))
                        .append('\n');
            } else {
                text.append("  actual    ")
                        .append(row(actual, offset, i, length))
                        .append('\n');
                text.append("  expected  ")
                        .append(row(expected, offset, i, length))
                        .append('\n');
                text.append(" ".repeat(12 + 14)).append(carets).append('\n');
            }
        }
        return text.toString().stripTrailing();
    }

    private static String row(byte[] bytes, long offset, int start, int length) {
        StringBuilder row = new StringBuilder(String.format(Locale.ROOT, "%012x  ", offset + start));
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < ROW; i++) {
            if (i < length) {
                int value = Byte.toUnsignedInt(bytes[start + i]);
                row.append(String.format(Locale.ROOT, "%02x ", value));
                text.append(value >= 0x20 && value < 0x7f ? (char) value : '.');
            } else {
                row.append("   ");
            }
        }
        return row.append(" |").append(text).append('|').toString();
    }

    private static String carets(byte[] actual, byte[] expected, int start, int length) {
        StringBuilder carets = new StringBuilder();
        for (int i = start; i < start + length; i++) {
            carets.append(actual[i] == expected[i] ? "   " : "^^ ");
        }
        return carets.toString().stripTrailing();
    }
}
