// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import io.dblock.it.support.Commands;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The module's sources, looked at by the compiler with W=1 and by sparse. Runs on the host's JVM. */
class ModuleSourcesIT {

    static Stream<String> kernels() {
        return Cell.chosen(Cell.DISTRIBUTION).stream().map(Cell::kernel).distinct();
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void theModuleBuildsWithoutAWarning(String kernel) throws Exception {
        // A copy: kbuild writes beside the sources.
        Path copy = Path.of("target", "kmod-check-" + Cell.fileName(kernel)).toAbsolutePath();
        Commands.run("rm", "-rf", copy);
        Files.createDirectories(copy);
        Path sources = Path.of("..", "dblock-kmod").toAbsolutePath().normalize();
        try (DirectoryStream<Path> parts = Files.newDirectoryStream(sources, "{Makefile,Kbuild,[!.]*.[ch],compat}")) {
            for (Path part : parts) {
                if (!part.toString().endsWith(".mod.c")) {
                    Commands.run("cp", "-r", part, copy);
                }
            }
        }
        Files.deleteIfExists(copy.resolve("compat/config.h"));
        List<String> check = VmSetup.moduleCheck(VmOptions.defaults().withKernel(kernel), copy, System.err::println);
        Commands.run(check.toArray());
    }
}
