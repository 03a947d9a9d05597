// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.arch;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.it.support.LauncherCommand;
import io.dblock.it.support.OneTest;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * A Java test on an architecture that is not this host's: everything in the guest is of that one, the JVM included.
 * Runs on the host's JVM.
 */
class OtherArchitectureIT {

    private static final Path TARGET = Path.of("target").toAbsolutePath();
    private static final int LIMIT_MINUTES = 30;

    /** Debian's: where its package puts the JVM, whichever version that is. */
    private static final String JRE = "default-jre-headless";

    private static final String JAVA = "/usr/lib/jvm/default-java/bin/java";

    @Test
    void theTestOfTheQuickstartPasses() throws Exception {
        String kernel = System.getProperty("dblock.it.java.kernel", "");
        assertThat(kernel).as("system property dblock.it.java.kernel").contains("/");
        // Of this host's files the guest sees what is below target.
        Path directory = TARGET.resolve("arch");
        Commands.run("rm", "-rf", directory);
        Files.createDirectories(directory);
        Path module = directory.resolve("dblock.ko");
        Files.copy(
                VmSetup.module(VmOptions.defaults().withKernel(kernel), System.err::println),
                module,
                StandardCopyOption.REPLACE_EXISTING);
        Path log = directory.resolve("output.txt");
        ProcessBuilder guest = new ProcessBuilder(LauncherCommand.inGuest(
                        kernel,
                        List.of(
                                "sh",
                                "-c",
                                "uname -m && insmod \"$1\" && exec " + JAVA
                                        + " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp \"$2\" \"$3\" \"$4\"",
                                "sh",
                                module.toString(),
                                ClassPath.copyTo(directory.resolve("class-path")),
                                OneTest.class.getName(),
                                "io.dblock.it.quickstart.QuickstartTest")))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .redirectInput(Path.of("/dev/null").toFile());
        guest.environment().put("DBLOCK_VM_PACKAGES", JRE);
        Process process = guest.start();
        try {
            assertThat(process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES))
                    .as("the guest ended within %d minutes, see %s", LIMIT_MINUTES, log)
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        String output = Files.readString(log);
        System.out.println(output);
        assertThat(process.exitValue()).as(output).isZero();
        assertThat(output.lines()).contains("1 passed, 0 failed", "aarch64");
    }
}
