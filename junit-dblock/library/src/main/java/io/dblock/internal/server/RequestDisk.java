// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.RequestHandler;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.DiskRequest;
import java.io.IOException;

/** A user's handler in request form, which may complete a request later. */
final class RequestDisk implements Disk {
    private final RequestHandler handler;

    RequestDisk(RequestHandler handler) {
        this.handler = handler;
    }

    @Override
    public boolean handle(DiskRequest request) throws IOException {
        request.keep();
        handler.handle(request);
        return false;
    }
}
