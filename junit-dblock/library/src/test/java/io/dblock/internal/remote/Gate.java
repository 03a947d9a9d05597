// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** A stream that lets nothing pass while it is closed. */
final class Gate extends FilterInputStream {
    private boolean open = true;

    Gate(InputStream in) {
        super(in);
    }

    synchronized void close(boolean now) {
        open = !now;
        notifyAll();
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        int read = in.read(bytes, offset, length);
        synchronized (this) {
            while (!open) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
            }
        }
        return read;
    }
}
