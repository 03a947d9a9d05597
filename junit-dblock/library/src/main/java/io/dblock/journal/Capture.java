// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

/** What a journal keeps of the data of requests. */
public enum Capture {
    /** No data and no hashes. */
    METADATA,
    /**
     * The data of the latest writes, up to the journal's limit for data. The hash and content of these writes are
     * available on demand; those of earlier writes are gone. May cost a copy per write, see
     * {@link Journal#capture(Capture, long)}. This is the default.
     */
    RECENT,
    /** The hash of each write, for as long as its entry is kept. */
    HASH,
    /** The hash of each write and of each read. */
    HASH_ALL,
    /** The hash of each write, and the data of the latest writes, up to the journal's limit for data. */
    CONTENT
}
