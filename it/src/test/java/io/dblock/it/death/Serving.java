// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** Who answers for a victim's disks. */
enum Serving {
    /** Built-in stores in the victim's server process, mounted by the library. */
    SERVER_PROCESS,
    /** The same in the victim itself. */
    TEST_JVM,
    /** A handler of the victim's own, see {@link MoodyHandler}. */
    HANDLER,
    /** The same in request form. */
    REQUEST_HANDLER;

    /** Whether the library takes the disks for raw, so that somebody else has to mount them. */
    boolean isHandler() {
        return this == HANDLER || this == REQUEST_HANDLER;
    }
}
