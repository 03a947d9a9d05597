// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import java.util.Optional;

/**
 * Something that uses a device from where this machine's mounts and files do not show it, and that can be ended: a
 * container, which has mounts of its own.
 */
public interface Tenant {

    /** Returns one line that names it, if it uses the device now. */
    Optional<String> using();

    /** Ends it. Returns once it no longer uses the device. */
    void end();
}
