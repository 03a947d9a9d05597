// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.kernel.NativeMemory;

/** Serves a queue by passing each request to a user's {@link RequestHandler}, which may complete it later. */
final class RequestWorker extends Worker {
    private final RequestHandler handler;
    private PendingRequest current;

    RequestWorker(DeviceParts parts, int queue, RequestHandler handler) {
        super(parts, queue, 1, parts.kernel().maxIo(), parts.filters().journal().memory());
        this.handler = handler;
    }

    @Override
    void handle(int i, long sequence) throws Exception {
        PendingRequest request = new PendingRequest(parts, this, batch, i, sequence);
        current = request;
        try {
            handler.handle(request);
            request.detach();
        } catch (Throwable t) {
            failures.add(t);
            request.failIfOpen(errno(t));
        } finally {
            current = null;
        }
    }

    @Override
    boolean isImmediate() {
        return false;
    }

    /** Returns whether the current thread handles this request, so that the answer can go with the next call. */
    boolean isHandling(PendingRequest request) {
        return current == request && isHere();
    }

    /** Adds the answer to the next call to the kernel; {@code data} is not reused before that call. */
    void answerWithNextCall(PendingRequest request, Errno errno, NativeMemory data) {
        if (request.operation() == Operation.READ && data != null && errno == null) {
            noteRead(request.sequence(), data.address(), request.length());
        }
        request.addAnswer(batch, errno, data);
        answered(request.sequence(), 0, errno);
        if (data != null) {
            releaseWhenTaken(data);
        }
    }
}
