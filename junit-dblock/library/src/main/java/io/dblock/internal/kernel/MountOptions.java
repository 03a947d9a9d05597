// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Options as mount(8) takes them, the way mount(2) does.
 *
 * @param flags those of the mount itself
 * @param data those of the filesystem, split by commas
 */
public record MountOptions(long flags, String data) {
    static final long RDONLY = 1;
    static final long NOSUID = 2;
    static final long NODEV = 4;
    static final long NOEXEC = 8;
    static final long SYNCHRONOUS = 16;
    static final long REMOUNT = 32;
    static final long DIRSYNC = 128;
    static final long NOSYMFOLLOW = 256;
    static final long NOATIME = 1 << 10;
    static final long NODIRATIME = 1 << 11;
    static final long SILENT = 1 << 15;
    static final long RELATIME = 1 << 21;
    static final long I_VERSION = 1 << 23;
    static final long STRICTATIME = 1 << 24;
    static final long LAZYTIME = 1 << 25;

    private static final long TIMES = NOATIME | RELATIME | STRICTATIME;

    private record Change(long clears, long sets) {}

    private static final Map<String, Change> FLAGS = Map.ofEntries(
            Map.entry("ro", new Change(0, RDONLY)),
            Map.entry("rw", new Change(RDONLY, 0)),
            Map.entry("nosuid", new Change(0, NOSUID)),
            Map.entry("suid", new Change(NOSUID, 0)),
            Map.entry("nodev", new Change(0, NODEV)),
            Map.entry("dev", new Change(NODEV, 0)),
            Map.entry("noexec", new Change(0, NOEXEC)),
            Map.entry("exec", new Change(NOEXEC, 0)),
            Map.entry("sync", new Change(0, SYNCHRONOUS)),
            Map.entry("async", new Change(SYNCHRONOUS, 0)),
            Map.entry("remount", new Change(0, REMOUNT)),
            Map.entry("dirsync", new Change(0, DIRSYNC)),
            Map.entry("nosymfollow", new Change(0, NOSYMFOLLOW)),
            Map.entry("symfollow", new Change(NOSYMFOLLOW, 0)),
            // Of noatime and relatime together the kernel would take noatime, in whatever order: here the last one
            // wins.
            Map.entry("noatime", new Change(TIMES, NOATIME)),
            Map.entry("atime", new Change(NOATIME, 0)),
            Map.entry("relatime", new Change(TIMES, RELATIME)),
            Map.entry("norelatime", new Change(RELATIME, 0)),
            Map.entry("strictatime", new Change(TIMES, STRICTATIME)),
            Map.entry("nostrictatime", new Change(STRICTATIME, 0)),
            Map.entry("nodiratime", new Change(0, NODIRATIME)),
            Map.entry("diratime", new Change(NODIRATIME, 0)),
            Map.entry("lazytime", new Change(0, LAZYTIME)),
            Map.entry("nolazytime", new Change(LAZYTIME, 0)),
            Map.entry("iversion", new Change(0, I_VERSION)),
            Map.entry("noiversion", new Change(I_VERSION, 0)),
            Map.entry("silent", new Change(0, SILENT)),
            Map.entry("loud", new Change(SILENT, 0)));

    /*
     * What mount(8) itself acts on, or makes further calls for: who may mount (user, owner, group ...), what else is to be done
     * (loop devices, dm-verity, X-mount.*, helpers), other ways to mount (bind, move) and to propagate (shared, private ...), what
     * only /etc/fstab is about (auto, nofail, _netdev, x-*), SELinux's contexts, which it leaves out where there is no SELinux,
     * and quotes, in which there may be a comma.
     */
    private static final Set<String> OF_THE_PROGRAM = Set.of(
            "defaults",
            "auto",
            "noauto",
            "nofail",
            "_netdev",
            "user",
            "nouser",
            "users",
            "nousers",
            "owner",
            "noowner",
            "group",
            "nogroup",
            "loop",
            "offset",
            "sizelimit",
            "encryption",
            "helper",
            "uhelper",
            "comment",
            "bind",
            "rbind",
            "move",
            "shared",
            "rshared",
            "slave",
            "rslave",
            "private",
            "rprivate",
            "unbindable",
            "runbindable",
            "mand",
            "nomand",
            "context",
            "fscontext",
            "defcontext",
            "rootcontext",
            "seclabel");

    private static final Pattern MORE_OF_THE_PROGRAM = Pattern.compile("[xX]-.*|verity\\..*|.*\".*");

    /**
     * What to call mount(2) with.
     *
     * @param options split by commas; of those that contradict each other the last one wins
     * @return empty if they take mount(8)
     */
    public static Optional<MountOptions> parse(String options) {
        long flags = 0;
        List<String> data = new ArrayList<>();
        for (String option : options.split(",", -1)) {
            Change change = FLAGS.get(option);
            if (OF_THE_PROGRAM.contains(option.split("=", 2)[0])
                    || MORE_OF_THE_PROGRAM.matcher(option).matches()) {
                return Optional.empty();
            }
            if (change != null) {
                flags = (flags & ~change.clears()) | change.sets();
            } else if (!option.isEmpty()) {
                data.add(option);
            }
        }
        return Optional.of(new MountOptions(flags, String.join(",", data)));
    }
}
