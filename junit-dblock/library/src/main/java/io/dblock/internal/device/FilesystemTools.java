// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.internal.kernel.Command;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Runs mkfs and mount. */
final class FilesystemTools {
    private final Function<String, Optional<Path>> programs;
    private final Function<List<String>, Command.Result> runner;

    FilesystemTools(Function<String, Optional<Path>> programs, Function<List<String>, Command.Result> runner) {
        this.programs = programs;
        this.runner = runner;
    }

    static FilesystemTools ofThisMachine() {
        return new FilesystemTools(Command::find, Command::run);
    }

    /**
     * To be called before a filesystem is made. With options of the user's, mkfs itself says what it needs.
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

    /** The package with a filesystem's mkfs, called the same on Debian, Fedora and their relatives. */
    private static String packageOf(Filesystem filesystem) {
        return switch (filesystem) {
            case EXT4 -> "e2fsprogs";
            case XFS -> "xfsprogs";
            case BTRFS -> "btrfs-progs";
            case NONE -> throw new IllegalArgumentException("There is no mkfs for " + filesystem + ".");
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

    /** Ours first, so that the user's win; lazy initialisation off, so that nothing is written behind a test's back. */
    static List<String> makerOptions(Filesystem filesystem, List<String> users) {
        if (filesystem != Filesystem.EXT4) {
            // -f: a device made of a handler may show an old filesystem, which mkfs would else ask about.
            return Stream.concat(Stream.of("-q", "-f"), users.stream()).toList();
        }
        // mke2fs heeds the last -E only: join them.
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
        return Stream.concat(Stream.of("-q", "-F", "-E", String.join(",", extended)), others.stream())
                .toList();
    }

    void mount(Path node, Path point, DeviceSpec spec) {
        Path mount = programs.apply("mount")
                .orElseThrow(() -> new DblockException("Cannot mount " + node
                        + ": there is no mount(8). Install the package mount (Debian, Ubuntu) or util-linux."));
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
            throw new DblockException("Cannot mount " + node + " at " + point + ": \"" + String.join(" ", command)
                    + "\" ended with status " + result.exit() + ":\n" + result.tail(20)
                    + "\nThe kernel's log (dmesg) often says more."
                    + (result.output().contains("permission denied")
                                    || result.output().contains("must be superuser")
                            ? " Mounting needs root: run the build as root, or in a guest."
                            : ""));
        }
    }

    /** noatime: reading writes nothing. The user's follow, so that they win. */
    static String mountOptions(DeviceSpec spec) {
        return Stream.concat(Stream.of(spec.readOnly() ? "ro" : "rw", "noatime"), spec.mountOptions().stream())
                .collect(Collectors.joining(","));
    }
}
