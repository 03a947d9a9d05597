// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.journal.JournalEntry;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** Entries of a journal as bytes. */
final class EncodedEntries {
    private final byte[] encoded;

    EncodedEntries(byte[] encoded) {
        this.encoded = encoded;
    }

    static EncodedEntries of(List<JournalEntry> entries) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        Codec.Form form = Codec.of(JournalEntry.class);
        try {
            for (JournalEntry entry : entries) {
                form.write(entry, out);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e); // Memory does not fail to be written.
        }
        return new EncodedEntries(bytes.toByteArray());
    }

    byte[] bytes() {
        return encoded;
    }

    List<JournalEntry> decode() {
        List<JournalEntry> entries = new ArrayList<>();
        ByteArrayInputStream in = new ByteArrayInputStream(encoded);
        Codec.Form form = Codec.of(JournalEntry.class);
        try {
            while (in.available() > 0) {
                entries.add((JournalEntry) form.read(new DataInputStream(in)));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("These " + encoded.length + " bytes are no entries of a journal", e);
        }
        return entries;
    }
}
