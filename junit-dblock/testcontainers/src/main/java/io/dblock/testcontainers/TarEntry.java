// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/**
 * The first file of a tar archive, which is how an engine shows a file of a container.
 *
 * @param mode its permissions
 * @param uid its owner
 * @param gid its group
 * @param link where it leads to; empty if it is no symbolic link
 * @param content its text, if it is a regular file
 */
record TarEntry(int mode, int uid, int gid, String link, String content) {
    private static final int BLOCK = 512;
    /** Files that are looked into are small: /etc/passwd. */
    private static final int MOST = 1 << 20;

    static TarEntry first(InputStream archive) throws IOException {
        while (true) {
            byte[] header = archive.readNBytes(BLOCK);
            if (header.length < BLOCK) {
                throw new EOFException("The archive has no file");
            }
            char type = (char) header[156];
            long size = number(header, 124, 12);
            if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
                archive.skipNBytes((size + BLOCK - 1) / BLOCK * BLOCK); // More about the next file.
                continue;
            }
            byte[] content = type == '0' || type == 0 ? archive.readNBytes((int) Math.min(size, MOST)) : new byte[0];
            return new TarEntry(
                    (int) number(header, 100, 8) & 07777,
                    (int) number(header, 108, 8),
                    (int) number(header, 116, 8),
                    type == '2' ? text(header, 157, 100) : "",
                    new String(content, StandardCharsets.UTF_8));
        }
    }

    private static String text(byte[] header, int offset, int length) {
        int end = offset;
        while (end < offset + length && header[end] != 0) {
            end++;
        }
        return new String(header, offset, end - offset, StandardCharsets.UTF_8);
    }

    private static long number(byte[] header, int offset, int length) throws IOException {
        if (header[offset] < 0) {
            // Larger than the octal digits can say: the rest is binary.
            long value = 0;
            for (int i = offset + length - 8; i < offset + length; i++) {
                value = value << 8 | (header[i] & 0xff);
            }
            return value;
        }
        String digits = text(header, offset, length).trim();
        try {
            return digits.isEmpty() ? 0 : Long.parseLong(digits, 8);
        } catch (NumberFormatException e) {
            throw new IOException("The archive has \"" + digits + "\" where an octal number is to be", e);
        }
    }
}
