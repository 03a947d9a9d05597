// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import io.dblock.handler.Errno;

/** The module refused a control call. */
public class ControlException extends DblockException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /** Creates an exception with the given message and error number, positive. */
    public ControlException(String message, int errno) {
        super(message);
        this.errno = errno;
    }

    /** Returns the error number, positive. */
    public int errno() {
        return errno;
    }

    /** Returns whether it is this error. */
    public boolean is(Errno other) {
        return errno == other.number();
    }
}
