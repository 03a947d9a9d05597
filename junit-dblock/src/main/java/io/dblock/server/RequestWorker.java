// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.handler.RequestHandler;
import io.dblock.kernel.Errno;
import io.dblock.kernel.NativeMemory;

/** Serves a queue by handing each request to a {@link RequestHandler}, which may complete it later. */
final class RequestWorker extends Worker {
    private final RequestHandler handler;
    private PendingRequest current;
    private NativeMemory answered;

    RequestWorker(LocalDevice device, int queue, RequestHandler handler) {
        super(device, queue, 1, device.maxIo());
        this.handler = handler;
    }

    @Override
    void handle(int i) {
        count(i);
        PendingRequest request;
        try {
            request = new PendingRequest(device, this, batch, i);
        } catch (Throwable t) {
            failRequest(i, t);
            return;
        }
        current = request;
        try {
            handler.handle(request);
            request.detach();
        } catch (Throwable t) {
            device.failed(t);
            request.failIfOpen(errno(t));
        } finally {
            current = null;
        }
    }

    /** Whether this request is being handled by the current thread, so that its answer can go with the next call. */
    boolean isHandling(PendingRequest request) {
        return current == request && device.isWorker(this);
    }

    /** Puts the answer into the next call; {@code data} stays untouched until that was made. */
    void answerWithNextCall(PendingRequest request, Errno errno, NativeMemory data) {
        request.addAnswer(batch, errno, data);
        answered = data;
    }

    @Override
    void answersTaken() {
        if (answered != null) {
            device.buffers().release(answered);
            answered = null;
        }
    }
}
