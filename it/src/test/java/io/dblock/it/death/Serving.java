// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** Who answers for a victim's disks. */
enum Serving {
    /** A built-in store, mounted by the library. */
    STORE,
    /** A handler of the victim's own, see {@link MoodyHandler}. */
    HANDLER
}
