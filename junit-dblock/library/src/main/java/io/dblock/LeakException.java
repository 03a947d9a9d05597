// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.List;

/**
 * A device was still in use when it was to be closed, unmounted or to get its power back: by an open file, a process
 * with its working directory there, or another mount. A closed device is gone all the same. The message and
 * {@link #holders()} name the holders.
 */
public class LeakException extends DblockException {
    private static final long serialVersionUID = 1L;

    /** One line per holder; an array keeps the exception serializable. */
    private final String[] holders;

    /** Creates an exception with the given message and one line per holder. */
    public LeakException(String message, List<String> holders) {
        super(message);
        this.holders = holders.toArray(new String[0]);
    }

    /**
     * Returns one line per holder: pid, command and file, or another device whose image lies on this device. May be
     * empty if no holder could be identified.
     */
    public List<String> holders() {
        return List.of(holders);
    }
}
