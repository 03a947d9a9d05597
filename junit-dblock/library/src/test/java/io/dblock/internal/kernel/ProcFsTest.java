// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ProcFsTest {
    /** In UTF-8, then as in Latin-1, which no UTF-8 is. */
    private static final String TABLE =
            "36 35 98:0 /mnt1 /mnt\\0402/x\\134y rw,noatime master:1 - ext3 /dev/my\\040disk rw\n"
                    + "37 35 98:1 / /mnt/M" + new String("ü".getBytes(UTF_8), ISO_8859_1)
                    + "sik rw - ext3 /dev/sdb rw\n"
                    + "38 35 98:2 / /mnt/M\u00fcsik rw - ext3 /dev/sdc rw\n"
                    + "broken line\n";

    @TempDir
    Path root;

    private ProcFs proc() throws Exception {
        Files.createDirectories(root.resolve("self"));
        Files.writeString(root.resolve("self/mountinfo"), TABLE, ISO_8859_1);
        return new ProcFs(root);
    }

    @Test
    void mountsAreReadWhateverTheirPointsAreCalled() throws Exception {
        assertThat(proc().mounts("self"))
                .containsExactly(
                        new ProcFs.Mount("98:0", KernelPath.of(Path.of("/mnt 2/x\\y")), "ext3", "/dev/my disk"),
                        new ProcFs.Mount(
                                "98:1",
                                new KernelPath("/mnt/M" + new String("ü".getBytes(UTF_8), ISO_8859_1) + "sik"),
                                "ext3",
                                "/dev/sdb"),
                        new ProcFs.Mount("98:2", new KernelPath("/mnt/M\u00fcsik"), "ext3", "/dev/sdc"));
        assertThat(proc().mounts("self").get(2).point().bytes()).contains(0xfc);
    }

    /** Tells the mounts of a /proc. */
    static final class Teller {
        public static void main(String[] arguments) {
            for (ProcFs.Mount mount : new ProcFs(Path.of(arguments[0])).mounts("self")) {
                System.out.println(mount.device() + " " + mount.point());
            }
        }
    }

    private static Path placeOf(Class<?> type) throws Exception {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    @Test
    void theyAreInTheCLocaleToo() throws Exception {
        proc();
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                placeOf(ProcFs.class) + ":" + placeOf(Teller.class),
                Teller.class.getName(),
                root.toString());
        builder.environment().remove("LANG");
        builder.environment().put("LC_ALL", "C");
        Path output = root.resolve("output");
        Process child = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(child.waitFor(50, TimeUnit.SECONDS)).isTrue();
        List<String> lines = Files.readString(output, US_ASCII).lines().toList();
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0)).isEqualTo("98:0 /mnt 2/x\\y");
        assertThat(lines.get(1)).startsWith("98:1 /mnt/M").endsWith("sik");
        assertThat(lines.get(2)).startsWith("98:2 /mnt/M").endsWith("sik");
    }

    @Test
    void theOptionsOfAPathAreThoseOfTheLastInnermostMountAboveIt() throws Exception {
        Files.createDirectories(root.resolve("self"));
        Files.writeString(
                root.resolve("self/mountinfo"),
                """
                20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,noexec
                21 20 0:30 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw
                22 20 0:31 / /tmp rw,noexec - tmpfs tmp rw
                23 20 0:32 / /tmp rw,nosuid - tmpfs tmp rw
                24 20 0:33 / /tmp/a\\040b ro - tmpfs tmp rw
                """);
        ProcFs proc = new ProcFs(root);
        assertThat(proc.mountOptions(Path.of("/dev/shm"))).containsExactly("rw", "nosuid", "nodev", "noexec");
        assertThat(proc.mountOptions(Path.of("/tmp/x"))).containsExactly("rw", "nosuid");
        assertThat(proc.mountOptions(Path.of("/tmp/a b/x"))).containsExactly("ro");
        assertThat(proc.mountOptions(Path.of("/tmpfile"))).containsExactly("rw", "relatime");
    }

    @Test
    void aPathIsItselfOrBelowADirectory() {
        KernelPath path = KernelPath.of(Path.of("/run/a/b"));
        assertThat(path.isIn(Path.of("/run/a/b"))).isTrue();
        assertThat(path.isIn(Path.of("/run/a"))).isTrue();
        assertThat(path.isIn(Path.of("/"))).isTrue();
        assertThat(path.isIn(Path.of("/run/a/b/c"))).isFalse();
        assertThat(path.isIn(Path.of("/run/a/"))).isTrue();
        assertThat(KernelPath.of(Path.of("/run/ab")).isIn(Path.of("/run/a"))).isFalse();
    }
}
