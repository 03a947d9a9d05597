// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;

/** Fails a request with a chosen error. */
public class BlockIOException extends IOException {
    private static final long serialVersionUID = 1L;

    private final Errno errno;

    /** Creates an exception with the given error. */
    public BlockIOException(Errno errno) {
        this(errno, errno.name() + " (" + errno.description() + ")");
    }

    /** Creates an exception with the given error and message. */
    public BlockIOException(Errno errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** Returns the error that the request fails with. */
    public Errno errno() {
        return errno;
    }
}
