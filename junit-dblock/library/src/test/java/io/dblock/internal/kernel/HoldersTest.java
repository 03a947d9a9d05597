// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HoldersTest {
    private static final Path NODE = Path.of("/dev/dblock0");
    private static final Path MOUNT = Path.of("/run/junit-dblock/1-2/mnt/dblock0");

    @TempDir
    Path root;

    private Holders holders;

    @BeforeEach
    void setUp() throws Exception {
        holders = new Holders(new ProcFs(root.resolve("proc")), root.resolve("block"), 10, List.of());
        process(10, "java\0-jar\0test.jar\0");
        process(20, "tail\0-f\0");
        Files.createDirectories(root.resolve("proc/sys"));
    }

    private Path process(int pid, String command) throws Exception {
        Path directory = Files.createDirectories(root.resolve("proc/" + pid));
        Files.createDirectories(directory.resolve("fd"));
        Files.writeString(directory.resolve("cmdline"), command);
        Files.writeString(directory.resolve("maps"), "");
        Files.createSymbolicLink(directory.resolve("cwd"), Path.of("elsewhere"));
        Files.createSymbolicLink(directory.resolve("root"), Path.of("elsewhere"));
        return directory;
    }

    private void open(int pid, int fd, String target) throws Exception {
        Files.createSymbolicLink(root.resolve("proc/" + pid + "/fd/" + fd), Path.of(target));
    }

    private List<String> find() {
        return holders.find(NODE, List.of(KernelPath.of(MOUNT)));
    }

    @Test
    void whatConcernsOtherDisksIsNobodysUse() throws Exception {
        open(10, 3, "/dev/dblock01");
        open(10, 4, "/dev/dblock0x");
        open(10, 5, MOUNT + "2/file");
        open(10, 6, "socket:[123]");
        assertThat(find()).isEmpty();
    }

    @Test
    void openFilesOfTheMountAreNamedWithTheirProcess() throws Exception {
        open(20, 7, MOUNT + "/log/a file");
        assertThat(find()).containsExactly("pid 20 (tail -f) has open " + MOUNT + "/log/a file");
    }

    @Test
    void thisJvmIsCalledSo() throws Exception {
        open(10, 7, MOUNT + "/db");
        assertThat(find()).containsExactly("this JVM (pid 10) has open " + MOUNT + "/db");
    }

    @Test
    void theNodeAndItsPartitionsCount() throws Exception {
        open(10, 3, "/dev/dblock0");
        open(20, 3, "/dev/dblock0p2");
        assertThat(find())
                .containsExactlyInAnyOrder(
                        "this JVM (pid 10) has open /dev/dblock0", "pid 20 (tail -f) has open /dev/dblock0p2");
    }

    @Test
    void partitionsOfADiskWhoseNameEndsInALetterHaveNoP() throws Exception {
        open(20, 3, "/dev/dblockwal2");
        assertThat(holders.find(Path.of("/dev/dblockwal"), List.of()))
                .containsExactly("pid 20 (tail -f) has open /dev/dblockwal2");
    }

    @Test
    void deletedFilesAreStillOpen() throws Exception {
        open(20, 3, MOUNT + "/x (deleted)");
        assertThat(find()).containsExactly("pid 20 (tail -f) has open " + MOUNT + "/x (deleted)");
    }

    @Test
    void workingAndRootDirectoriesCount() throws Exception {
        Path process = process(30, "");
        Files.writeString(process.resolve("comm"), "sh\n");
        Files.delete(process.resolve("cwd"));
        Files.createSymbolicLink(process.resolve("cwd"), MOUNT.resolve("sub"));
        Files.delete(process.resolve("root"));
        Files.createSymbolicLink(process.resolve("root"), MOUNT);
        assertThat(find())
                .containsExactly(
                        "pid 30 (sh) its working directory is " + MOUNT + "/sub",
                        "pid 30 (sh) its root directory is " + MOUNT);
    }

    @Test
    void mappedFilesCountOnce() throws Exception {
        Files.writeString(
                root.resolve("proc/10/maps"),
                """
                7f00-7f01 rw-s 00000000 103:00 12      %1$s/data base
                7f01-7f02 rw-s 00001000 103:00 12      %1$s/data base
                7f02-7f03 rw-p 00000000 00:00 0
                7f03-7f04 r--p 00000000 08:01 99      /usr/lib/libc.so
                """
                        .formatted(MOUNT));
        assertThat(find()).containsExactly("this JVM (pid 10) has mapped " + MOUNT + "/data base");
        assertThat(holders.isMappedHere(MOUNT)).isTrue();
        assertThat(holders.isMappedHere(Path.of("/usr/local"))).isFalse();
    }

    @Test
    void devicesMadeOfItCount() throws Exception {
        Files.createDirectories(root.resolve("block/dblock0/holders/dm-3"));
        assertThat(find()).containsExactly("the block device dm-3 is made from it");
    }

    @Test
    void aDiskWhoseImageLiesThereIsNamedInsteadOfItsServer(@TempDir Path mount) throws Exception {
        Path image = Files.createFile(mount.resolve("image"));
        Path other = Files.createFile(mount.resolve("other"));
        Object key = OpenImage.keyOf(image).orElseThrow();
        holders = new Holders(
                new ProcFs(root.resolve("proc")),
                root.resolve("block"),
                10,
                List.of(new OpenImage(20, key, "dblock1")));
        open(20, 3, image.toString());
        open(20, 4, other.toString());
        open(10, 3, image.toString());
        assertThat(holders.find(NODE, List.of(KernelPath.of(mount))))
                .containsExactlyInAnyOrder(
                        "dblock1, whose image " + image + " lies on it",
                        "pid 20 (tail -f) has open " + other,
                        "this JVM (pid 10) has open " + image);
    }

    @Test
    void anImageIsKnownByItsFileWhateverItIsCalled(@TempDir Path mount) throws Exception {
        Path image = Files.createFile(mount.resolve("image"));
        Object key = OpenImage.keyOf(image).orElseThrow();
        holders = new Holders(
                new ProcFs(root.resolve("proc")),
                root.resolve("block"),
                10,
                List.of(new OpenImage(20, key, "dblock1"), new OpenImage(20, key, "dblock2")));
        Path renamed = Files.move(image, mount.resolve("renamed"));
        open(20, 3, renamed.toString());
        assertThat(holders.find(NODE, List.of(KernelPath.of(mount))))
                .containsExactly(
                        "dblock1, whose image " + renamed + " lies on it",
                        "dblock2, whose image " + renamed + " lies on it");
    }

    @Test
    void theRealProcShowsAFileThisJvmHasOpen(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("held");
        try (var out = Files.newOutputStream(file)) {
            out.write(1);
            assertThat(Holders.ofThisMachine().find(NODE, List.of(KernelPath.of(directory))))
                    .containsExactly("this JVM (pid " + ProcessHandle.current().pid() + ") has open " + file);
        }
        assertThat(Holders.ofThisMachine().find(NODE, List.of(KernelPath.of(directory))))
                .isEmpty();
    }
}
