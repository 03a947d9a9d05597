// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.module.ModuleBuilder;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserModeKernelArtifactTest {
    private static final byte[] CONFIGURATION = "CONFIG_UML=y\n".getBytes(US_ASCII);
    private static final String NAME = "7.3.4-1~bpo13+1-998b85ce688a";
    private static final String KEPT = NAME + "-jar";
    private static final String RELEASE = "7.3.4-dblock-of-a-test";

    @TempDir
    private Path directory;

    private final List<String> said = new ArrayList<>();
    private Path cache;
    private Path content;
    private Path jar;

    @BeforeEach
    void jar() throws IOException {
        cache = directory.resolve("cache/uml-kernel");
        Path made = Files.createDirectories(directory.resolve("made").resolve(NAME));
        Path program = Files.writeString(made.resolve("linux"), "the kernel");
        Files.write(made.resolve("configuration"), CONFIGURATION);
        Path modules = Files.createDirectories(made.resolve("lib/modules").resolve(RELEASE));
        Files.writeString(modules.resolve("modules.dep"), "none");
        Path build = Files.createDirectories(made.resolve("build"));
        Files.createSymbolicLink(modules.resolve("build"), build);
        GuestKernel kernel = new GuestKernel(
                MachineType.ofThisHost(),
                RELEASE,
                program,
                true,
                modules,
                Optional.of(build),
                Optional.empty(),
                "made by a test");
        content = directory.resolve("classes");
        UserModeKernelArtifact.write(
                content, kernel, Files.writeString(directory.resolve("dblock.ko"), "the module"), new byte[] {'#'});
        jar = directory.resolve("kernel.jar");
        pack();
    }

    @AfterEach
    void forgetTheModule() throws IOException {
        FileTrees.delete(ModuleBuilder.kept(RELEASE).getParent());
    }

    private void pack() throws IOException {
        Files.deleteIfExists(jar);
        int status = ToolProvider.findFirst("jar")
                .orElseThrow()
                .run(System.out, System.err, "--create", "--file", jar.toString(), "-C", content.toString(), ".");
        assertThat(status).isZero();
    }

    private boolean unpack() {
        return new UserModeKernelArtifact(jar).unpack(cache, CONFIGURATION, said::add);
    }

    private List<String> inCache() throws IOException {
        try (Stream<Path> files = Files.list(cache)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    @Test
    void whatIsInItIsWhereAKernelMadeHereWouldBe() throws Exception {
        assertThat(unpack()).isTrue();
        Path kernel = cache.resolve(KEPT);
        assertThat(kernel.resolve("linux")).isExecutable().hasContent("the kernel");
        assertThat(kernel.resolve("configuration")).hasBinaryContent(CONFIGURATION);
        assertThat(kernel.resolve("lib/modules/" + RELEASE + "/modules.dep")).hasContent("none");
        assertThat(kernel.resolve("kernel.sh")).hasContent("#");
        assertThat(kernel.resolve("kernel.properties"))
                .content()
                .contains("source.package=linux\n", "source.version=7.3.4-1~bpo13+1\n", "GPL-2.0-only");
        assertThat(ModuleBuilder.kept(RELEASE)).hasContent("the module");
        assertThat(inCache()).containsExactly(KEPT);
        assertThat(unpack()).as("the second time").isTrue();
        assertThat(inCache()).containsExactly(KEPT);
        assertThat(said).containsOnly("taking the kernel from " + jar);
    }

    @Test
    void oneMadeOfAKernelThatCameOutOfAnotherIsTheSame() throws Exception {
        assertThat(unpack()).isTrue();
        Path kernel = cache.resolve(KEPT);
        Path modules = kernel.resolve("lib/modules").resolve(RELEASE);
        Path again = directory.resolve("again");
        UserModeKernelArtifact.write(
                again,
                new GuestKernel(
                        MachineType.ofThisHost(),
                        RELEASE,
                        kernel.resolve("linux"),
                        true,
                        modules,
                        Optional.empty(),
                        Optional.empty(),
                        "of a jar"),
                directory.resolve("dblock.ko"),
                new byte[] {'#'});
        String properties = "io/dblock/vm/uml-kernel/kernel.properties";
        assertThat(again.resolve(properties)).hasSameTextualContentAs(content.resolve(properties));
    }

    @Test
    void aKernelThatDoesNotTellItsSourceIsNotPacked() throws Exception {
        Path own = Files.createDirectories(directory.resolve("own-kernel"));
        GuestKernel kernel = new GuestKernel(
                MachineType.ofThisHost(),
                RELEASE,
                Files.writeString(own.resolve("linux"), "the kernel"),
                true,
                own,
                Optional.empty(),
                Optional.empty(),
                "of DBLOCK_UML_KERNEL");
        Path to = directory.resolve("of-own");
        assertThatThrownBy(() ->
                        UserModeKernelArtifact.write(to, kernel, directory.resolve("dblock.ko"), new byte[] {'#'}))
                .isInstanceOf(VmException.class)
                .hasMessageContaining(own + "/linux does not tell its source")
                .hasMessageContaining("Unset DBLOCK_UML_KERNEL");
        assertThat(to).doesNotExist();
    }

    @Test
    void severalAtOnceLeaveOne() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Boolean>> all = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                all.add(() -> new UserModeKernelArtifact(jar).unpack(cache, CONFIGURATION, line -> {}));
            }
            for (Future<Boolean> one : threads.invokeAll(all)) {
                assertThat(one.get(60, TimeUnit.SECONDS)).isTrue();
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(inCache()).containsExactly(KEPT);
        assertThat(cache.resolve(KEPT).resolve("linux")).hasContent("the kernel");
    }

    @Test
    void oneOfAnotherConfigurationIsPassedOver() {
        assertThat(new UserModeKernelArtifact(jar).unpack(cache, "CONFIG_XFS_FS=y\n".getBytes(US_ASCII), said::add))
                .isFalse();
        assertThat(said)
                .singleElement()
                .asString()
                .contains(jar.toString(), "use the junit-dblock-uml-kernel of the same version");
        assertThat(cache).doesNotExist();
    }

    @Test
    void oneWithAModuleOfOtherSourcesIsPassedOver() throws IOException {
        Path properties = content.resolve("io/dblock/vm/uml-kernel/kernel.properties");
        Files.writeString(
                properties, Files.readString(properties).replace(ModuleBuilder.sourcesHash(), "0123456789ab"));
        pack();
        assertThat(unpack()).isFalse();
        assertThat(cache).doesNotExist();
        assertThat(ModuleBuilder.kept(RELEASE)).doesNotExist();
    }

    @Test
    void oneThatIsNoJarIsNamedWithTheRemedy() throws IOException {
        Files.writeString(jar, "half a download");
        assertThatThrownBy(this::unpack)
                .isInstanceOf(VmException.class)
                .hasMessageContaining("cannot take the kernel from " + jar)
                .hasMessageContaining("Delete that file");
    }

    @Test
    void oneThatWouldWriteElsewhereIsRefused() throws IOException {
        Path properties = content.resolve("io/dblock/vm/uml-kernel/kernel.properties");
        Files.writeString(properties, Files.readString(properties).replace("cached.as=", "cached.as=../../"));
        pack();
        assertThatThrownBy(this::unpack).hasMessageContaining("cached.as=../../" + NAME);
        assertThat(cache).doesNotExist();
    }

    @Test
    void itIsLookedForOnTheClassPathThenBesideThisLibraryThenInTheLocalRepository() throws IOException {
        Path repository = directory.resolve("repository");
        Path own = directory.resolve("m2/io/dblock/junit-dblock-cli/1.2/junit-dblock-cli-1.2-all.jar");
        ClassLoader none = new URLClassLoader(new URL[0], null);
        assertThat(UserModeKernelArtifact.find(none, Optional.of(own), Optional.of("1.3"), repository))
                .isEmpty();
        Path inRepository = repository.resolve("io/dblock/junit-dblock-uml-kernel/1.3/junit-dblock-uml-kernel-1.3.jar");
        copy(inRepository);
        assertThat(found(none, own, repository)).isEqualTo(inRepository);
        Path beside = directory.resolve("m2/io/dblock/junit-dblock-uml-kernel/1.2/junit-dblock-uml-kernel-1.2.jar");
        copy(beside);
        assertThat(found(none, own, repository)).isEqualTo(beside);
        assertThat(found(none, directory.resolve("target/junit-dblock-cli-1.2-all.jar"), repository))
                .isEqualTo(inRepository);
        try (URLClassLoader classPath =
                new URLClassLoader(new URL[] {jar.toUri().toURL()}, null)) {
            assertThat(found(classPath, own, repository)).isEqualTo(jar);
        }
    }

    private static Path found(ClassLoader loader, Path own, Path repository) {
        return UserModeKernelArtifact.find(loader, Optional.of(own), Optional.of("1.3"), repository)
                .orElseThrow()
                .jar();
    }

    private void copy(Path to) throws IOException {
        Files.createDirectories(to.getParent());
        Files.copy(jar, to);
    }
}
