// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** All processes that have to do with the disks end. */
class EndedProcessesIT extends DeathsOfGroup {

    EndedProcessesIT() {
        super(Row.Group.ENDED);
    }
}
