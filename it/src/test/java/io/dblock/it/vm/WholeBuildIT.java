// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.LauncherCommand;
import io.dblock.vm.JvmHome;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** {@code vm run -- mvn test}: Maven, its compiler and its tests are all in one guest. */
class WholeBuildIT {

    private static final Path NOTHING = Path.of("/dev/null");

    private static final String TEST =
            """
            import static org.junit.jupiter.api.Assertions.assertEquals;
            import java.nio.file.*;
            import org.junit.jupiter.api.Test;

            class %s {
                @Test
                void runsInTheGuest() throws Exception {
                    assertEquals("1", System.getenv("DBLOCK_GUEST"));
                    Files.writeString(Path.of("target/from-the-guest"), "written");
                    Files.writeString(Path.of("beside-target"), "lost");
                }
            }
            """;

    private static final String DEVICE_TEST =
            """
            import static org.junit.jupiter.api.Assertions.assertEquals;
            import io.dblock.*;
            import io.dblock.junit.DblockDevice;
            import java.nio.file.*;
            import org.junit.jupiter.api.Test;

            class DeviceTest {
                @DblockDevice(size = "64MiB", filesystem = Filesystem.EXT4)
                BlockDevice disk;

                @Test
                void whatIsWrittenIsThereAfterARemount() throws Exception {
                    Path file = Files.writeString(disk.mount().resolve("file"), "kept");
                    disk.remount();
                    assertEquals("kept", Files.readString(file));
                }
            }
            """;

    /** This build's own, which need not be installed: the jar that has all it needs in it. */
    private static String library() throws IOException {
        return "<dependency><groupId>io.dblock</groupId><artifactId>junit-dblock</artifactId><version>0</version>"
                + "<scope>system</scope><systemPath>"
                + Path.of(LauncherCommand.classPath()).toRealPath()
                + "</systemPath></dependency>";
    }

    /** Surefire is given the JDK-shaped directory, as the same project has it for builds outside. */
    @Test
    void aProjectIsBuiltInTheGuest() throws Exception {
        Launcher launcher = new Launcher("whole-build");
        Path directory = launcher.directory();
        List<String> progress = new ArrayList<>();
        JvmHome home = VmSetup.prepare(kernel(VmOptions.defaults()).withHome(directory.resolve("jvm")), progress::add);
        MavenProject project = new MavenProject(directory, "<jvm>" + home.java() + "</jvm>", library());
        project.write("src/test/java/DeviceTest.java", DEVICE_TEST);
        project.write("src/test/java/OneTest.java", TEST.formatted("OneTest"));
        Path artifact = Path.of(System.getProperty("user.home"), ".m2/from-the-guest");
        Launcher.Result result = launcher.run(
                environment(),
                NOTHING,
                "sh",
                "-c",
                String.join(" ", MavenProject.maven("test")) + " && echo lost > " + artifact);
        assertThat(result.status()).as(result.output() + result.errors()).isZero();
        assertThat(result.output()).contains("Tests run: 2, Failures: 0, Errors: 0, Skipped: 0", "BUILD SUCCESS");
        assertThat(directory.resolve("target/from-the-guest")).hasContent("written");
        assertThat(directory.resolve("target/surefire-reports/TEST-OneTest.xml"))
                .exists();
        assertThat(directory.resolve("beside-target")).doesNotExist();
        assertThat(artifact).as("written to the overlay").doesNotExist();
    }

    @Test
    void theModulesTargetsAreOnTheHostIfTheyAreShared() throws Exception {
        Launcher launcher = new Launcher("whole-build-of-modules");
        Path directory = launcher.directory();
        new MavenProject(directory, "", "", "first", "second");
        for (String module : List.of("first", "second")) {
            new MavenProject(directory.resolve(module), "", "")
                    .write("src/test/java/OneTest.java", TEST.formatted("OneTest"));
        }
        Path shared = Files.createDirectories(directory.resolve("first/target"));
        Files.deleteIfExists(shared.resolve("from-the-guest"));
        Map<String, String> environment = new HashMap<>(environment());
        environment.put("DBLOCK_VM_SHARE", "first/target");
        Launcher.Result result =
                launcher.run(environment, NOTHING, MavenProject.maven("test").toArray(String[]::new));
        assertThat(result.status()).as(result.output() + result.errors()).isZero();
        assertThat(result.output()).contains("BUILD SUCCESS");
        assertThat(shared.resolve("from-the-guest")).hasContent("written");
        assertThat(directory.resolve("second/target")).as("not shared").doesNotExist();
    }

    @Test
    void aTestThatFailsInTheGuestFailsTheCommand() throws Exception {
        Launcher launcher = new Launcher("whole-build-that-fails");
        MavenProject project = new MavenProject(launcher.directory(), "", "");
        project.write("src/test/java/OneTest.java", TEST.formatted("OneTest").replace("\"1\"", "\"2\""));
        Launcher.Result result =
                launcher.run(environment(), NOTHING, MavenProject.maven("test").toArray(String[]::new));
        assertThat(result.status()).as("that of Maven").isEqualTo(1);
        assertThat(result.output()).contains("OneTest.runsInTheGuest", "expected: <2> but was: <1>", "BUILD FAILURE");
    }

    private static VmOptions kernel(VmOptions options) {
        return VmSetup.canMakeUserModeKernels() ? options.withKernel("uml") : options;
    }

    private static Map<String, String> environment() {
        return VmSetup.canMakeUserModeKernels() ? Map.of("DBLOCK_VM_ACCEL", "uml") : Map.of();
    }
}
