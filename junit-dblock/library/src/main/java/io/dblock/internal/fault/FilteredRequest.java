// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.RequestInfo;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.store.WriteCache;
import java.nio.ByteBuffer;

/**
 * A request on its way through the filters. Any thread may answer it, once. Until then it belongs to the code it was
 * passed to.
 */
public interface FilteredRequest {

    /** Returns what the request asks for. */
    RequestInfo info();

    /** Returns the request's number in the journal. */
    long sequence();

    /**
     * Returns all data of the request, the same buffer at each call. For a write: what to write, not to be changed. For
     * a read: where to put it, zeros at first. Valid until the request is answered.
     *
     * @throws IllegalStateException if the operation has no data
     */
    ByteBuffer data();

    /**
     * Returns how many writes had been completed when the request came. A flush makes those durable, see
     * {@link WriteCache#position()}.
     */
    long position();

    /** Notes a write that the request has put into the cache. It is completed when the request is answered. */
    void addTicket(long ticket);

    /** Notes where this append to a zone was put, in bytes. */
    default void appendedAt(long offset) {
        throw new IllegalStateException(info() + " is not an append to a zone.");
    }

    /**
     * Answers the request.
     *
     * @throws IllegalStateException if the request was answered before
     */
    void answer(Answer answer);
}
