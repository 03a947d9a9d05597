// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

/**
 * The I/O priority of a request: that of the thread that made it, as set with ioprio_set(2) or ionice(1), or of its
 * control group. Requests of the page cache's writeback do not have the application's priority.
 *
 * @param ioClass the class
 * @param level the priority within the class, 0 (highest) to 7
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
