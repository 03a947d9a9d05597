// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Kernels of Fedora, CentOS Stream and RHEL, through dnf, {@code rpm2cpio} and {@code cpio}. <b>Not tried yet</b>, for
 * lack of such a machine.
 */
final class FedoraPackages implements PackageSource {

    private static final Duration QUERY_LIMIT = Duration.ofMinutes(5);
    private static final Duration DOWNLOAD_LIMIT = Duration.ofMinutes(15);
    private static final List<String> PARTS =
            List.of("kernel-core", "kernel-modules-core", "kernel-modules", "kernel-devel");

    @Override
    public Optional<KernelPackages> find(Optional<String> prefix, Consumer<String> progress) {
        String listing = Command.of("dnf", "-q", "repoquery", "--qf", "%{version}-%{release}.%{arch}\n", "kernel-core")
                .within(QUERY_LIMIT)
                .output();
        List<String> releases = new ArrayList<>();
        for (String line : listing.split("\n", -1)) {
            if (!line.isBlank() && !line.strip().endsWith(".src")) {
                releases.add(line.strip());
            }
        }
        return DebianPackages.newest(releases, prefix.orElse("")).map(release -> {
            List<String> packages = new ArrayList<>();
            for (String part : PARTS) {
                packages.add(part + "-" + release);
            }
            return new KernelPackages(release, packages);
        });
    }

    @Override
    public void unpack(KernelPackages kernel, Path directory, Consumer<String> progress) {
        try {
            Path downloads = Files.createTempDirectory(directory.getParent(), ".download");
            try {
                progress.accept("downloading " + String.join(" ", kernel.packages()));
                List<String> command = new ArrayList<>(List.of("dnf", "-q", "download"));
                command.addAll(kernel.packages());
                Command.of(command).in(downloads).within(DOWNLOAD_LIMIT).output();
                try (DirectoryStream<Path> files = Files.newDirectoryStream(downloads, "*.rpm")) {
                    for (Path file : files) {
                        progress.accept("unpacking " + file.getFileName());
                        Command.of("sh", "-c", "rpm2cpio \"$1\" | cpio -idmu --quiet", "sh", file.toString())
                                .in(directory)
                                .within(DOWNLOAD_LIMIT)
                                .output();
                    }
                }
            } finally {
                FileTrees.delete(downloads);
            }
        } catch (IOException e) {
            throw new VmException("cannot unpack kernel " + kernel.release() + ": " + e.getMessage(), e);
        }
    }
}
