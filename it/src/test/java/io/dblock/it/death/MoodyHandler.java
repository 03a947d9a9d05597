// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;

/** A user's handler that does its work until it is told to do something else. */
final class MoodyHandler implements BlockHandler {

    /** What happens to a request instead. */
    @FunctionalInterface
    interface Mood {
        void strike() throws IOException;
    }

    static final Mood WELL = () -> {};

    /** For handlers in request form: takes requests and never completes them. */
    static final Mood FORGETFUL = () -> {
        throw new IllegalStateException("a request handler forgets before it is struck");
    };

    private final BlockHandler data;
    private final AtomicReference<Mood> mood;

    /** @param mood shared by the disks of a victim */
    MoodyHandler(BlockHandler data, AtomicReference<Mood> mood) {
        this.data = data;
        this.mood = mood;
    }

    @Override
    public void read(long offset, ByteBuffer dst) throws IOException {
        mood.get().strike();
        data.read(offset, dst);
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
        mood.get().strike();
        data.write(offset, src, flags);
    }

    @Override
    public void flush() throws IOException {
        mood.get().strike();
        data.flush();
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        mood.get().strike();
        data.discard(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
        mood.get().strike();
        data.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public Set<Operation> supports() {
        return data.supports();
    }

    @Override
    public void close() throws IOException {
        data.close();
    }
}
