// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.util.Optional;

/**
 * What the module reports about a device, see {@code struct dblock_info} in dblock.h.
 *
 * @param id its number, never reused
 * @param parameters as created, with the defaults filled in and the actual name
 * @param state the state of the device
 * @param openers how often its node is open, not counting its own servers
 * @param major major number of its node, 0 before the start
 * @param minor minor number of its node
 * @param owner pid of the process that created it; 0 if not visible or gone
 * @param servers how many processes serve it
 * @param pending requests that wait for a server or are held by one
 * @param oldest the pending request that has been under way longest; empty if there is none or the module does not
 *     report it
 */
public record DeviceInfo(
        int id,
        DeviceParameters parameters,
        State state,
        int openers,
        int major,
        int minor,
        int owner,
        int servers,
        int pending,
        Optional<OldestRequest> oldest) {

    /** Returns the name of the device. */
    public String name() {
        return parameters.name();
    }

    /** The states of a device. */
    public enum State {
        /** Not started yet. */
        CREATED,
        /** Started. */
        LIVE,
        /** Being destroyed, or its server is gone. */
        ENDING,
        /** Its server is gone, and it waits for another one. Devices of this library never do this. */
        WAITING
    }
}
