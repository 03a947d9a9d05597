// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.io.IOException;

/** Fails a request with an error of one's choice. */
public class BlockIOException extends IOException {
    private static final long serialVersionUID = 1L;

    private final Errno errno;

    /** With the given error. */
    public BlockIOException(Errno errno) {
        this(errno, errno.name() + " (" + errno.description() + ")");
    }

    /** With the given error and message. */
    public BlockIOException(Errno errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** The error the request fails with. */
    public Errno errno() {
        return errno;
    }
}
