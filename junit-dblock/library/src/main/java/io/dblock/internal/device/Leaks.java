// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.LeakException;
import io.dblock.internal.kernel.Holders;
import java.util.List;

/** Words the errors about users of a device. */
final class Leaks {
    private Leaks() {}

    /** Returns an exception with these lines, indented, between two texts. */
    static LeakException exception(String before, List<String> lines, String after) {
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
}
