// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** The first hundred failures of a device. */
final class Failures {
    private static final int MAX = 100;

    private final List<Throwable> list = new ArrayList<>(0);

    /** The last failure for which there was no memory in the list. */
    private Throwable unlisted;

    /** Returns the error of a request whose handling threw this. */
    static Errno errno(Throwable thrown) {
        Throwable cause = thrown instanceof UncheckedIOException ? thrown.getCause() : thrown;
        return cause instanceof BlockIOException known ? known.errno() : Errno.EIO;
    }

    /** Adds a failure. Must not throw, because it is also called when memory is short. */
    synchronized void add(Throwable failure) {
        if (list.size() >= MAX) {
            return;
        }
        try {
            list.add(failure);
        } catch (OutOfMemoryError e) {
            unlisted = failure;
        }
    }

    synchronized List<Throwable> list() {
        if (unlisted != null) {
            list.add(unlisted);
            unlisted = null;
        }
        return List.copyOf(list);
    }
}
