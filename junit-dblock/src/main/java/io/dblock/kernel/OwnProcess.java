// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import io.dblock.DblockException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a process that serves disks for another does to itself first. */
public final class OwnProcess {
    /** Of /proc/self/mountinfo, see proc(5): the fifth field, and the second behind the lone hyphen. */
    private static final Pattern MOUNT = Pattern.compile("(?:\\S+ ){4}(\\S+) .* - \\S+ (\\S+) .*");

    private static final Pattern ESCAPE = Pattern.compile("\\\\([0-7]{3})");

    private OwnProcess() {}

    /** Leaves the terminal and the process group of the parent: signals meant for those do not come here. */
    public static void newSession() {
        // EPERM: it leads a group already, which nobody else is in then.
        Libc.INSTANCE.newSession();
    }

    /**
     * Takes all mounts of this module's disks away, of whichever process: for one in a mount namespace of its own, which has
     * got copies of them, and would keep those disks busy.
     */
    public static void detachDiskMounts() {
        List<Path> points = new ArrayList<>();
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/mountinfo"))) {
                Matcher mount = MOUNT.matcher(line);
                if (mount.matches() && mount.group(2).startsWith("/dev/dblock")) {
                    points.add(Path.of(unescape(mount.group(1))));
                }
            }
        } catch (IOException e) {
            throw new DblockException("Cannot read the mounts of this process: " + e, e);
        }
        // The innermost first.
        Collections.reverse(points);
        for (Path point : points) {
            int result = Mounts.detach(point);
            if (result < 0 && result != -Errno.EINVAL.number() && result != -Errno.ENOENT.number()) {
                throw new DblockException(
                        "Cannot take the mount at " + point + " away: " + Errno.describe(-result) + ".");
            }
        }
    }

    private static String unescape(String text) {
        return ESCAPE.matcher(text)
                .replaceAll(escape ->
                        Matcher.quoteReplacement(Character.toString((char) Integer.parseInt(escape.group(1), 8))));
    }
}
