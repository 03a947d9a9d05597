// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.vm.LibraryVersion;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** A kernel that comes as an artifact, in Maven's local repository: nobody has to build one. */
@EnabledIf("io.dblock.vm.VmSetup#canMakeUserModeKernels")
class KernelArtifactIT {

    private static final Path NOTHING = Path.of("/dev/null");

    @Test
    void anEmptyCacheTakesTheKernelAndItsModuleFromTheLocalRepository() throws Exception {
        Launcher launcher = new Launcher("artifact");
        Path content = launcher.directory().resolve("content");
        Launcher.Result made = launcher.finish(
                launcher.start(Map.of(), NOTHING, "kernel-artifact", content.toString()), "kernel-artifact");
        assertThat(made.status()).as(made.errors()).isZero();
        String version = LibraryVersion.find().orElseThrow();
        Path repository = launcher.directory().resolve("repository");
        Path jar = repository.resolve(
                "io/dblock/junit-dblock-uml-kernel/" + version + "/junit-dblock-uml-kernel-" + version + ".jar");
        Files.createDirectories(jar.getParent());
        assertThat(ToolProvider.findFirst("jar")
                        .orElseThrow()
                        .run(
                                System.out,
                                System.err,
                                "--create",
                                "--file",
                                jar.toString(),
                                "-C",
                                content.toString(),
                                "."))
                .isZero();
        Path cache = launcher.directory().resolve("cache");
        Commands.run("rm", "-rf", cache);
        Map<String, String> environment = Map.of(
                "DBLOCK_CACHE",
                cache.toString(),
                "DBLOCK_VM_ACCEL",
                "uml",
                "JAVA_TOOL_OPTIONS",
                "-Dmaven.repo.local=" + repository);
        Path home = launcher.directory().resolve("jvm");
        Launcher.Result first =
                launcher.finish(launcher.start(environment, NOTHING, "prepare", "--home", home.toString()), "prepare");
        assertThat(first.status()).as(first.errors()).isZero();
        assertThat(first.errors())
                .contains("taking the kernel from " + jar, "module " + cache, "guests run under UML")
                .doesNotContain("kernel.sh");
        // Its module, which its kernel takes.
        Launcher.Result second = launcher.run(
                environment,
                NOTHING,
                "sh",
                "-c",
                "insmod " + cache + "/modules/$(uname -r)-*/dblock.ko && cut -d ' ' -f 1 /proc/modules");
        assertThat(second.status()).as(second.errors()).isZero();
        assertThat(second.output().lines()).contains("dblock");
        assertThat(second.errors()).doesNotContain("taking the kernel");
    }
}
