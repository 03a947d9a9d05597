// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.util.List;

/**
 * What a {@link Recording} has, without the data.
 *
 * @param logicalBlock bytes
 * @param size of the disk, in bytes
 * @param requests in the order in which they changed the content or made it durable
 * @param startHashes eight bytes for each logical block that a request changed, ascending: the hash of what it was before
 * @param broken why the recording is of no use; empty if it is
 */
@SuppressWarnings("ArrayRecordComponent") // Sent to another process, and never compared.
public record RecordedRequests(int logicalBlock, long size, List<Request> requests, byte[] startHashes, String broken) {

    /** Returns what a disk would have done that makes nothing durable: it ignores flushes and FUA. */
    public RecordedRequests withNothingDurable() {
        List<Request> all = requests.stream()
                .map(request -> new Request(
                        request.kind(),
                        request.sequence(),
                        request.offset(),
                        request.length(),
                        false,
                        request.kind() == Kind.FLUSH ? 0 : request.completion(),
                        request.hashes()))
                .toList();
        return new RecordedRequests(logicalBlock, size, all, startHashes, broken);
    }

    /** What a request did. */
    public enum Kind {
        WRITE,
        DISCARD,
        WRITE_ZEROES,
        FLUSH
    }

    /**
     * A request.
     *
     * @param sequence its number in the journal
     * @param offset bytes
     * @param length bytes
     * @param durable whether what it brought could not be lost, because of FUA or for want of a cache
     * @param completion when it was completed, counted in completions; 0 if it was not, or is durable anyway. For a flush,
     *     the completions that it covers
     * @param hashes of a write, eight bytes for each logical block
     */
    @SuppressWarnings("ArrayRecordComponent") // As above.
    public record Request(
            Kind kind, long sequence, long offset, long length, boolean durable, long completion, byte[] hashes) {}
}
