// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.util.Optional;

/**
 * What the module says of a device, see {@code struct dblock_info} in dblock.h.
 *
 * @param id its number, never used twice
 * @param parameters as created, with the defaults filled in; the name is the one it has got
 * @param state where it is in its life
 * @param openers how often its node is open, its own servers not counted
 * @param major major number of its node, 0 before the start
 * @param minor minor number of its node
 * @param owner pid that created it; 0 if not visible or gone
 * @param servers how many processes serve it
 * @param pending requests waiting for a server or held by one
 * @param oldest the one of them that is under way the longest; empty if there is none, or the module does not tell
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

    /** Its name. */
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
        /** Its server is gone, and it waits for another; made by somebody else, this library's devices do not. */
        WAITING
    }
}
