// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests of where a device is mounted for other processes. */
class MountTableTest {
    @TempDir
    Path proc;

    @TempDir
    Path sys;

    private final BlockDevice disk = FakeDisk.of("dblock0", List.of(), Optional.empty());
    private MountTable mounts;

    @BeforeEach
    void thisProcess() throws Exception {
        mounts = new MountTable(proc, sys);
        Files.createDirectories(sys.resolve("dblock0"));
        Files.writeString(sys.resolve("dblock0/dev"), "252:0\n");
        process("self", "mnt:[1]", "252:0 / /run/disk rw - ext4 /dev/dblock0 rw");
        process("10", "mnt:[1]", "252:0 / /run/disk rw - ext4 /dev/dblock0 rw");
    }

    private void process(String pid, String namespace, String mount) throws Exception {
        Files.createDirectories(proc.resolve(pid + "/ns"));
        Files.createSymbolicLink(proc.resolve(pid + "/ns/mnt"), Path.of(namespace));
        Files.writeString(
                proc.resolve(pid + "/mountinfo"), "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 " + mount + "\n");
        Files.writeString(proc.resolve(pid + "/comm"), "postgres\n");
    }

    @Test
    void aContainerHasTheDiskWhereItIsMounted() throws Exception {
        process("20", "mnt:[2]", "252:0 /data /var/lib/data rw master:1 - ext4 /dev/dblock0 rw");
        assertThat(mounts.has(20, disk, "/var/lib/data")).isTrue();
        assertThat(mounts.has(20, disk, "/")).isFalse();
        assertThat(mounts.has(21, disk, "/var/lib/data")).isFalse();
    }

    @Test
    void btrfsIsKnownByItsSource() throws Exception {
        process("20", "mnt:[2]", "0:45 /data /var/lib/data rw - btrfs /dev/dblock0 rw");
        process("30", "mnt:[3]", "0:46 /data /var/lib/data rw - btrfs /dev/dblock1 rw");
        assertThat(mounts.has(20, disk, "/var/lib/data")).isTrue();
        assertThat(mounts.has(30, disk, "/var/lib/data")).isFalse();
    }

    @Test
    void onlyOtherMountTablesAreElsewhere() throws Exception {
        assertThat(mounts.mountedElsewhere(disk)).isEmpty();
        process("20", "mnt:[2]", "252:0 /data /var/lib/data rw - ext4 /dev/dblock0 rw");
        process("21", "mnt:[2]", "252:0 /data /var/lib/data rw - ext4 /dev/dblock0 rw");
        process("30", "mnt:[3]", "252:16 / /x rw - ext4 /dev/dblock1 rw");
        assertThat(mounts.mountedElsewhere(disk))
                .containsAnyOf("pid 20 (postgres), at /var/lib/data", "pid 21 (postgres), at /var/lib/data")
                .hasSize(1);
    }

    @Test
    void aMountThatStaysIsAnErrorThatNamesIt() throws Exception {
        process("20", "mnt:[2]", "252:0 /data /var/lib/data rw - ext4 /dev/dblock0 rw");
        assertThatThrownBy(() -> mounts.awaitUnmountedElsewhere(disk, Duration.ofMillis(100)))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("dblock0 is still mounted for other processes")
                .hasMessageContaining("pid 20 (postgres), at /var/lib/data");
    }
}
