// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import io.dblock.proc.Holders;
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

    /** With these lines, indented, between two others. */
    static LeakException of(String before, List<String> lines, String after) {
        StringBuilder text = new StringBuilder(before).append('\n');
        lines.forEach(line -> text.append("  ").append(line).append('\n'));
        text.append(after);
        if (lines.stream().anyMatch(Holders::isMapping)) {
            text.append(
                    " A mapping cannot be closed in Java 17, it ends when its buffer is collected: let nothing refer to"
                            + " the buffer any more, or use the file without mapping it.");
        }
        return new LeakException(text.toString(), lines);
    }

    /**
     * What held the device, one line each: pid, command, and the file, or another device whose image lies on it. May be empty
     * if none could be identified.
     */
    public List<String> holders() {
        return List.of(holders);
    }
}
