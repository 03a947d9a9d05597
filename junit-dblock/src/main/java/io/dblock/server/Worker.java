// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Operation;
import io.dblock.kernel.Batch;
import io.dblock.kernel.Errno;
import io.dblock.kernel.NativeMemory;
import java.util.function.LongConsumer;

/** A thread that serves one queue of a device. */
abstract class Worker implements Runnable {
    final LocalDevice device;
    final Batch batch;
    final NativeMemory fetched;
    private final LongConsumer late;

    Worker(LocalDevice device, int queue, int batchSize, int bufferSize) {
        this.device = device;
        batch = new Batch(device.id(), queue, batchSize, batchSize);
        fetched = NativeMemory.allocate(bufferSize);
        late = cookie -> device.answeredLate();
    }

    /** Answers request {@code i} of the batch, or has it answered later. Must not throw. */
    abstract void handle(int i);

    /** The answers given with the last call have been taken: what they pointed at is free. */
    void answersTaken() {}

    @Override
    public final void run() {
        device.markAsFlusher();
        try {
            while (true) {
                int requests = batch.serve(device.session(), fetched, late);
                answersTaken();
                if (batch.ended()) {
                    return;
                }
                for (int i = 0; i < requests; i++) {
                    handle(i);
                }
            }
        } catch (Throwable t) {
            // The requests this thread would have fetched end with the kernel's timeout.
            device.failed(t);
        }
    }

    final void count(int i) {
        Counters counters = device.counters();
        switch (batch.operation(i)) {
            case Batch.OP_READ -> {
                counters.reads.increment();
                counters.bytesRead.add(batch.length(i));
            }
            case Batch.OP_WRITE -> {
                counters.writes.increment();
                counters.bytesWritten.add(batch.length(i));
            }
            case Batch.OP_FLUSH -> counters.flushes.increment();
            case Batch.OP_DISCARD -> counters.discards.increment();
            case Batch.OP_WRITE_ZEROES -> counters.writeZeroes.increment();
            default -> {
                // Left to the one who handles it.
            }
        }
    }

    static Operation operation(int number) throws BlockIOException {
        return switch (number) {
            case Batch.OP_READ -> Operation.READ;
            case Batch.OP_WRITE -> Operation.WRITE;
            case Batch.OP_FLUSH -> Operation.FLUSH;
            case Batch.OP_DISCARD -> Operation.DISCARD;
            case Batch.OP_WRITE_ZEROES -> Operation.WRITE_ZEROES;
            default ->
                throw new BlockIOException(
                        Errno.EOPNOTSUPP,
                        "The module sent the operation " + number + ", which this library does not know");
        };
    }

    /** What a request fails with when this was thrown. */
    static Errno errno(Throwable thrown) {
        return thrown instanceof BlockIOException known ? known.errno() : Errno.EIO;
    }

    /** Fails request {@code i} because of this. */
    final void failRequest(int i, Throwable thrown) {
        device.failed(thrown);
        device.counters().errors.increment();
        batch.answerError(batch.cookie(i), errno(thrown).number());
    }
}
