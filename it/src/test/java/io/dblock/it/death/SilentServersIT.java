// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** Whoever serves the disks is killed or stopped. */
class SilentServersIT extends DeathsOfGroup {

    SilentServersIT() {
        super(Row.Group.SILENT);
    }
}
