// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** Whoever serves the disks goes wrong. */
class FailingServersIT extends DeathsOfGroup {

    FailingServersIT() {
        super(Row.Group.FAILING);
    }
}
