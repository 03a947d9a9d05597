// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.store.Chunk;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/** A part of a request that rules have touched, for the disk. */
final class RequestPart extends DiskRequest {
    private final DiskRequest whole;
    private final RequestInfo info;
    private final int from;
    private final boolean owns;
    private final Consumer<Errno> then;
    // Guarded by this.
    private ByteBuffer data;

    /**
     * Creates a part.
     *
     * @param info what the disk is to do
     * @param from where in the data of the whole request that of the part starts
     * @param own the data of the part, if it is not that of the request; else null
     * @param then gets the result, an error or null, in the thread that answers. Must not throw
     */
    RequestPart(DiskRequest whole, RequestInfo info, long from, ByteBuffer own, Consumer<Errno> then) {
        this.whole = whole;
        this.info = info;
        this.from = (int) from;
        owns = own != null;
        data = own != null && info.operation() == Operation.WRITE ? own.asReadOnlyBuffer() : own;
        this.then = then;
    }

    @Override
    public RequestInfo info() {
        return info;
    }

    @Override
    public long sequence() {
        return whole.sequence();
    }

    @Override
    public long position() {
        return whole.position();
    }

    @Override
    public synchronized ByteBuffer data() {
        if (data == null) {
            data = whole.data().slice(from, (int) info.length());
        }
        return data;
    }

    @Override
    public Chunk chunk() {
        return owns ? null : whole.chunk();
    }

    @Override
    public int index() {
        return whole.index() + from;
    }

    @Override
    public void keep() {
        whole.keep();
    }

    @Override
    public void addTicket(long ticket) {
        whole.addTicket(ticket);
    }

    @Override
    public void appendedAt(long offset) {
        whole.appendedAt(offset);
    }

    @Override
    protected void deliver(Answer answer) {
        then.accept(answer.firstError());
    }
}
