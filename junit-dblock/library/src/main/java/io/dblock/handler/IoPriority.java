// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * With which I/O priority a request was made: that of the thread which made it, as of ioprio_set(2) and ionice(1), or of its
 * control group. Of what the page cache writes back it is not that of the application.
 *
 * @param ioClass the class
 * @param level the priority within it, 0 (highest) to 7
 */
public record IoPriority(IoClass ioClass, int level) {
    /** No priority was set. */
    public static final IoPriority NONE = new IoPriority(IoClass.NONE, 0);

    /** Checks the level. */
    public IoPriority {
        if (level < 0 || level > 7) {
            throw new IllegalArgumentException("level is " + level + ". Allowed: 0 to 7.");
        }
    }

    @Override
    public String toString() {
        return ioClass == IoClass.NONE || ioClass == IoClass.IDLE ? ioClass.toString() : ioClass + "/" + level;
    }
}
