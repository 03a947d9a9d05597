// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.MountOptions;
import io.dblock.internal.kernel.Mounts;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Makes and mounts filesystems. */
final class FilesystemTools {
    private static final String DMESG = "\nThe kernel's log (dmesg) often says more.";
    private static final String ROOT = " Mounting needs root: run the build as root, or in a guest.";
    /** "Structure needs cleaning"; only filesystems report it, so {@link Errno} does not have it. */
    private static final int EUCLEAN = 117;

    private final Function<String, Optional<Path>> programs;
    private final Function<List<String>, Command.Result> runner;
    private final MountCall call;

    /** Calls mount(2). Returns 0 or a negative error number. */
    interface MountCall {
        int mount(Path node, Path point, String type, MountOptions options);
    }

    FilesystemTools(
            Function<String, Optional<Path>> programs, Function<List<String>, Command.Result> runner, MountCall call) {
        this.programs = programs;
        this.runner = runner;
        this.call = call;
    }

    static FilesystemTools ofThisMachine() {
        // mount(2) reads the disk, which may not answer.
        return new FilesystemTools(
                Command::find,
                Command::run,
                (node, point, type, options) -> Bounded.call(
                        "mount of " + node + " at " + point, () -> Mounts.mount(node, point, type, options)));
    }

    /**
     * Checks that the device is large enough for its filesystem. If the spec has mkfs options, only mkfs knows what it
     * needs, so nothing is checked.
     *
     * @throws IllegalArgumentException if the device is too small
     */
    static void checkSize(DeviceSpec spec) {
        long minimum = spec.filesystem().minimumSize();
        if (spec.mkfsOptions().isEmpty() && spec.size() < minimum) {
            throw new IllegalArgumentException("size is " + spec.size() + " bytes (" + ByteSize.format(spec.size())
                    + "): " + spec.filesystem() + " needs at least " + ByteSize.format(minimum)
                    + ". Make the device larger (unwritten space costs no memory), or use another filesystem.");
        }
    }

    /** Returns the package with mkfs for a filesystem: it has the same name on Debian, Fedora and their derivatives. */
    private static String packageOf(Filesystem filesystem) {
        return switch (filesystem) {
            case EXT4 -> "e2fsprogs";
            case XFS -> "xfsprogs";
            case BTRFS -> "btrfs-progs";
            case NONE, DEFAULT -> throw new IllegalArgumentException("There is no mkfs for " + filesystem + ".");
        };
    }

    void format(Path node, DeviceSpec spec) {
        Filesystem filesystem = spec.filesystem();
        String name = "mkfs." + filesystem.type();
        String tools = packageOf(filesystem);
        Path maker = programs.apply(name)
                .orElseThrow(() -> new DblockException(
                        "Cannot make " + filesystem + " on " + node + ": there is no " + name + ". Install the package "
                                + tools + " (apt-get install " + tools + ", dnf install " + tools + ")."));
        List<String> command = new ArrayList<>();
        command.add(maker.toString());
        command.addAll(makerOptions(filesystem, spec.mkfsOptions()));
        command.add(node.toString());
        Command.Result result = runner.apply(command);
        if (result.exit() != 0) {
            throw new DblockException("Cannot make " + filesystem + " on " + node + " (" + ByteSize.format(spec.size())
                    + "): \"" + String.join(" ", command) + "\" ended with status " + result.exit() + ":\n"
                    + result.tail(20));
        }
    }

    /**
     * Returns the options of mkfs: first ours, so that the user's override them. Lazy initialization is off; otherwise the
     * kernel would write to the device during the test. There is no reserve for root: a test runs as root, to whom a full
     * filesystem would not be full, whatever statvfs says.
     */
    static List<String> makerOptions(Filesystem filesystem, List<String> users) {
        if (filesystem != Filesystem.EXT4) {
            // -f: the device may have an old filesystem, such as a handler's, which mkfs would refuse to overwrite.
            return Stream.concat(Stream.of("-q", "-f"), users.stream()).toList();
        }
        // mke2fs obeys only the last -E, so join them.
        List<String> extended = new ArrayList<>(List.of("lazy_itable_init=0", "lazy_journal_init=0"));
        List<String> others = new ArrayList<>();
        for (int i = 0; i < users.size(); i++) {
            if (users.get(i).equals("-E") && i + 1 < users.size()) {
                extended.add(users.get(++i));
            } else if (users.get(i).startsWith("-E") && users.get(i).length() > 2) {
                extended.add(users.get(i).substring(2));
            } else {
                others.add(users.get(i));
            }
        }
        return Stream.concat(Stream.of("-q", "-F", "-m", "0", "-E", String.join(",", extended)), others.stream())
                .toList();
    }

    void mount(Path node, Path point, DeviceSpec spec) {
        Optional<MountOptions> options = MountOptions.parse(mountOptions(spec));
        if (options.isPresent()) {
            mountByCall(node, point, spec, options.get());
        } else {
            mountByProgram(node, point, spec);
        }
    }

    private void mountByCall(Path node, Path point, DeviceSpec spec, MountOptions options) {
        String type = spec.filesystem().type();
        int result = call.mount(node, point, type, options);
        if (result < 0) {
            throw new DblockException(
                    "Cannot mount " + node + " at " + point + ": mount(2) of " + type + " with the options "
                            + mountOptions(spec) + " failed: " + Errno.describe(-result) + why(-result, type) + "."
                            + DMESG + (result == -Errno.EPERM.number() ? ROOT : ""));
        }
    }

    /** Returns what an error of mount(2) means, as mount(8) explains it. */
    private static String why(int error, String type) {
        if (error == EUCLEAN) {
            return ", structure needs cleaning: the filesystem is damaged";
        }
        return Stream.of(
                        Map.entry(Errno.EINVAL, "a bad option, a bad superblock, or no " + type + " on it"),
                        Map.entry(Errno.EIO, "its superblock cannot be read"),
                        Map.entry(Errno.EBUSY, "it is mounted already, or the mount point is in use"),
                        Map.entry(Errno.ENODEV, "this kernel does not have the filesystem " + type),
                        Map.entry(Errno.EACCES, "the device cannot be written to, and ro is not among the options"),
                        Map.entry(Errno.ENOENT, "the device or the mount point is not there"),
                        Map.entry(Errno.ENXIO, "the device is not there any more"))
                .filter(known -> known.getKey().number() == error)
                .map(known -> ": " + known.getValue())
                .findFirst()
                .orElse("");
    }

    private void mountByProgram(Path node, Path point, DeviceSpec spec) {
        Path mount = programs.apply("mount")
                .orElseThrow(
                        () -> new DblockException(
                                "Cannot mount " + node + ": its options " + mountOptions(spec)
                                        + " take mount(8), which is not here. Install the package mount (Debian, Ubuntu) or util-linux."));
        List<String> command = List.of(
                mount.toString(),
                "-t",
                spec.filesystem().type(),
                "-o",
                mountOptions(spec),
                node.toString(),
                point.toString());
        Command.Result result = runner.apply(command);
        if (result.exit() != 0) {
            boolean denied = result.output().contains("permission denied")
                    || result.output().contains("must be superuser");
            throw new DblockException("Cannot mount " + node + " at " + point + ": \"" + String.join(" ", command)
                    + "\" ended with status " + result.exit() + ":\n" + result.tail(20) + DMESG + (denied ? ROOT : ""));
        }
    }

    /** Returns the mount options: first ours, so that the user's override them. With noatime, reads cause no writes. */
    static String mountOptions(DeviceSpec spec) {
        return Stream.concat(Stream.of(spec.readOnly() ? "ro" : "rw", "noatime"), spec.mountOptions().stream())
                .collect(Collectors.joining(","));
    }
}
