// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** The disks are removed while they are in use. */
class RemovedDisksIT extends DeathsOfGroup {

    RemovedDisksIT() {
        super(Row.Group.REMOVED);
    }
}
