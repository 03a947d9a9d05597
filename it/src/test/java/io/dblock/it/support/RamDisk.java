// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The kernel's own RAM disks (brd), {@code /dev/ram0} and so on, as long as this is open. Their size is the module's, so there is one
 * user at a time, who must not leave it loaded: the next would get disks of another size.
 */
public final class RamDisk implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    private RamDisk() {}

    /** Loads the module, for this many disks of this many KiB. */
    public static RamDisk load(int disks, long kib) {
        if (Files.exists(Path.of("/sys/module/brd"))) {
            throw new AssertionError("brd is loaded already: what loaded it has to unload it");
        }
        Commands.run("modprobe", "brd", "rd_nr=" + disks, "rd_size=" + kib);
        return new RamDisk();
    }

    /** One of them, from 0 on. */
    public Path node(int index) {
        return Path.of("/dev/ram" + index);
    }

    /** Unloads it, and with it all that is on them. */
    @Override
    public void close() {
        // Whoever has just closed one, such as udev, may not be done with it.
        Poll.until(
                "brd to be unloaded",
                LIMIT,
                () -> Commands.tryRun("modprobe", "-r", "brd").status() == 0);
    }
}
