// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.device.CrashDevice;
import java.nio.file.Path;
import java.util.List;

/**
 * A state that is shown on a device at the moment.
 *
 * @param device the device
 * @param acknowledged what was acknowledged when the power was cut
 * @param id has all that the state is
 * @param text the state in words
 * @param reported what the workload has thrown; null if it ended normally
 */
public record ShownState(CrashDevice device, List<Object> acknowledged, String id, String text, Throwable reported) {

    /** Mounts the filesystem, unless it is mounted, and returns where. */
    public Path mount() {
        return device.mount();
    }

    /** Returns the node of the device. */
    public Path path() {
        return device.device().path();
    }
}
