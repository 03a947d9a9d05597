// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** A distribution's packages: which kernels there are, and how to unpack one without installing it or being root. */
interface PackageSource {

    /**
     * A kernel on offer.
     *
     * @param release as {@code uname -r} will give it
     * @param packages of the image, its modules and its headers
     */
    record KernelPackages(String release, List<String> packages) {}

    /** The newest kernel whose release begins with {@code prefix}, or the distribution's best for a guest if empty. */
    Optional<KernelPackages> find(Optional<String> prefix, Consumer<String> progress);

    /** Downloads the packages and unpacks them under {@code directory}, so that {@code usr/src} and the like appear. */
    void unpack(KernelPackages kernel, Path directory, Consumer<String> progress);
}
