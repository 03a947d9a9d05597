// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Parses and prints sizes as people write them: {@code "4096"}, {@code "512KiB"}, {@code "64MiB"}, {@code "1TiB"}. */
public final class ByteSize {
    private static final Pattern SIZE = Pattern.compile("([0-9]+) ?([A-Za-z]*)");
    private static final String ALLOWED =
            "a whole number of bytes, or one followed by KiB, MiB, GiB or TiB, such as \"64MiB\"";

    private ByteSize() {}

    /**
     * Returns the number of bytes that {@code text} stands for. Units are powers of 1024 and not case-sensitive;
     * {@code K}, {@code M}, {@code G}, {@code T} mean the same as {@code KiB} and so on.
     *
     * @throws IllegalArgumentException if the text does not have this form, or the size exceeds 2<sup>63</sup> - 1
     */
    public static long parse(String text) {
        Matcher matcher = SIZE.matcher(text.strip());
        if (!matcher.matches()) {
            throw new IllegalArgumentException("Not a size: \"" + text + "\". Allowed: " + ALLOWED + ".");
        }
        int shift =
                switch (matcher.group(2).toUpperCase(Locale.ROOT)) {
                    case "", "B" -> 0;
                    case "K", "KIB" -> 10;
                    case "M", "MIB" -> 20;
                    case "G", "GIB" -> 30;
                    case "T", "TIB" -> 40;
                    case "KB", "MB", "GB", "TB" ->
                        throw new IllegalArgumentException("Ambiguous unit in the size \"" + text
                                + "\": decimal units are not block sizes. Write "
                                + matcher.group(2).charAt(0) + "iB for powers of 1024.");
                    default ->
                        throw new IllegalArgumentException("Unknown unit \"" + matcher.group(2) + "\" in the size \""
                                + text + "\". Allowed: " + ALLOWED + ".");
                };
        try {
            return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << shift);
        } catch (NumberFormatException | ArithmeticException e) {
            throw new IllegalArgumentException("The size \"" + text + "\" is more than 2^63 - 1 bytes.", e);
        }
    }

    /** Returns {@code bytes} in the largest unit that divides it: {@code 67108864} is {@code "64MiB"}. */
    public static String format(long bytes) {
        String[] units = {"", "KiB", "MiB", "GiB", "TiB"};
        int unit = 0;
        long value = bytes;
        while (unit < units.length - 1 && value != 0 && value % 1024 == 0) {
            value /= 1024;
            unit++;
        }
        return value + units[unit];
    }
}
