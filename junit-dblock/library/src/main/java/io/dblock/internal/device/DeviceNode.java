// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.internal.kernel.BusyWait;
import io.dblock.internal.kernel.DeviceInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** The node of a device below /dev, which the kernel makes a moment after the disk has started. */
public final class DeviceNode {
    private static final Duration WAIT = Duration.ofSeconds(20);

    private DeviceNode() {}

    static Path of(String name) {
        return Path.of("/dev", name);
    }

    /**
     * Waits for it, and for udev to have had its look.
     *
     * @throws DblockException if it does not come
     */
    static void await(DeviceInfo info) {
        Path path = of(info.name());
        long deadline = System.nanoTime() + WAIT.toNanos();
        String found = problem(path, info);
        while (!found.isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new DblockException("Waited " + WAIT.toSeconds() + " s for " + path
                        + " to appear as the block device " + info.major() + ":" + info.minor() + ": " + found
                        + ". Is /dev a devtmpfs? In a container, start it with --privileged -v /dev:/dev.");
            }
            BusyWait.pause(Duration.ofMillis(2));
            found = problem(path, info);
        }
        Udev.settle();
    }

    /** Empty if the node is there. */
    private static String problem(Path path, DeviceInfo info) {
        try {
            if (!(Files.getAttribute(path, "unix:rdev") instanceof Long number)) {
                return "its device number cannot be read";
            }
            return number == number(info.major(), info.minor()) ? "" : "there is another device of that name";
        } catch (IOException e) {
            return "there is none";
        }
    }

    /** dev_t as stat(2) gives it. */
    public static long number(long major, long minor) {
        return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
    }
}
