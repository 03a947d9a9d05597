// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;

/**
 * The kernel module could not be made available. The message has one "Attempted:" line for each way tried, with the
 * reason it failed and the command that fixes it.
 */
public class ModuleUnavailableException extends DblockException {
    private static final long serialVersionUID = 1L;

    private final String[] attempts;

    /** Creates an exception with the given message and without separate attempts. */
    public ModuleUnavailableException(String message) {
        this(message, List.of(), null);
    }

    /** Creates an exception with the given message and cause and without separate attempts. */
    public ModuleUnavailableException(String message, Throwable cause) {
        this(message, List.of(), cause);
    }

    /** Creates an exception with the given message, the attempts it lists, and a cause, which may be null. */
    public ModuleUnavailableException(String message, List<String> attempts, Throwable cause) {
        super(message, cause);
        this.attempts = attempts.toArray(new String[0]);
    }

    /** Returns one line for each way tried: what it was, why it failed, and what fixes it. */
    public List<String> attempts() {
        return List.of(attempts);
    }
}
