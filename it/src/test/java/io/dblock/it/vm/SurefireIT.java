// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import io.dblock.vm.JvmHome;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A project of somebody else's whose Surefire uses the JDK-shaped directory: what fails inside fails its build. */
class SurefireIT {

    private static Path project;
    private static Guest guest;
    private static Guest emulated;

    /** A guest of one kind, by the JVM that runs in it. */
    private record Guest(JvmHome home, String accelerator) {}

    @BeforeAll
    static void aProjectWithAPassingAndAFailingTest() throws IOException {
        Path directory =
                Files.createDirectories(Path.of("target/vm-it/surefire").toAbsolutePath());
        emulated = guest(directory.resolve("emulated"), "6.12", "tcg");
        // The fast one where there is one.
        guest = VmSetup.canMakeUserModeKernels() ? guest(directory.resolve("uml"), "uml", "uml") : emulated;
        project = Files.createDirectories(directory.resolve("project"));
        String surefire = version("maven-surefire-plugin");
        Files.writeString(
                project.resolve("pom.xml"),
                """
                <project xmlns="http://maven.apache.org/POM/4.0.0">
                  <modelVersion>4.0.0</modelVersion>
                  <groupId>somebody</groupId>
                  <artifactId>elses</artifactId>
                  <version>1</version>
                  <dependencies>
                    <dependency>
                      <groupId>org.junit.jupiter</groupId>
                      <artifactId>junit-jupiter</artifactId>
                      <version>%s</version>
                      <scope>test</scope>
                    </dependency>
                  </dependencies>
                  <build>
                    <plugins>
                      <plugin>
                        <artifactId>maven-surefire-plugin</artifactId>
                        <version>%s</version>
                      </plugin>
                    </plugins>
                  </build>
                </project>
                """
                        .formatted(property("junit.version"), surefire));
        Path sources = Files.createDirectories(project.resolve("src/test/java"));
        Path classes = Files.createDirectories(project.resolve("target/test-classes"));
        Path source = Files.writeString(
                sources.resolve("GuestTest.java"),
                """
                import static org.junit.jupiter.api.Assertions.*;
                import java.nio.file.*;
                import org.junit.jupiter.api.Test;

                class GuestTest {
                    @Test
                    void passesInTheGuest() throws Exception {
                        assertEquals("1", System.getenv("DBLOCK_GUEST"));
                        Files.writeString(Path.of("target/from-the-guest"), "written");
                        System.out.println("printed by the test");
                    }

                    @Test
                    void fails() {
                        fail("on purpose");
                    }
                }
                """);
        Path trouble = Files.writeString(
                sources.resolve("TroubleTest.java"),
                """
                import org.junit.jupiter.api.Test;

                class TroubleTest {
                    @Test
                    void passesWhileTheKernelComplains() throws Exception {
                        new ProcessBuilder("sh", "-c", "echo 1 > /proc/sys/kernel/hung_task_timeout_secs;"
                                + " truncate -s 32M /tmp/image; mkfs.ext4 -q /tmp/image; mkdir /tmp/m;"
                                + " mount -o loop /tmp/image /tmp/m; fsfreeze -f /tmp/m; (touch /tmp/m/x &);"
                                + " for i in $(seq 200); do"
                                + " dmesg | grep -q 'blocked for more' && break; sleep 0.1; done")
                                .start().waitFor();
                    }
                }
                """);
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        int compiled = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        null,
                        "-cp",
                        classPath,
                        "-d",
                        classes.toString(),
                        source.toString(),
                        trouble.toString());
        assertThat(compiled).as("status of javac").isZero();
    }

    private static Guest guest(Path directory, String kernel, String accelerator) {
        List<String> progress = new ArrayList<>();
        JvmHome home = VmSetup.prepare(VmOptions.defaults().withKernel(kernel).withHome(directory), progress::add);
        assertThat(home.inGuest()).as(String.join("\n", progress)).isTrue();
        return new Guest(home, accelerator);
    }

    /** The same guest, but the program that is it has its stream damaged, see {@code damage.c}. */
    private static Guest damaged(String how) throws IOException {
        Path whole = guest.home().directory();
        Path home = whole.resolveSibling(whole.getFileName() + "-" + how.replace(':', '-'));
        Commands.run("rm", "-rf", home);
        Commands.run("cp", "-r", whole, home);
        Path damage = GuestContract.compiled("damage.c", home.resolve("damage"));
        Path properties = home.resolve("lib/dblock-vm.properties");
        List<String> lines = new ArrayList<>(Files.readAllLines(properties));
        String key = lines.stream().anyMatch(line -> line.startsWith("guest.qemu=")) ? "guest.qemu=" : "guest.kernel=";
        Path program = home.resolve("program");
        lines.replaceAll(line -> {
            if (!line.startsWith(key)) {
                return line;
            }
            String script =
                    "#!/bin/sh\nexec '" + damage + "' " + how + " '" + line.substring(key.length()) + "' \"$@\"\n";
            try {
                Files.writeString(program, script);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return key + program;
        });
        Files.write(properties, lines);
        assertThat(program.toFile().setExecutable(true)).isTrue();
        return new Guest(new JvmHome(home, true, how), guest.accelerator());
    }

    @Test
    void aPassingTestPasses() throws Exception {
        Build build = build(guest, Map.of(), "-Dtest=GuestTest#passesInTheGuest");
        assertThat(build.output()).contains("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0", "printed by the test");
        assertThat(build.status()).as(build.output()).isZero();
        assertThat(project.resolve("target/from-the-guest")).hasContent("written");
    }

    @Test
    void aTestThatFailsInTheGuestFailsTheBuild() throws Exception {
        assertFails(build(guest, Map.of(), "-Dtest=GuestTest"));
    }

    @Test
    void aTestThatFailsInAnEmulatedGuestFailsTheBuild() throws Exception {
        assertFails(build(emulated, Map.of(), "-Dtest=GuestTest"));
    }

    private static void assertFails(Build build) {
        assertThat(build.output())
                .contains("Tests run: 2, Failures: 1, Errors: 0, Skipped: 0", "printed by the test")
                .contains("GuestTest.fails", "on purpose", "BUILD FAILURE");
        assertThat(build.status()).isNotZero();
    }

    @Test
    void aTestThatFailsInTheGuestFailsTheBuildThoughTheStreamHasCrLf() throws Exception {
        Build build = build(damaged("crlf"), Map.of(), "-Dtest=GuestTest");
        assertThat(build.output()).contains("line feeds were turned into CR LF").contains("BUILD FAILURE");
        assertThat(build.status()).isNotZero();
    }

    @Test
    void aTestThatFailsInTheGuestFailsTheBuildThoughTheStreamIsCut() throws Exception {
        Build build = build(damaged("truncate:900"), Map.of(), "-Dtest=GuestTest");
        assertThat(build.output())
                .contains("the stream from the guest is damaged")
                .contains("BUILD FAILURE");
        assertThat(build.status()).isNotZero();
    }

    @Test
    void kernelTroubleDuringAPassingTestFailsTheBuild() throws Exception {
        Build build = build(guest, Map.of(), "-Dtest=TroubleTest");
        assertThat(build.output())
                .contains("the guest's kernel reported trouble while the command ran")
                .contains("BUILD FAILURE");
        assertThat(build.status()).isNotZero();
    }

    private record Build(int status, String output) {}

    private static Build build(Guest guest, Map<String, String> environment, String... arguments) throws Exception {
        Path output = project.resolve("output");
        List<String> command = new ArrayList<>(List.of(
                "mvn", "-B", "-o", "surefire:test", "-Djvm=" + guest.home().java()));
        String repository = System.getProperty("localRepository", System.getProperty("maven.repo.local"));
        if (repository != null) {
            command.add("-Dmaven.repo.local=" + repository);
        }
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(project.toFile())
                .redirectErrorStream(true)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(output.toFile());
        builder.environment().put("DBLOCK_VM_ACCEL", guest.accelerator());
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            boolean ended = process.waitFor(10, TimeUnit.MINUTES);
            String text = Files.readString(output, StandardCharsets.ISO_8859_1);
            assertThat(ended)
                    .as("the build ended within 10 minutes; it said:\n" + text)
                    .isTrue();
            return new Build(process.exitValue(), text);
        } finally {
            List<ProcessHandle> below = process.descendants().toList();
            process.destroyForcibly();
            for (ProcessHandle child : below) {
                Poll.until(
                        "the end of the guest's launcher and guest with their build",
                        Duration.ofSeconds(30),
                        () -> !child.isAlive());
            }
        }
    }

    /** The version that the parent project gives to a plugin: its files are in the local repository. */
    private static String version(String plugin) throws IOException {
        return find("<artifactId>" + plugin + "</artifactId>\\s*<version>([^<]+)</version>");
    }

    private static String property(String name) throws IOException {
        return find("<" + Pattern.quote(name) + ">([^<]+)</");
    }

    private static String find(String pattern) throws IOException {
        Path pom = Path.of("../pom.xml");
        Matcher matcher = Pattern.compile(pattern).matcher(Files.readString(pom));
        assertThat(matcher.find()).as(pattern + " in " + pom).isTrue();
        return matcher.group(1);
    }
}
