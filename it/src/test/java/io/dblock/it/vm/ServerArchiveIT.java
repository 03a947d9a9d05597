// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.it.support.ClassPath;
import io.dblock.vm.JvmHome;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What the launcher makes beside one guest, the next guest's server process uses. */
class ServerArchiveIT {
    /** A guest may be over before the archive is made; it is then made anew beside the next. */
    private static final int RUNS = 10;

    @Test
    void theServerOfALaterGuestTakesItsClassesFromTheArchive() throws Exception {
        Path directory =
                Files.createDirectories(Path.of("target/vm-it/archive/target").toAbsolutePath());
        // Another time of change is another archive, so that none is there yet.
        Path library = Files.copy(
                ClassPath.placeOf(BlockDevice.class),
                directory.resolve("junit-dblock-1.jar"),
                StandardCopyOption.REPLACE_EXISTING);
        assertThat(library)
                .as("the library's jar; a build that stops before package has none")
                .isRegularFile();
        JvmHome home = VmSetup.prepare(
                VmOptions.defaults()
                        .withKernel(VmSetup.canMakeUserModeKernels() ? "uml" : "6.12")
                        .withHome(directory.resolve("jvm")),
                line -> {});
        String source = "";
        for (int run = 1; run <= RUNS && !source.contains("(top)"); run++) {
            source = sourceOfServer(home, library, directory);
            if (run == 1) {
                assertThat(source).as("without an archive").contains("source: file:");
            }
        }
        assertThat(source).as("with one, after " + RUNS + " guests").contains("shared objects file (top)");
    }

    private static String sourceOfServer(JvmHome home, Path library, Path directory) throws Exception {
        Path log = directory.resolve("classes.log");
        Files.deleteIfExists(log);
        ProcessBuilder builder = new ProcessBuilder(
                        home.java().toString(),
                        "-cp",
                        library + File.pathSeparator + ClassPath.of(com.sun.jna.Native.class, OneDevice.class),
                        OneDevice.class.getName())
                .directory(directory.getParent().toFile())
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("output").toFile());
        builder.environment().put("DBLOCK_SERVER_OPTIONS", "-Xlog:class+load:file=" + log);
        Process process = builder.start();
        try {
            assertThat(process.waitFor(300, TimeUnit.SECONDS))
                    .as("a guest that makes one device has ended within 300 s")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(Files.readString(directory.resolve("output"))).contains("made 1048576");
        return Files.readAllLines(log).stream()
                .filter(line -> line.contains(" io.dblock.internal.remote.CommandServer "))
                .findFirst()
                .orElseThrow();
    }
}
