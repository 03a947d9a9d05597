// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;

/**
 * Damages the stream from the guest on purpose, so that tests can prove that the damage is noticed. Asked for with
 * {@link VmSettings#INJECT}; nothing else makes one.
 */
final class DamagingInputStream extends FilterInputStream {

    private enum Damage {
        /** Every LF becomes CR LF, as a terminal does. */
        CRLF,
        /** The stream ends after so many bytes. */
        TRUNCATE,
        /** The byte at this offset is left out. */
        DROP,
        /** The lowest bit of the byte at this offset is inverted. */
        FLIP
    }

    private final Damage damage;
    private final long offset;
    private long position;
    private boolean pendingLineFeed;

    private DamagingInputStream(InputStream in, Damage damage, long offset) {
        super(in);
        this.damage = damage;
        this.offset = offset;
    }

    /**
     * A stream with the damage that the specification asks for.
     *
     * @param specification {@code crlf}, or {@code truncate:N}, {@code drop:N} or {@code flip:N} with the offset of a
     *     byte in the stream from the guest
     * @throws VmException for any other specification
     */
    static DamagingInputStream of(InputStream in, String specification) {
        String[] parts = specification.split(":", 2);
        try {
            Damage damage = Damage.valueOf(parts[0].toUpperCase(Locale.ROOT));
            if ((damage == Damage.CRLF) == (parts.length == 1)) {
                return new DamagingInputStream(in, damage, parts.length == 1 ? 0 : Long.parseLong(parts[1]));
            }
        } catch (IllegalArgumentException ignored) {
            // Falls through to the message for all that is wrong with it.
        }
        throw new VmException(VmSettings.INJECT + "=" + specification
                + ": allowed are crlf, truncate:N, drop:N and flip:N with N the offset of a byte");
    }

    /** Throws if there is no such damage. */
    static void check(String specification) {
        of(InputStream.nullInputStream(), specification);
    }

    @Override
    public int read() throws IOException {
        if (pendingLineFeed) {
            pendingLineFeed = false;
            return '\n';
        }
        if (damage == Damage.TRUNCATE && position >= offset) {
            return -1;
        }
        int b = super.read();
        if (b < 0) {
            return b;
        }
        long at = position++;
        return switch (damage) {
            case CRLF -> {
                pendingLineFeed = b == '\n';
                yield pendingLineFeed ? '\r' : b;
            }
            case DROP -> at == offset ? read() : b;
            case FLIP -> at == offset ? b ^ 1 : b;
            case TRUNCATE -> b;
        };
    }

    @Override
    public int read(byte[] buffer, int from, int length) throws IOException {
        // One byte at a time is slow, but blocks no longer than the guest's next byte.
        int n = 0;
        while (n < length && (n == 0 || pendingLineFeed || in.available() > 0)) {
            int b = read();
            if (b < 0) {
                return n == 0 ? -1 : n;
            }
            buffer[from + n++] = (byte) b;
        }
        return n;
    }
}
