// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.dblock.it.support.Commands;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The module's own tests, in C, in one guest per kernel and without a JVM in it. Runs on the host's JVM; each line of
 * their output becomes a test here.
 */
class ModuleTestsIT {

    private static final Path KMOD =
            Path.of("..", "dblock-kmod").toAbsolutePath().normalize();
    private static final Path TARGET = Path.of("target").toAbsolutePath();
    private static final int LIMIT_MINUTES = 25;

    @TestFactory
    Stream<DynamicContainer> theModulePassesItsOwnTestsOnEachKernel() {
        String kernels = System.getProperty("dblock.it.kernels", "");
        assertThat(kernels).as("system property dblock.it.kernels").isNotBlank();
        Path tests = TARGET.resolve("kmod-tests");
        Commands.run("make", "-s", "-C", KMOD.resolve("tests"), "OUT=" + tests);
        return Stream.of(kernels.split(",")).map(kernel -> onKernel(kernel.strip(), tests));
    }

    private static DynamicContainer onKernel(String kernel, Path tests) {
        Path log = TARGET.resolve("kmod-tests-" + kernel + ".tap");
        try {
            Path module = VmSetup.module(VmOptions.defaults().withKernel(kernel), System.err::println);
            Process guest = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            "io.dblock.vm.Main",
                            "run",
                            "--kernel",
                            kernel,
                            "--",
                            KMOD.resolve("tests/run.sh").toString(),
                            "-d",
                            tests.toString(),
                            module.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
            boolean ended = guest.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
            guest.destroyForcibly();
            Tap.Run run = Tap.parse(Files.readAllLines(log, StandardCharsets.UTF_8));
            List<DynamicNode> nodes = new ArrayList<>();
            run.programs()
                    .forEach((program, cases) ->
                            nodes.add(dynamicContainer(program, cases.stream().map(ModuleTestsIT::test))));
            nodes.add(dynamicTest("the run as a whole", () -> {
                assertThat(ended)
                        .as("the guest ended within %d minutes, see %s", LIMIT_MINUTES, log)
                        .isTrue();
                assertThat(run.closing()).as("closing line of %s", log).isNotEmpty();
                assertThat(run.count(Tap.Outcome.PASSED)).isPositive();
                assertThat(guest.exitValue())
                        .as("exit status, see the end of %s:%n%s", log, end(log))
                        .isZero();
            }));
            System.out.println("module tests on " + kernel + ": " + run.closing());
            return dynamicContainer("kernel " + kernel, nodes);
        } catch (Exception e) {
            return dynamicContainer("kernel " + kernel, List.of(dynamicTest("the guest runs", () -> {
                throw e;
            })));
        }
    }

    private static DynamicTest test(Tap.Case test) {
        return dynamicTest(test.name(), () -> {
            Assumptions.assumeTrue(test.outcome() != Tap.Outcome.SKIPPED, test.details());
            assertThat(test.outcome()).as(test.details()).isEqualTo(Tap.Outcome.PASSED);
        });
    }

    private static String end(Path log) throws java.io.IOException {
        List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
    }
}
