// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.module;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.ModuleUnavailableException;
import io.dblock.internal.kernel.Command;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModuleBuilderTest {
    @TempDir
    Path directory;

    private FakeHost host;
    private ModuleBuilder builder;

    private static ModuleSources sources(String content) {
        return new ModuleSources(
                new TreeMap<>(Map.of("Makefile", content.getBytes(UTF_8), "compat/a.h", "x".getBytes(UTF_8))));
    }

    @BeforeEach
    void setUp() {
        host = new FakeHost(directory);
        builder = new ModuleBuilder(host, sources("all:"));
    }

    @Test
    void buildsOnceAndLeavesOnlyModuleLockAndLog() throws Exception {
        Path module = builder.buildFor("1.2.3", Path.of("/headers"));
        assertThat(builder.buildFor("1.2.3", Path.of("/headers"))).isEqualTo(module);
        assertThat(host.commands).containsExactly(List.of("make", "KDIR=/headers"));
        assertThat(module).hasContent("a module");
        try (Stream<Path> files = Files.list(module.getParent())) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("dblock.ko", "lock", "build.log");
        }
    }

    @Test
    void otherSourcesOrKernelsAreAnotherModule() {
        Path module = builder.cached("1.2.3");
        assertThat(builder.cached("1.2.4")).isNotEqualTo(module);
        assertThat(new ModuleBuilder(host, sources("all: x")).cached("1.2.3")).isNotEqualTo(module);
        assertThat(new ModuleBuilder(host, sources("all:")).cached("1.2.3")).isEqualTo(module);
    }

    @Test
    void threadsThatBuildAtTheSameTimeBuildOnce() throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(8);
        try {
            List<Future<Path>> all = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                all.add(executor.submit(() -> builder.buildFor("1.2.3", Path.of("/headers"))));
            }
            for (Future<Path> one : all) {
                assertThat(one.get(20, TimeUnit.SECONDS)).hasContent("a module");
            }
        } finally {
            executor.shutdownNow();
        }
        assertThat(host.commands).hasSize(1);
    }

    @Test
    void aFailureSaysWhyAndLeavesNoModule() {
        host.buildExit = 2;
        host.buildOutput = "line one\nerror: line two\n";
        assertThatThrownBy(() -> builder.buildFor("1.2.3", Path.of("/headers")))
                .isInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("for 1.2.3")
                .hasMessageContaining("\"make KDIR=/headers\" ended with status 2")
                .hasMessageContaining("error: line two");
        assertThat(builder.cached("1.2.3")).doesNotExist();
        assertThat(builder.cached("1.2.3").resolveSibling("build.log"))
                .content()
                .contains("error: line two");
    }

    @Test
    void aBuildThatLeavesNothingIsAFailureToo() {
        host.buildLeavesModule = false;
        assertThatThrownBy(() -> builder.buildFor("1.2.3", Path.of("/headers")))
                .isInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("left no dblock.ko");
    }

    @Test
    void aProgramThatCannotRunIsAFailureToo() {
        ModuleBuilder broken = new ModuleBuilder(
                new HostEnvironmentProxy(host) {
                    @Override
                    public Command.Result run(List<String> command, Path where) {
                        throw new DblockException("Cannot run make: no such file.");
                    }
                },
                sources("all:"));
        assertThatThrownBy(() -> broken.buildFor("1.2.3", Path.of("/headers")))
                .isInstanceOf(ModuleUnavailableException.class)
                .hasMessageContaining("Cannot run make");
    }

    @Test
    void theSourcesAreOnTheClassPath() throws Exception {
        ModuleSources real = ModuleSources.fromClassPath();
        real.unpack(directory.resolve("out"));
        assertThat(directory.resolve("out/dblock.h")).content().contains("DBLOCK_ABI_VERSION");
        assertThat(directory.resolve("out/Makefile")).exists();
        assertThat(directory.resolve("out/Kbuild")).exists();
        assertThat(real.hash()).matches("[0-9a-f]{12}");
    }

    @Test
    void theyAreReadFromAJarAsWell() throws Exception {
        Path jar = directory.resolve("some.jar");
        String kmod = "io/dblock/internal/module/kmod/";
        Map<String, String> entries = Map.of(
                "META-INF/", "", kmod, "", kmod + "Makefile", "all:", kmod + "compat/a.h", "x", "io/dblock/other", "y");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            for (Map.Entry<String, String> entry : entries.entrySet()) {
                out.putNextEntry(new JarEntry(entry.getKey()));
                out.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(ModuleSources.readJar(jar.toFile()).hash())
                .isEqualTo(sources("all:").hash());
    }
}
