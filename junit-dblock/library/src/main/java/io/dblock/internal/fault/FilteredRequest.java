// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.RequestInfo;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.store.WriteCache;
import java.nio.ByteBuffer;

/**
 * A request on its way through the filters. It is answered once, by any thread; until then it belongs to whoever it was
 * handed to.
 */
public interface FilteredRequest {

    /** What it asks for. */
    RequestInfo info();

    /** Its number in the journal. */
    long sequence();

    /**
     * All its data, the same buffer at each call: of a write, what to write (not to be changed); of a read, where to put
     * it, zeros at first. Valid until the request is answered.
     *
     * @throws IllegalStateException if the operation has none
     */
    ByteBuffer data();

    /**
     * How many writes had been completed when this request came: a flush makes those durable, see
     * {@link WriteCache#position()}.
     */
    long position();

    /** Notes a write that this request has put into the cache; it is completed when the request is answered. */
    void addTicket(long ticket);

    /** Notes where this append to a zone was put, in bytes. */
    default void appendedAt(long offset) {
        throw new IllegalStateException(info() + " is no append to a zone.");
    }

    /**
     * Ends it.
     *
     * @throws IllegalStateException if it was answered before
     */
    void answer(Answer answer);
}
