// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.internal.kernel.BusyWait;
import io.dblock.internal.kernel.DeviceInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** The node of a device below /dev. The kernel makes it a moment after the disk has started. */
public final class DeviceNode {
    private static final Duration WAIT = Duration.ofSeconds(20);

    private DeviceNode() {}

    static Path of(String name) {
        return Path.of("/dev", name);
    }

    /**
     * Waits for the node, and until udev has examined it.
     *
     * @throws DblockException if the node does not appear within 20 s
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

    /** Returns what is wrong with the node; empty if nothing is. */
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

    /** Returns the device number as stat(2) reports it. */
    public static long number(long major, long minor) {
        return (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12);
    }
}
