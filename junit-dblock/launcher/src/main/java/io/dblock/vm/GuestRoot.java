// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The file tree of a guest of another architecture, which cannot run this host's programs. It has packages of this
 * machine's Debian release for that architecture, unpacked and not installed, so no root is needed. Their scripts have not
 * run: there are no user names and no alternatives.
 */
final class GuestRoot {

    /** The packages that the module's own tests and the guest's init need. */
    private static final List<String> PACKAGES =
            List.of("base-files", "coreutils", "dash", "e2fsprogs", "grep", "kmod", "mount", "sed", "util-linux");

    private GuestRoot() {}

    /**
     * Returns the tree for this architecture. Makes it if it does not exist.
     *
     * @param cache the directory that keeps it
     * @param more further packages
     * @throws VmException if this machine has no Debian mirror, or the packages cannot be fetched
     */
    static Path of(Path cache, MachineType machine, List<String> more, Consumer<String> progress) {
        List<String> packages = new ArrayList<>(PACKAGES);
        packages.addAll(more);
        String hash = Initramfs.shortHash(String.join(" ", packages).getBytes(StandardCharsets.UTF_8));
        Path root = cache.resolve("roots").resolve(machine.architecture() + "-" + hash);
        if (Files.isDirectory(root)) {
            return root;
        }
        DebianSuites suites = DebianSuites.own(cache, machine)
                .orElseThrow(() -> new VmException("a guest of the architecture " + machine.architecture()
                        + " needs programs of it: they are taken from Debian's packages, but this machine has no mirror"
                        + " of Debian's among its package sources"));
        try {
            Files.createDirectories(root.getParent());
            Path aside = Files.createTempDirectory(root.getParent(), ".make");
            try {
                Path made = Files.createDirectory(aside.resolve("root"));
                suites.packages(progress).unpackWithDependencies(packages, made, progress);
                if (!Files.isExecutable(made.resolve("bin/sh"))) {
                    throw new VmException("the packages " + packages + " hold no bin/sh");
                }
                move(made, root);
            } finally {
                FileTrees.delete(aside);
            }
            return root;
        } catch (IOException e) {
            throw new VmException("cannot make " + root + ": " + e.getMessage(), e);
        }
    }

    private static void move(Path made, Path root) throws IOException {
        try {
            Files.move(made, root, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            // Another process may have made it meanwhile.
            if (!Files.isDirectory(root)) {
                throw e;
            }
        }
    }
}
