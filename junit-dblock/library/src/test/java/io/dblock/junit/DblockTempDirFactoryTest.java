// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.ModuleUnavailableException;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.testkit.engine.EngineExecutionResults;

/** Tests of temporary directories on devices, in suites that know nothing of them. */
class DblockTempDirFactoryTest {
    private final FakeLab lab = FakeLab.fresh();

    @TempDir
    Path mounts;

    @BeforeEach
    void devicesThatCanBeMounted() {
        lab.mounts = Optional.of(mounts);
    }

    private static Run suite(Class<?> testClass) {
        return Run.of(testClass).with(TempDir.DEFAULT_FACTORY_PROPERTY_NAME, DblockTempDirFactory.class.getName());
    }

    // ---- a suite that does not change ----

    @TestMethodOrder(MethodOrderer.MethodName.class)
    static class Suite {
        @TempDir
        static Path shared;

        @TempDir
        File own;

        @Test
        void first(@TempDir Path parameter) throws Exception {
            uses(parameter);
        }

        @Test
        void second() throws Exception {
            uses(own.toPath());
        }

        private void uses(Path other) throws Exception {
            for (Path dir : List.of(shared, own.toPath(), other)) {
                FakeLab.note(dir.getParent().getFileName() + "/"
                        + dir.getFileName().toString().replaceAll("[0-9]", ""));
            }
            assertThat(own).isEmptyDirectory();
            Files.writeString(own.toPath().resolve("file"), "content");
        }
    }

    @Test
    void eachDirectoryHasADeviceOfItsOwnForAsLongAsItsScope() {
        suite(Suite.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly(
                        "create dblock0",
                        "mount dblock0",
                        "create dblock1",
                        "mount dblock1",
                        "create dblock2",
                        "mount dblock2",
                        "dblock0/junit-",
                        "dblock1/junit-",
                        "dblock2/junit-",
                        "close dblock2",
                        "close dblock1",
                        "create dblock3",
                        "mount dblock3",
                        "dblock0/junit-",
                        "dblock3/junit-",
                        "dblock3/junit-",
                        "close dblock3",
                        "close dblock0");
        assertThat(lab.open).isEmpty();
    }

    static class OneOfTwo {
        @Test
        void test(@TempDir Path ordinary, @TempDir(factory = DblockTempDirFactory.class) Path onADevice) {
            assertThat(onADevice.getParent().getFileName()).hasToString("dblock0");
            assertThat(ordinary.getParent()).isNotEqualTo(onADevice.getParent());
        }
    }

    @Test
    void aSingleDirectoryCanBeOnADevice() {
        Run.of(OneOfTwo.class).expectSuccess();
        assertThat(lab.built).containsOnlyKeys("dblock0");
    }

    // ---- options ----

    static class Small {
        @TempDir
        Path dir;

        @Test
        void test() {}
    }

    @Test
    void itIsExt4AndOf1GibUnlessSaid() {
        suite(Small.class).expectSuccess();
        assertThat(lab.built.get("dblock0"))
                .isEqualTo(Map.of("filesystem", List.of(Filesystem.EXT4), "size", List.of(1L << 30)));
    }

    @Test
    void theConfigurationParametersAreItsOptions() {
        suite(Small.class)
                .with(DblockParameters.FILESYSTEM, "xfs")
                .with(DblockParameters.SIZE, "512MiB")
                .with(DblockParameters.MOUNT_OPTIONS, "nodev")
                .expectSuccess();
        assertThat(lab.built.get("dblock0"))
                .isEqualTo(Map.of(
                        "filesystem",
                        List.of(Filesystem.XFS),
                        "size",
                        List.of(512L << 20),
                        "mountOptions",
                        List.of("nodev")));
    }

    @Test
    void withAnImageTheSizeIsThatOfTheImage() {
        suite(Small.class).with(DblockParameters.IMAGE, "disk.img").expectSuccess();
        assertThat(lab.built.get("dblock0")).containsKey("image").doesNotContainKey("size");
    }

    @Test
    void noFilesystemIsRefusedWithWhatIsAllowedAndTheDeviceIsGone() {
        Throwable failure =
                suite(Small.class).with(DblockParameters.FILESYSTEM, "none").expectOneFailure();
        assertThat(failure.getCause())
                .isInstanceOf(ExtensionConfigurationException.class)
                .hasMessageContaining("junit.dblock.filesystem is \"none\"")
                .hasMessageContaining("@TempDir field dir of DblockTempDirFactoryTest.Small")
                .hasMessageContaining("Allowed: ext4, xfs, btrfs");
        assertThat(lab.open).isEmpty();
    }

    // ---- the end ----

    static class Leaking {
        @Test
        void test(@TempDir Path dir) {
            FakeLab.current().leaking.add(dir.getParent().getFileName().toString());
        }
    }

    @Test
    void whatStillUsesItFailsTheTestWithTheDirectorysName() {
        Throwable failure = suite(Leaking.class).expectOneFailure();
        assertThat(Run.teardown(failure))
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("@TempDir parameter arg0 of DblockTempDirFactoryTest.Leaking.test(Path): ");
    }

    static class Failing {
        @Test
        void test(@TempDir(cleanup = CleanupMode.ON_SUCCESS) Path dir) throws Exception {
            Files.writeString(dir.resolve("evidence"), "content");
            FakeLab.note("write");
            throw new IllegalStateException("the test's own");
        }
    }

    @Test
    void theAnnotationSaysWhenItIsKept() throws Exception {
        EngineExecutionResults results =
                suite(Failing.class).with(DblockParameters.CLEANUP, "always").execute();
        assertThat(Run.failures(results)).singleElement().satisfies(failure -> assertThat(failure)
                .hasMessage("the test's own"));
        assertThat(Run.reportEntries(results))
                .anySatisfy(entry -> assertThat(entry.get("junit-dblock.kept")).contains("@TempDir parameter"));
        try (var directories = Files.list(mounts.resolve("dblock0"))) {
            assertThat(directories.toList()).singleElement().satisfies(dir -> assertThat(dir.resolve("evidence"))
                    .exists());
        }
    }

    @Test
    void junitsParameterSaysWhenItIsKept() {
        EngineExecutionResults results = suite(Small.class)
                .with(TempDir.DEFAULT_CLEANUP_MODE_PROPERTY_NAME, "never")
                .with(DblockParameters.CLEANUP, "always")
                .execute();
        assertThat(Run.reportEntries(results))
                .anySatisfy(entry -> assertThat(entry.get("junit-dblock.kept")).contains("@TempDir field dir"));
    }

    // ---- failures ----

    @Test
    void withoutTheModuleTheTestFailsWhateverIsSaidOfSkipping() {
        lab.unavailable = "no module";
        for (String mode : List.of("fail", "skip")) {
            Throwable failure =
                    suite(Small.class).with(DblockParameters.UNAVAILABLE, mode).expectOneFailure();
            assertThat(failure.getCause())
                    .isInstanceOf(ModuleUnavailableException.class)
                    .hasMessageContaining("no module");
        }
    }

    static class InBeforeAll {
        @BeforeAll
        static void before(@TempDir Path dir) {
            FakeLab.note("before all " + dir.getParent().getFileName());
        }

        @Test
        void test() {
            FakeLab.note("test");
        }
    }

    @Test
    void aParameterOfBeforeAllLastsAsLongAsTheClass() {
        suite(InBeforeAll.class).expectSuccess();
        assertThat(lab.log)
                .containsExactly("create dblock0", "mount dblock0", "before all dblock0", "test", "close dblock0");
    }

    static final class InConstructor {
        private final Path dir;

        InConstructor(@TempDir Path dir) {
            this.dir = dir;
        }

        @Test
        void test() {
            FakeLab.note("test " + dir.getParent().getFileName());
        }
    }

    @Test
    void aParameterOfTheConstructorLastsAsLongAsTheTest() {
        suite(InConstructor.class).expectSuccess();
        assertThat(lab.log).containsExactly("create dblock0", "mount dblock0", "test dblock0", "close dblock0");
    }
}
