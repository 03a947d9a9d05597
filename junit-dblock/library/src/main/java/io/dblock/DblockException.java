// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** An operation of junit-dblock failed. The message says what was attempted, what was found and what to do. */
public class DblockException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates an exception with the given message. */
    public DblockException(String message) {
        super(message);
    }

    /** Creates an exception with the given message and cause. */
    public DblockException(String message, Throwable cause) {
        super(message, cause);
    }
}
