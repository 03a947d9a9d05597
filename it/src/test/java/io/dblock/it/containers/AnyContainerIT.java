// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.PowerDomain;
import io.dblock.it.support.Poll;
import io.dblock.junit.DblockDevice;
import io.dblock.power.CutReport;
import io.dblock.testcontainers.ContainerDisk;
import io.dblock.testcontainers.ContainerPower;
import io.dblock.testcontainers.Durability;
import java.nio.file.Files;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;

/** Tests of any container on a disk: what it has of it, what a power cut leaves, and who may still use it. */
class AnyContainerIT {
    private static String run(GenericContainer<?> container, String script) throws Exception {
        org.testcontainers.containers.Container.ExecResult result = container.execInContainer("sh", "-c", script);
        assertThat(result.getExitCode()).as(script + ": " + result.getStderr()).isZero();
        return result.getStdout().strip();
    }

    @Test
    void aDirectoryIsOnTheDiskWithItsOwnerAndSurvivesWhatIsSynced(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        ContainerDisk data = ContainerDisk.of(disk).directory("ledger/one").owner(1234, 4321);
        try (GenericContainer<?> container = data.mountIn(Images.idle(), "/ledger")) {
            container.start();
            assertThat(run(container, "stat -c %u:%g /ledger && ls /ledger")).isEqualTo("1234:4321");
            run(container, "echo paid > /ledger/synced && sync /ledger/synced && echo lost > /ledger/unsynced");
            assertThat(disk.mount().resolve("ledger/one/unsynced")).hasContent("lost\n");
            data.powerCut();
            assertThat(run(container, "cat /ledger/synced")).isEqualTo("paid");
            assertThat(run(container, "cat /ledger/unsynced 2> /dev/null || echo none"))
                    .isIn("", "none");
        }
        assertThat(disk.mount().resolve("ledger/one/synced")).hasContent("paid\n");
    }

    /** The container notes what is on the disk where no power is cut. It does not look whether that went well. */
    @Test
    void aContainerDoesNothingAfterTheCut(@DblockDevice(size = "512MiB", filesystem = XFS) BlockDevice disk)
            throws Exception {
        ContainerDisk data = ContainerDisk.of(disk);
        String writing = "[ ! -e /noted ] || exec sleep infinity; i=0;"
                + " while true; do i=$((i + 1)); echo $i > /ledger/$i; sync /ledger/$i; echo $i >> /noted; done";
        try (GenericContainer<?> container = data.mountIn(Images.shell(writing), "/ledger")) {
            container.start();
            Poll.until("50 notes", Images.LIMIT, () -> Integer.parseInt(run(container, "cat /noted | wc -l")) >= 50);
            data.powerCut();
            String last = run(container, "tail -n 1 /noted");
            assertThat(run(container, "cat /ledger/" + last)).isEqualTo(last);
        }
    }

    @Test
    void aContainerHasTheDeviceByItselfAndMountsItIfItMay(@DblockDevice(size = "64MiB") BlockDevice disk)
            throws Exception {
        ContainerDisk raw = ContainerDisk.of(disk).durability(Durability.AS_CONFIGURED);
        try (GenericContainer<?> container = raw.deviceIn(Images.idle(), "/dev/ledger")) {
            container.start();
            run(container, "echo paid | dd of=/dev/ledger conv=fsync,notrunc 2> /dev/null");
            raw.powerCut();
            assertThat(run(container, "head -c 4 /dev/ledger")).isEqualTo("paid");
            assertThat(container
                            .execInContainer("sh", "-c", "mkfs.ext4 -q /dev/ledger && mount /dev/ledger /mnt")
                            .getExitCode())
                    .as("mounting without privileges")
                    .isNotZero();
        }
        try (GenericContainer<?> container = raw.deviceIn(Images.idle().withPrivilegedMode(true), "/dev/ledger")) {
            container.start();
            run(
                    container,
                    "mkdir -p /disk && mount /dev/ledger /disk && echo paid > /disk/ledger && sync /disk/ledger");
            raw.powerCut();
            assertThat(run(container, "mount /dev/ledger /disk && cat /disk/ledger"))
                    .isEqualTo("paid");
            run(container, "umount /disk");
        }
    }

    @Test
    void twoContainersWithThreeDisksLoseTheirPowerAtOnce(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice first,
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice second,
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice third)
            throws Exception {
        ContainerPower power = ContainerPower.of(PowerDomain.of(first, second, third));
        GenericContainer<?> both = Images.idle();
        try (GenericContainer<?> primary =
                        ContainerDisk.of(second).mountIn(ContainerDisk.of(first).mountIn(both, "/data"), "/log");
                GenericContainer<?> replica = ContainerDisk.of(third).mountIn(Images.idle(), "/data")) {
            primary.start();
            replica.start();
            run(primary, "echo paid > /data/x && sync /data/x && echo paid > /log/x && sync /log/x");
            run(replica, "echo paid > /data/x && sync /data/x");
            Map<BlockDevice, CutReport> reports = power.powerCut();
            assertThat(reports).containsOnlyKeys(first, second, third);
            assertThat(run(primary, "cat /data/x /log/x")).isEqualTo("paid\npaid");
            assertThat(run(replica, "cat /data/x")).isEqualTo("paid");
            run(primary, "touch /dev/shm/here && echo more > /data/x && sync /data/x");
            run(replica, "echo more > /data/x && sync /data/x");
            ContainerDisk.of(third).powerCut();
            assertThat(run(primary, "ls /dev/shm && cat /data/x"))
                    .as("what the other container has in memory and on its disk")
                    .isEqualTo("more");
        }
    }

    @Test
    void whatWouldNotReachTheContainerIsRefusedWhileItRuns(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        ContainerDisk data = ContainerDisk.of(disk);
        try (GenericContainer<?> container = data.mountIn(Images.idle(), "/data")) {
            container.start();
            assertThatThrownBy(disk::remount)
                    .isInstanceOf(LeakException.class)
                    .hasMessageContaining("The container dblock/debian")
                    .hasMessageContaining("/data");
            run(container, "echo paid > /data/x && sync /data/x");
            disk.powerCut();
            assertThatThrownBy(disk::restorePower).isInstanceOf(LeakException.class);
            data.powerOn();
            assertThat(run(container, "cat /data/x")).isEqualTo("paid");
        }
        disk.remount();
    }

    @Test
    void aContainerThatStillRunsWhenItsDiskGoesIsNamedAndStopped() {
        BlockDevice disk =
                BlockDevice.builder().size("64MiB").filesystem(Filesystem.EXT4).create();
        GenericContainer<?> container = ContainerDisk.of(disk).mountIn(Images.idle(), "/data");
        container.start();
        String id = container.getContainerId();
        assertThatThrownBy(disk::close)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining(disk.name() + " was still in use when it was closed:")
                .hasMessageContaining("The container dblock/debian:latest (" + id.substring(0, 12)
                        + ") has it at [/data]." + " It has been stopped");
        assertThat(container.isRunning()).isFalse();
        assertThat(disk.path()).doesNotExist();
    }

    @Test
    void aDiskThatWasNeverFlushedShowsNothing(@DblockDevice(size = "64MiB") BlockDevice disk) throws Exception {
        ContainerDisk raw = ContainerDisk.of(disk);
        try (GenericContainer<?> container = raw.deviceIn(Images.idle(), "/dev/ledger")) {
            container.start();
            run(container, "echo paid | dd of=/dev/ledger conv=notrunc 2> /dev/null");
            assertThatThrownBy(raw::powerCut)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("Nothing was flushed to [" + disk.name() + "]");
            assertThat(disk.powered()).isTrue();
            run(container, "echo paid | dd of=/dev/ledger conv=fsync,notrunc 2> /dev/null");
            raw.powerCut();
            assertThat(run(container, "head -c 4 /dev/ledger")).isEqualTo("paid");
        }
    }

    @Test
    void theDirectoryOfOneContainerIsNotGivenToAnother(
            @DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        ContainerDisk data = ContainerDisk.of(disk);
        try (GenericContainer<?> one = data.mountIn(Images.idle(), "/data");
                GenericContainer<?> same = data.mountIn(Images.idle(), "/data");
                GenericContainer<?> other = data.directory("other").mountIn(Images.idle(), "/data")) {
            one.start();
            assertThatThrownBy(same::start).rootCause().hasMessageContaining("has the directory \"data\"");
            other.start();
            run(one, "echo one > /data/x");
            run(other, "echo other > /data/x");
            assertThat(Files.readString(disk.mount().resolve("data/x"))).isEqualTo("one\n");
        }
    }
}
