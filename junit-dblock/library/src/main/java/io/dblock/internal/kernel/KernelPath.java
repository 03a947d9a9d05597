// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A path as the kernel has it: bytes. A JVM cannot make a {@link Path} from some bytes, depending on its locale; in the
 * C locale, from any byte beyond ASCII.
 *
 * @param octets one character for each byte
 */
public record KernelPath(String octets) {
    /** The charset this JVM uses for file names. */
    private static final Charset NAMES = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

    /** Returns the kernel's form of a path of this JVM. */
    public static KernelPath of(Path path) {
        return new KernelPath(new String(path.toString().getBytes(NAMES), StandardCharsets.ISO_8859_1));
    }

    /** Returns a name in bytes as {@link Path#toString()} shows it in this JVM. */
    public static String shown(byte[] bytes) {
        return new String(bytes, NAMES);
    }

    /** Returns the bytes of the path. */
    public byte[] bytes() {
        return octets.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Returns whether the path is this directory or below it. */
    public boolean isIn(Path directory) {
        return isIn(of(directory));
    }

    /** Whether it is this directory or below it. */
    public boolean isIn(KernelPath directory) {
        String other = directory.octets;
        return octets.equals(other) || octets.startsWith(other.equals("/") ? other : other + "/");
    }

    /** Returns the path as {@link Path#toString()} shows it in this JVM. */
    @Override
    public String toString() {
        return shown(bytes());
    }
}
