// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import io.dblock.internal.kernel.ControlSession;
import io.dblock.it.support.LauncherCommand;
import io.dblock.it.times.LifeBenchmark;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs {@link Benchmark}, {@link Scale} or {@link LifeBenchmark} in a guest of its own. For the host's JVM. */
final class Guest {

    /** The beginning of a release, of an emulated kernel. */
    static final String KERNEL = System.getProperty("dblock.bench.kernel", "6.12");

    private static final Path PROGRAMS = Path.of(System.getProperty("dblock.it.bench.programs", "target/bench"));
    /** {@code -Ddblock.bench.devices} and so on, passed on as {@code bench.devices}. */
    private static final List<String> PASSED_ON = List.of("devices", "columns", "rounds", "requests", "scheduler");

    private Guest() {}

    /** For a quick look: a {@link Mode}, and what of {@link #PASSED_ON} is wanted as -D. */
    public static void main(String[] args) throws Exception {
        run(Mode.valueOf(args[0].toUpperCase(Locale.ROOT)), Map.of(), Duration.ofHours(6));
    }

    /** How the guest's time passes, and on how many processors. */
    enum Mode {
        /** At the processor's own speed: under emulation copies cost many times what they do here. */
        CLOCK("clock", Benchmark.class, "uml", 1, ""),
        /** As many processors as a device may have queues. */
        QUEUES("queues", Scale.class, KERNEL, 8, ""),
        /** Where a JVM runs at the processor's own speed, too. */
        DEVICES("devices", Scale.class, "uml", 1, ""),
        /** As a test has it. */
        LIFE("life", LifeBenchmark.class, "uml", 1, ""),
        /**
         * Each instruction takes 2 ns, whatever else the host does; QEMU needs its emulation and one processor for it. An
         * idle guest waits in the host's time: with sleep=off its clock would leap while the host reads a file for it, and
         * every limit would pass.
         */
        INSTRUCTIONS("instructions", Benchmark.class, KERNEL, 1, "-icount shift=1,sleep=on");

        private final String key;
        private final Class<?> program;
        private final String kernel;
        private final int cpus;
        private final String qemuOptions;

        Mode(String key, Class<?> program, String kernel, int cpus, String qemuOptions) {
            this.key = key;
            this.program = program;
            this.kernel = kernel;
            this.cpus = cpus;
            this.qemuOptions = qemuOptions;
        }
    }

    /** Runs it to its end on its own kernel; see the next. */
    static Path run(Mode mode, Map<String, String> properties, Duration limit)
            throws IOException, InterruptedException {
        return run(mode, mode.kernel, properties, limit);
    }

    /**
     * Runs it to its end; what it says goes to standard output.
     *
     * @param kernel the beginning of a release
     * @param properties of {@link Benchmark}, without their prefix; what this JVM was given on its command line wins
     * @return the file with what was measured
     */
    static Path run(Mode mode, String kernel, Map<String, String> properties, Duration limit)
            throws IOException, InterruptedException {
        VmSetup.module(VmOptions.defaults().withKernel(kernel), System.err::println);
        Path directory = Files.createDirectories(Path.of("target/bench").toAbsolutePath());
        Path file = directory.resolve(mode.key + ".tsv");
        Files.deleteIfExists(file);
        String java = LauncherCommand.java();
        String classPath = System.getProperty("java.class.path");
        List<String> command = LauncherCommand.inGuest(kernel, List.of(java));
        command.addAll(List.of("-XX:+UseSerialGC", "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED"));
        // As the server process has it.
        command.add(ControlSession.JVM_OPTION);
        properties.forEach((key, value) -> command.add("-Dbench." + key + "=" + value));
        for (String key : PASSED_ON) {
            String value = System.getProperty("dblock.bench." + key, "");
            if (!value.isBlank()) {
                command.add("-Dbench." + key + "=" + value);
            }
        }
        command.addAll(List.of(
                "-Dbench.mode=" + mode.key,
                "-Ddblock.it.bench.programs=" + PROGRAMS.toAbsolutePath(),
                "-Dbench.results=" + file,
                "-cp",
                classPath,
                mode.program.getName()));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve(mode.key + ".log").toFile());
        builder.environment().put("DBLOCK_VM_CPUS", Integer.toString(mode.cpus));
        if (!mode.qemuOptions.isEmpty()) {
            // Counting goes on while other jobs run, and then a boot takes its time.
            builder.environment().putIfAbsent("DBLOCK_VM_BOOT_TIMEOUT", "1800");
            builder.environment().put("DBLOCK_VM_ACCEL", "tcg");
            builder.environment().put("DBLOCK_VM_QEMU_OPTIONS", mode.qemuOptions);
        }
        Process guest = builder.start();
        try {
            boolean ended = guest.waitFor(limit.toSeconds(), TimeUnit.SECONDS);
            String said = Files.readString(directory.resolve(mode.key + ".log"));
            System.out.print(said);
            if (!ended || guest.exitValue() != 0) {
                throw new AssertionError("The benchmark in the guest "
                        + (ended ? "ended with status " + guest.exitValue() : "did not end within " + limit) + ":\n"
                        + said);
            }
        } finally {
            guest.destroyForcibly();
        }
        return file;
    }
}
