// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Native;
import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.it.support.Poll;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A JVM without a locale has no Path for a directory called otherwise than in ASCII. It has disks all the same. */
class CLocaleIT {
    private static final Duration END = Duration.ofMinutes(5);

    @TempDir
    Path directory;

    /** Has a disk mounted by itself, and by others at a point that it cannot have a path of. */
    static final class Program {
        public static void main(String[] arguments) throws Exception {
            System.out.println("names are in " + System.getProperty("sun.jnu.encoding"));
            BlockDevice disk = BlockDevice.builder()
                    .size("16MiB")
                    .filesystem(Filesystem.EXT4)
                    .create();
            Files.writeString(disk.mount().resolve("file"), "content");
            disk.remount();
            System.out.println(
                    "read " + Files.readString(disk.mountPoint().orElseThrow().resolve("file")));
            // The shell has no locale, and does not mind.
            Commands.run("sh", "-c", "mkdir " + arguments[0] + " && mount " + disk.path() + " " + arguments[0]);
            Commands.run("sh", "-c", "cd " + arguments[0] + " && sleep 600 > /dev/null 2>&1 &");
            try {
                disk.close();
            } catch (LeakException e) {
                System.out.println("leak " + e.getMessage());
            }
            System.out.println("node " + Files.exists(disk.path()));
        }
    }

    private String run(String point) throws Exception {
        Path output = directory.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                ClassPath.of(Program.class, BlockDevice.class, Native.class),
                Program.class.getName(),
                point);
        builder.environment().remove("LANG");
        builder.environment().put("LC_ALL", "C");
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            Poll.until("the JVM in the C locale to end", END, () -> !process.isAlive());
        } finally {
            process.destroyForcibly();
            Commands.tryRun("pkill", "-f", "^sleep 600$");
        }
        return Files.readString(output, ISO_8859_1);
    }

    @Test
    void mountPointsThatAreNoPathsAreNoObstacle() throws Exception {
        // Somebody else's, and one of its own disk. The shell makes the bytes of them: u umlaut in UTF-8.
        String others = "\"$(printf '" + directory + "/M\\303\\274sik')\"";
        String own = "\"$(printf '" + directory + "/D\\303\\274sk')\"";
        Commands.run("sh", "-c", "mkdir " + others + " && mount -t tmpfs others " + others);
        try {
            String said = run(own);
            assertThat(said)
                    .contains("names are in ANSI_X3.4-1968")
                    .contains("read content")
                    .contains("leak dblock")
                    .contains("it is mounted at " + directory + "/D")
                    .contains("its working directory is " + directory + "/D");
            assertThat(Files.readString(Path.of("/proc/self/mountinfo"), ISO_8859_1))
                    .doesNotContain("/D\u00c3\u00bcsk")
                    .doesNotContain("/dev/dblock")
                    .contains("/M\u00c3\u00bcsik");
        } finally {
            Commands.run("sh", "-c", "umount " + others);
            Commands.run("sh", "-c", "rmdir " + others + "; rmdir " + own);
        }
    }
}
