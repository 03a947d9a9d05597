// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Where udev runs, it opens every new or changed disk for a moment. */
final class Udev {
    private static final int SECONDS = 10;

    private Udev() {}

    /** Waits until udev has nothing to do; at once where it does not run. */
    static void settle() {
        if (Files.exists(Path.of("/run/udev/control"))) {
            // If it is still busy after that time, what it does to other disks need not concern this one.
            Command.of("udevadm", "settle", "--timeout=" + SECONDS)
                    .within(Duration.ofSeconds(2 * SECONDS))
                    .run();
        }
    }
}
