// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** Whoever serves the disks does not get round to it. */
class UnansweredRequestsIT extends DeathsOfGroup {

    UnansweredRequestsIT() {
        super(Row.Group.UNANSWERED);
    }
}
