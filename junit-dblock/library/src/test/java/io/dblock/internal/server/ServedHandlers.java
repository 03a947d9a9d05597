// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/** Handlers as an application sees them through a device of a {@link FakeKernel}: again as handlers. */
public final class ServedHandlers {
    private static final int MAX_IO = 65536;

    /** Settings of the filters for tests that do not depend on them. */
    static final FilterSpec FILTERS = new FilterSpec(1, true, 1 << 20, 1024);

    private ServedHandlers() {}

    /** Returns a handler in request form as seen through a device with two queues. */
    public static BlockHandler through(RequestHandler handler, long size) {
        FakeKernel kernel = new FakeKernel(size, 0.05);
        return new Application(
                kernel,
                LocalDevice.create(kernel.session(), parameters(size), FILTERS, handler),
                size,
                handler.supports());
    }

    /** Returns a handler in blocking form, or a store, as seen through a device with two queues. */
    public static BlockHandler through(BlockHandler handler, long size) {
        FakeKernel kernel = new FakeKernel(size, 0.05);
        return new Application(
                kernel,
                LocalDevice.create(kernel.session(), parameters(size), FILTERS, handler),
                size,
                handler.supports());
    }

    private static DeviceParameters parameters(long size) {
        return new DeviceParameters("", size, 512, 512, 512, 0, 2, 64, MAX_IO, 30000, 0, size, size, Set.of());
    }

    private static final class Application implements BlockHandler {
        private final FakeKernel kernel;
        private final LocalDevice device;
        private final long size;
        private final Set<Operation> operations;
        private final AtomicInteger turn = new AtomicInteger();

        Application(FakeKernel kernel, LocalDevice device, long size, Set<Operation> operations) {
            this.kernel = kernel;
            this.device = device;
            this.size = size;
            this.operations = EnumSet.copyOf(operations);
            device.start();
        }

        private byte[] request(int operation, long offset, long length, byte[] data, int flags) throws IOException {
            if (offset < 0 || offset > size - length) {
                throw new IndexOutOfBoundsException("at " + offset);
            }
            try {
                CompletableFuture<FakeKernel.Completion> completion = kernel.submit(
                        device.created().name(), operation, turn.incrementAndGet() & 1, offset, length, data, flags);
                FakeKernel.Completion done = completion.get(30, TimeUnit.SECONDS);
                if (done.result() != 0) {
                    throw new BlockIOException(Errno.EIO, Errno.describe(-done.result()) + " " + device.failures());
                }
                return done.data();
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
                throw new IOException(e);
            }
        }

        @Override
        public void read(long offset, ByteBuffer dst) throws IOException {
            checkRange(offset, dst.remaining());
            for (long at = offset; dst.hasRemaining(); at += MAX_IO) {
                dst.put(request(Batch.OP_READ, at, Math.min(MAX_IO, dst.remaining()), null, 0));
            }
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
            checkRange(offset, src.remaining());
            List<byte[]> parts = new ArrayList<>();
            while (src.hasRemaining()) {
                byte[] part = new byte[Math.min(MAX_IO, src.remaining())];
                src.get(part);
                parts.add(part);
            }
            long at = offset;
            for (byte[] part : parts) {
                request(Batch.OP_WRITE, at, part.length, part, flags.fua() ? Batch.REQ_FUA : 0);
                at += part.length;
            }
        }

        private void checkRange(long offset, long length) {
            if (offset < 0 || offset > size - length) {
                throw new IndexOutOfBoundsException("at " + offset);
            }
        }

        @Override
        public void flush() throws IOException {
            request(Batch.OP_FLUSH, 0, 0, null, 0);
        }

        @Override
        public void discard(long offset, long length) throws IOException {
            request(Batch.OP_DISCARD, offset, length, null, 0);
        }

        @Override
        public void writeZeroes(long offset, long length, boolean mayUnmap) throws IOException {
            request(Batch.OP_WRITE_ZEROES, offset, length, null, mayUnmap ? 0 : Batch.REQ_NOUNMAP);
        }

        @Override
        public Set<Operation> supports() {
            return operations;
        }

        @Override
        public void close() {
            device.close();
        }
    }
}
