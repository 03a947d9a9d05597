// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.module.CacheDirectory;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import io.dblock.vm.LibraryVersion;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Where a kernel of User Mode Linux comes from, on a machine that has none yet. */
@EnabledIf("io.dblock.vm.VmSetup#canMakeUserModeKernels")
class UserModeKernelIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Path NOTHING = Path.of("/dev/null");

    /** One with the artifact. */
    private static Path repository;

    private static Path jar;

    @BeforeAll
    static void anArtifact() throws Exception {
        Launcher launcher = new Launcher("artifact");
        Path content = launcher.directory().resolve("content");
        Launcher.Result made = launcher.finish(
                launcher.start(Map.of(), NOTHING, "vm", "kernel-artifact", content.toString()), "kernel-artifact");
        assertThat(made.status()).as(made.errors()).isZero();
        String version = LibraryVersion.find().orElseThrow();
        repository = launcher.directory().resolve("repository");
        jar = repository.resolve(
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
    }

    /** A cache with no such kernel in it, and a local repository. */
    private static Map<String, String> environment(Launcher launcher, Path repository) {
        Path cache = cache(launcher);
        Commands.run("rm", "-rf", cache);
        return new HashMap<>(
                Map.of("DBLOCK_CACHE", cache.toString(), "JAVA_TOOL_OPTIONS", "-Dmaven.repo.local=" + repository));
    }

    private static Path cache(Launcher launcher) {
        return launcher.directory().resolve("cache");
    }

    private static Process prepare(Launcher launcher, Map<String, String> environment) throws IOException {
        return launcher.start(
                environment,
                NOTHING,
                "setup",
                "--guest=always",
                "--jvm",
                launcher.directory().resolve("jvm").toString());
    }

    @Test
    void itAndItsModuleAreTakenFromTheLocalRepository() throws Exception {
        Launcher launcher = new Launcher("from-artifact");
        Map<String, String> environment = environment(launcher, repository);
        environment.put("DBLOCK_VM_ACCEL", "uml");
        Launcher.Result first = launcher.finish(prepare(launcher, environment), "setup");
        assertThat(first.status()).as(first.errors()).isZero();
        assertThat(first.errors())
                .contains("taking the kernel from " + jar, "module " + cache(launcher), "guests run under UML")
                .doesNotContain("kernel.sh");
        // Its module, which its kernel takes.
        Launcher.Result second = launcher.run(
                environment,
                NOTHING,
                "sh",
                "-c",
                "insmod " + cache(launcher) + "/modules/$(uname -r)-*/dblock.ko && cut -d ' ' -f 1 /proc/modules");
        assertThat(second.status()).as(second.errors()).isZero();
        assertThat(second.output().lines()).contains("dblock");
        assertThat(second.errors()).doesNotContain("taking the kernel");
    }

    @Test
    void twoSetupsAtOnceBothSucceed() throws Exception {
        Launcher one = new Launcher("two-setups");
        Launcher other = new Launcher("two-setups-other");
        Map<String, String> environment = environment(one, repository);
        environment.put("DBLOCK_VM_ACCEL", "uml");
        Process first = prepare(one, environment);
        Process second = prepare(other, environment);
        for (Launcher.Result result :
                new Launcher.Result[] {one.finish(first, "setup"), other.finish(second, "setup")}) {
            assertThat(result.status()).as(result.errors()).isZero();
            assertThat(result.output()).isNotBlank();
        }
        assertThat(Files.isExecutable(one.directory().resolve("jvm/bin/java"))).isTrue();
        assertThat(Files.isExecutable(other.directory().resolve("jvm/bin/java")))
                .isTrue();
    }

    /** The default, on a machine without KVM. */
    @Test
    void whereNoneCanBeHadItIsSaidWhyAndGuestsAreEmulated() throws Exception {
        VmSetup.module(VmOptions.defaults().withKernel("6.12"), System.err::println);
        Launcher launcher = new Launcher("no-kernel");
        Map<String, String> environment = environment(launcher, launcher.directory());
        environment.put("DBLOCK_KERNEL_SOURCE", "linux-source-of-a-test");
        // All else is there already.
        for (String kept : new String[] {"kernels", "modules", "vm"}) {
            Files.createDirectories(cache(launcher));
            Files.createSymbolicLink(
                    cache(launcher).resolve(kept), CacheDirectory.root().resolve(kept));
        }
        Launcher.Result result = launcher.finish(prepare(launcher, environment), "setup");
        assertThat(result.status()).as(result.errors()).isZero();
        if (!result.errors().contains("guests run under KVM")) {
            assertThat(result.errors())
                    .contains(
                            "the kernel of User Mode Linux could not be built (status 1): kernel.sh: no source package")
                    .contains("so guests are emulated, which is several times slower")
                    .contains("guests run under TCG");
        }
    }

    @Test
    void aDiskWithoutRoomForItsBuildIsSaid() throws Exception {
        Launcher launcher = new Launcher("no-room");
        Path programs = Files.createDirectories(launcher.directory().resolve("programs"));
        Path full = Files.writeString(
                programs.resolve("df"),
                "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available'\necho 'none 2 1 5000'\n");
        assertThat(full.toFile().setExecutable(true)).isTrue();
        Map<String, String> environment = environment(launcher, launcher.directory());
        environment.put("DBLOCK_VM_ACCEL", "uml");
        environment.put("PATH", programs + ":" + System.getenv("PATH"));
        Launcher.Result result = launcher.finish(prepare(launcher, environment), "setup");
        assertThat(result.status()).as(result.errors()).isEqualTo(1);
        assertThat(result.errors())
                .contains(cache(launcher)
                        + "/uml-kernel has 4 MiB to spare, and building a kernel takes 2048: set DBLOCK_CACHE");
    }

    /** Maven ends it so, when a build fails beside it. */
    @Test
    void aBuildThatIsEndedLeavesNoProcess() throws Exception {
        Launcher launcher = new Launcher("ended");
        Path programs = Files.createDirectories(launcher.directory().resolve("programs"));
        Path slow = programs.resolve("apt-cache");
        Files.writeString(slow, "#!/bin/sh\nsleep 1000\n:\n");
        assertThat(slow.toFile().setExecutable(true)).isTrue();
        ProcessBuilder builder = new ProcessBuilder("sh", "../dblock-kmod/kernels/kernel.sh", "uml")
                .redirectErrorStream(true)
                .redirectOutput(launcher.directory().resolve("stdout").toFile());
        builder.environment().putAll(environment(launcher, launcher.directory()));
        builder.environment().put("PATH", programs + ":" + System.getenv("PATH"));
        Process process = builder.start();
        List<ProcessHandle> all = new ArrayList<>();
        try {
            Poll.until("kernel.sh to look for its source", LIMIT, () -> {
                all.clear();
                process.descendants().forEach(all::add);
                return !process.isAlive()
                        || all.stream()
                                .anyMatch(one -> one.info().command().orElse("").endsWith("/sleep"));
            });
            assertThat(process.isAlive()).as(launcher.output()).isTrue();
            process.destroy();
            assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            Poll.until("all processes to end", LIMIT, () -> all.stream().noneMatch(ProcessHandle::isAlive));
        } finally {
            all.forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }
}
