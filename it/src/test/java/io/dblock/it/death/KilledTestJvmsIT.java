// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

/** A test's JVM is killed. */
class KilledTestJvmsIT extends DeathsOfGroup {

    KilledTestJvmsIT() {
        super(Row.Group.KILLED);
    }
}
