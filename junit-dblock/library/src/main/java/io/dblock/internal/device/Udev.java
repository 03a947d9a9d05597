// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Waits for udev, which opens every new or changed disk for a moment. */
final class Udev {
    private static final int SECONDS = 10;

    private Udev() {}

    /** Waits until udev has handled its events. Returns at once if udev does not run. */
    static void settle() {
        if (Files.exists(Path.of("/run/udev/control"))) {
            // If udev is still busy after that time, it is probably busy with other disks, so a failure is ignored.
            Command.of("udevadm", "settle", "--timeout=" + SECONDS)
                    .within(Duration.ofSeconds(2 * SECONDS))
                    .run();
        }
    }
}
