// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;

/**
 * A device was still in use when it had to go: a file open on it, a process with its working directory there, a mount
 * nobody undid. The device is gone all the same; the message and {@link #holders()} name who held it.
 */
public class LeakException extends DblockException {
    private static final long serialVersionUID = 1L;

    /** One line per holder; an array, so that the exception stays serialisable. */
    private final String[] holders;

    /** With the given message and one line per holder. */
    public LeakException(String message, List<String> holders) {
        super(message);
        this.holders = holders.toArray(new String[0]);
    }

    /**
     * What held the device, one line each: pid, command, and the file, or another device whose image lies on it. May be empty
     * if none could be identified.
     */
    public List<String> holders() {
        return List.of(holders);
    }
}
