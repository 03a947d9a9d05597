// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.dblock.it.support.Commands;
import io.dblock.it.support.LauncherCommand;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.TestFactory;

/**
 * The module's own tests, in C, in one guest per kernel and without a JVM in it; on other architectures than this
 * host's too, and as 32-bit programs on 64-bit kernels. Runs on the host's JVM, as many guests at a time as this has
 * processors, each of which emulates on one; each line of their output becomes a test here. First, as it takes longest.
 */
@Order(1)
class ModuleTestsIT {

    private static final Path KMOD =
            Path.of("..", "dblock-kmod").toAbsolutePath().normalize();
    private static final Path TARGET = Path.of("target").toAbsolutePath();
    /**
     * Kernels that are programs, not emulated. That with KASAN, lockdep, kmemleak and UBSAN takes three times as long, and would
     * be the longest of the whole build.
     */
    private static final String PROGRAMS = "uml-debug:1/2,uml-debug:2/2,uml";

    private static final int LIMIT_MINUTES = Integer.getInteger("dblock.it.module.limit", 25);
    /** Of one cell with all before it: no matrix takes a day. */
    private static final int MATRIX_LIMIT_MINUTES = 24 * 60;

    @TestFactory
    Stream<DynamicContainer> theModulePassesItsOwnTestsOnEachKernel() throws Exception {
        List<Cell> cells = Cell.chosen(VmSetup.canMakeUserModeKernels() ? PROGRAMS : Cell.DISTRIBUTION);
        Matrix matrix = new Matrix(cells);
        List<DynamicContainer> containers = new ArrayList<>();
        ExecutorService guests =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        try {
            List<Future<DynamicContainer>> running = new ArrayList<>();
            for (Cell cell : cells) {
                running.add(guests.submit(() -> in(cell, matrix)));
            }
            for (Future<DynamicContainer> one : running) {
                containers.add(one.get(MATRIX_LIMIT_MINUTES, TimeUnit.MINUTES));
            }
        } finally {
            guests.shutdownNow();
        }
        Path table = TARGET.resolve("module-tests.md");
        Files.writeString(table, matrix.table());
        System.out.println("module tests, also in " + table + ":" + System.lineSeparator() + matrix.table());
        return containers.stream();
    }

    private static DynamicContainer in(Cell cell, Matrix matrix) {
        Path log = TARGET.resolve("kmod-tests-" + cell.name() + ".tap");
        try {
            // Another may be at it, and take its time: none of the others waits for that.
            if (PROGRAMS.contains(cell.kernel())) {
                module(cell);
            }
            List<String> command = prepare(cell);
            Process guest = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .redirectInput(Path.of("/dev/null").toFile())
                    .start();
            boolean ended;
            try {
                ended = guest.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
            } finally {
                guest.destroyForcibly();
            }
            Tap.Run run = Tap.parse(Files.readAllLines(log, StandardCharsets.UTF_8));
            boolean clean = ended && guest.waitFor() == 0;
            matrix.add(cell, run, clean);
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
            System.out.println("module tests, " + cell + ": " + run.closing());
            return dynamicContainer(cell.toString(), nodes);
        } catch (Exception e) {
            System.out.println("module tests, " + cell + ": not run, " + e);
            matrix.addMissing(cell, e);
            return dynamicContainer(cell.toString(), List.of(dynamicTest("the guest runs", () -> {
                throw e;
            })));
        }
    }

    /** Makes what is needed, one at a time: they share the caches and the programs. Returns the guest's command. */
    private static synchronized List<String> prepare(Cell cell) throws IOException {
        // All of it below target, which a guest that has a root of its own sees too.
        Path tests = programs(cell.programs());
        Path module =
                Files.createDirectories(TARGET.resolve("kmod-" + cell.name())).resolve("dblock.ko");
        Files.copy(module(cell), module, StandardCopyOption.REPLACE_EXISTING);
        List<String> command = LauncherCommand.inGuest(
                cell.kernel(),
                List.of(
                        tests.resolve("run.sh").toString(),
                        "-d",
                        tests.toString(),
                        "-p",
                        cell.part(),
                        module.toString()));
        String chosen = System.getProperty("dblock.it.module.programs", "");
        command.addAll(chosen.isBlank() ? List.of() : List.of(chosen.split(",", -1)));
        return command;
    }

    private static Path module(Cell cell) {
        return VmSetup.module(VmOptions.defaults().withKernel(cell.kernel()), System.err::println);
    }

    /** The tests and what runs them, for this architecture. */
    private static Path programs(String architecture) throws IOException {
        Path tests = TARGET.resolve("kmod-tests-" + architecture);
        List<Object> make = new ArrayList<>(List.of("make", "-s", "-C", KMOD.resolve("tests"), "OUT=" + tests));
        if (!architecture.equals(VmSetup.architecture())) {
            make.add("CC=" + VmSetup.compiler(architecture, System.err::println));
            // The guest's root may have no C library for them.
            make.add("STATIC=1");
        }
        Commands.run(make.toArray());
        Files.copy(
                KMOD.resolve("tests/run.sh"),
                tests.resolve("run.sh"),
                StandardCopyOption.REPLACE_EXISTING,
                StandardCopyOption.COPY_ATTRIBUTES);
        return tests;
    }

    private static DynamicTest test(Tap.Case test) {
        return dynamicTest(test.name(), () -> {
            Assumptions.assumeTrue(test.outcome() != Tap.Outcome.SKIPPED, test.details());
            assertThat(test.outcome()).as(test.details()).isEqualTo(Tap.Outcome.PASSED);
        });
    }

    private static String end(Path log) throws IOException {
        List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 40), lines.size()));
    }
}
