// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A path as the kernel has it: bytes. Of some bytes a JVM cannot make a {@link Path}, of which ones depends on its locale: in
 * the C locale, of any beyond ASCII.
 *
 * @param octets a character for each byte
 */
public record KernelPath(String octets) {
    /** What this JVM reads and writes the names of files in. */
    private static final Charset NAMES = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    /** That of a path of this JVM. */
    public static KernelPath of(Path path) {
        return new KernelPath(new String(path.toString().getBytes(NAMES), StandardCharsets.ISO_8859_1));
    }

    /** Names in bytes, as {@link Path#toString()} shows them in this JVM. */
    public static String shown(byte[] bytes) {
        return new String(bytes, NAMES);
    }

    /** Its bytes. */
    public byte[] bytes() {
        return octets.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Whether it is this directory or below it. */
    public boolean isIn(Path directory) {
        String other = of(directory).octets;
        return octets.equals(other) || octets.startsWith(other.equals("/") ? other : other + "/");
    }

    /** As {@link Path#toString()} shows it in this JVM. */
    @Override
    public String toString() {
        return shown(bytes());
    }
}
