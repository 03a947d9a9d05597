// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/** Something junit-dblock was asked for failed; the message says what was asked, what was found and what to do. */
public class DblockException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With the given message. */
    public DblockException(String message) {
        super(message);
    }

    /** With the given message and cause. */
    public DblockException(String message, Throwable cause) {
        super(message, cause);
    }
}
