// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteHint;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.FilteredRequest;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A user's handler in request form, below the fault rules. A request that the rules split reaches it in parts. */
final class RequestDisk implements Disk {
    private final RequestHandler handler;
    private final Consumer<Throwable> failures;

    RequestDisk(RequestHandler handler, Consumer<Throwable> failures) {
        this.handler = handler;
        this.failures = failures;
    }

    private CompletableFuture<Void> hand(Part part) {
        try {
            handler.handle(part);
        } catch (Throwable t) {
            failures.accept(t);
            part.done.completeExceptionally(t);
        }
        return part.done;
    }

    @Override
    public CompletableFuture<Void> read(FilteredRequest request, long offset, ByteBuffer dst) {
        ByteBuffer data = dst.slice();
        dst.position(dst.limit());
        return hand(new Part(
                request,
                Operation.READ,
                offset,
                data.remaining(),
                request.info().flags(),
                data));
    }

    @Override
    public CompletableFuture<Void> write(FilteredRequest request, long offset, ByteBuffer src, boolean fua) {
        EnumSet<RequestFlag> flags = EnumSet.noneOf(RequestFlag.class);
        flags.addAll(request.info().flags());
        if (fua) {
            flags.add(RequestFlag.FUA);
        } else {
            flags.remove(RequestFlag.FUA);
        }
        ByteBuffer data = src.slice().asReadOnlyBuffer();
        src.position(src.limit());
        return hand(new Part(request, Operation.WRITE, offset, data.remaining(), flags, data));
    }

    @Override
    public CompletableFuture<Void> flush(FilteredRequest request) {
        return hand(new Part(request, Operation.FLUSH, 0, 0, request.info().flags(), null));
    }

    @Override
    public CompletableFuture<Void> discard(FilteredRequest request, long offset, long length) {
        return hand(new Part(
                request, Operation.DISCARD, offset, length, request.info().flags(), null));
    }

    @Override
    public CompletableFuture<Void> writeZeroes(FilteredRequest request, long offset, long length, boolean mayUnmap) {
        EnumSet<RequestFlag> flags = EnumSet.noneOf(RequestFlag.class);
        flags.addAll(request.info().flags());
        if (!mayUnmap) {
            flags.add(RequestFlag.NOUNMAP);
        }
        return hand(new Part(request, Operation.WRITE_ZEROES, offset, length, flags, null));
    }

    private static final class Part implements BlockRequest {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        private final FilteredRequest request;
        private final Operation operation;
        private final long offset;
        private final long length;
        private final Set<RequestFlag> flags;
        private final ByteBuffer data;

        Part(
                FilteredRequest request,
                Operation operation,
                long offset,
                long length,
                Set<RequestFlag> flags,
                ByteBuffer data) {
            this.request = request;
            this.operation = operation;
            this.offset = offset;
            this.length = length;
            this.flags = Set.copyOf(flags);
            this.data = data;
        }

        @Override
        public Operation operation() {
            return operation;
        }

        @Override
        public long offset() {
            return offset;
        }

        @Override
        public long length() {
            return length;
        }

        @Override
        public Set<RequestFlag> flags() {
            return flags;
        }

        @Override
        public int queue() {
            return request.info().queue();
        }

        @Override
        public IoPriority priority() {
            return request.info().priority();
        }

        @Override
        public WriteHint writeHint() {
            return request.info().writeHint();
        }

        @Override
        public ByteBuffer data() {
            if (data == null) {
                throw new IllegalStateException("A " + operation + " has no data; ask operation() first.");
            }
            return data;
        }

        @Override
        public void complete() {
            if (!done.complete(null)) {
                throw completedBefore();
            }
        }

        @Override
        public void fail(Errno errno) {
            if (!done.completeExceptionally(new BlockIOException(Objects.requireNonNull(errno, "errno")))) {
                throw completedBefore();
            }
        }

        private IllegalStateException completedBefore() {
            return new IllegalStateException(this + " was completed before. Complete each request once.");
        }

        @Override
        public String toString() {
            return operation + " of " + length + " bytes at " + offset;
        }
    }
}
