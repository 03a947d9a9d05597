// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Writes an archive in the "newc" format, which the kernel unpacks as its initramfs (see
 * {@code Documentation/driver-api/early-userspace/buffer-format.rst} of the kernel). Archives can be concatenated: each
 * is padded so that the next one starts where the kernel looks for it. All members belong to root and have the time 0, so
 * the same content gives the same bytes. Not thread-safe.
 */
final class CpioWriter implements AutoCloseable {

    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;
    private static final int PADDING = 512;

    private final OutputStream out;
    private long position;
    private int inode = 1;

    CpioWriter(OutputStream out) {
        this.out = out;
    }

    /** Adds a directory. Its parents must be added before, because the kernel does not create them. */
    void directory(String name, int permissions) throws IOException {
        member(name, DIRECTORY | permissions, new byte[0]);
    }

    void file(String name, int permissions, byte[] content) throws IOException {
        member(name, REGULAR | permissions, content);
    }

    private void member(String name, int mode, byte[] content) throws IOException {
        if (name.isEmpty() || name.startsWith("/") || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("member name '" + name + "': must be relative, not empty, without NUL");
        }
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        int[] fields = {
            inode++,
            mode,
            0,
            0,
            (mode & DIRECTORY) != 0 && (mode & REGULAR) == 0 ? 2 : 1,
            0,
            content.length,
            0,
            0,
            0,
            0,
            nameBytes.length + 1,
            0
        };
        StringBuilder header = new StringBuilder("070701");
        for (int field : fields) {
            header.append(String.format(Locale.ROOT, "%08x", field));
        }
        write(header.toString().getBytes(StandardCharsets.US_ASCII));
        write(nameBytes);
        write(new byte[1]);
        pad(4);
        write(content);
        pad(4);
    }

    private void write(byte[] bytes) throws IOException {
        out.write(bytes);
        position += bytes.length;
    }

    private void pad(int boundary) throws IOException {
        write(new byte[(int) ((boundary - position % boundary) % boundary)]);
    }

    /** Ends the archive; the stream stays open. */
    @Override
    public void close() throws IOException {
        member("TRAILER!!!", 0, new byte[0]);
        pad(PADDING);
        out.flush();
    }
}
