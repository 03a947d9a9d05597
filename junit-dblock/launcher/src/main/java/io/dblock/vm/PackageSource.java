// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** The kernel packages of a distribution. They are unpacked without being installed, which does not need root. */
interface PackageSource {

    /**
     * The packages of a kernel.
     *
     * @param release the kernel's release, as {@code uname -r} prints it
     * @param packages the packages of the image, its modules and its headers
     */
    record KernelPackages(String release, List<String> packages) {}

    /** Returns the newest kernel whose release begins with {@code prefix}; if that is empty, the default for guests. */
    Optional<KernelPackages> find(Optional<String> prefix, Consumer<String> progress);

    /** Downloads the packages and unpacks them under {@code directory}, which then has {@code usr/src} and so on. */
    void unpack(KernelPackages kernel, Path directory, Consumer<String> progress);
}
