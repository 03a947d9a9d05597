// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;

/** The same as {@link MoodyHandler} in request form: this one can forget a request and go on. */
final class MoodyRequests implements RequestHandler {

    private final BlockHandler data;
    private final AtomicReference<MoodyHandler.Mood> mood;

    MoodyRequests(BlockHandler data, AtomicReference<MoodyHandler.Mood> mood) {
        this.data = data;
        this.mood = mood;
    }

    @Override
    public void handle(BlockRequest request) throws IOException {
        MoodyHandler.Mood now = mood.get();
        if (now == MoodyHandler.FORGETFUL) {
            return;
        }
        now.strike();
        long offset = request.offset();
        switch (request.operation()) {
            case READ -> data.read(offset, request.data());
            case WRITE -> data.write(offset, request.data(), WriteFlags.NONE);
            case FLUSH -> data.flush();
            case DISCARD -> data.discard(offset, request.length());
            case WRITE_ZEROES ->
                data.writeZeroes(offset, request.length(), !request.flags().contains(RequestFlag.NOUNMAP));
            default -> throw new AssertionError("this disk has no zones: " + request);
        }
        request.complete();
    }

    @Override
    public Set<Operation> supports() {
        return data.supports();
    }
}
