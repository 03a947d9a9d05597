// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.containers.ContainerLaunchException;

/** Tests of the order in which containers and disks lose their power and get it back. */
@Timeout(60)
class PowerCycleTest {
    @TempDir
    Path filesystem;

    @TempDir
    Path proc;

    private final List<String> log = new ArrayList<>();
    private final FakeEngine engine = new FakeEngine(log);
    private final Map<String, AttachedContainer> attached = new LinkedHashMap<>();
    private BlockDevice data;
    private BlockDevice wal;

    @BeforeEach
    void twoDisks() throws Exception {
        data = disk("dblock0");
        wal = disk("dblock1");
        Files.createDirectories(proc.resolve("self/ns"));
        Files.createSymbolicLink(proc.resolve("self/ns/mnt"), Path.of("mnt:[1]"));
    }

    private BlockDevice disk(String name) throws Exception {
        Path root = Files.createDirectories(filesystem.resolve(name));
        Files.createDirectories(root.resolve("data"));
        return FakeDisk.of(name, log, Optional.of(root));
    }

    /** Makes a PostgreSQL that has run on these disks, and has flushed or need not. */
    private AttachedContainer container(String id, BlockDevice... disks) {
        FakeContainer container = new FakeContainer("postgres:17");
        AttachedContainer one = new AttachedContainer(container, engine, new MountTable(proc, proc) {
            @Override
            boolean has(long pid, BlockDevice device, String mountPoint) {
                return true;
            }
        });
        for (BlockDevice disk : disks) {
            one.add(new DiskUse(
                    ContainerDisk.of(disk).durability(Durability.AS_CONFIGURED),
                    DiskUse.Kind.DIRECTORY,
                    Optional.of("/" + disk.name())));
        }
        one.start();
        one.configure(new FakeCommand("postgres:17").command());
        container.id = id;
        engine.add(id);
        attached.put(id, one);
        return one;
    }

    private PowerCycle of(BlockDevice... disks) {
        return new PowerCycle(
                new PowerCycle.Supply() {
                    @Override
                    public List<BlockDevice> devices() {
                        return List.of(disks);
                    }

                    @Override
                    public Map<BlockDevice, CutReport> cut(Survivors survivors) {
                        Map<BlockDevice, CutReport> reports = new LinkedHashMap<>();
                        for (BlockDevice disk : disks) {
                            reports.put(disk, disk.powerCut(survivors));
                        }
                        return reports;
                    }

                    @Override
                    public void restore() {
                        for (BlockDevice disk : disks) {
                            disk.restorePower();
                        }
                    }
                },
                device -> attached.values().stream()
                        .filter(one -> one.devices().contains(device))
                        .toList());
    }

    @Test
    void aContainerIsFrozenBeforeTheCutAndKilledAfterIt() {
        container("pg", data);
        PowerCycle cycle = of(data);
        assertThat(cycle.off(Survivors.ALL).get(data).survivors()).isEqualTo(Survivors.ALL);
        assertThat(log).containsExactly("freeze pg", "cut dblock0", "kill pg");
        cycle.on();
        assertThat(log).containsExactly("freeze pg", "cut dblock0", "kill pg", "restore dblock0", "start pg");
    }

    @Test
    void allContainersAreFrozenBeforeTheFirstCutAndKilledAfterTheLast() {
        container("a", data, wal);
        container("b", wal);
        PowerCycle cycle = of(data, wal);
        cycle.off(Survivors.NONE);
        cycle.on();
        assertThat(log)
                .containsExactly(
                        "freeze a",
                        "freeze b",
                        "cut dblock0",
                        "cut dblock1",
                        "kill a",
                        "kill b",
                        "restore dblock0",
                        "restore dblock1",
                        "start a",
                        "start b");
    }

    @Test
    void aContainerThatCannotBeFrozenIsCutAllTheSame() {
        container("pg", data);
        engine.containers.get("pg").freezable = false;
        of(data).off(Survivors.NONE);
        assertThat(log).containsExactly("cannot freeze pg", "cut dblock0", "kill pg");
    }

    @Test
    void aCutThatIsRefusedLeavesTheContainersRunning() {
        container("pg", data);
        FakeDisk.behind(data).refusedCut = new IllegalArgumentException("no such write");
        assertThatThrownBy(() -> of(data).off(Survivors.of(7))).hasMessage("no such write");
        assertThat(log).containsExactly("freeze pg", "thaw pg");
        assertThat(engine.containers.get("pg").running).isTrue();
    }

    @Test
    void aContainerWithAFurtherDiskIsRefused() {
        container("pg", data, wal);
        assertThatThrownBy(() -> of(data).off(Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("has [dblock1] besides [dblock0]")
                .hasMessageContaining("PowerDomain");
        assertThat(log).isEmpty();
    }

    @Test
    void withoutAContainerThereIsNothingToCut() {
        assertThatThrownBy(() -> of(data).off(Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("No container is on [dblock0]");
    }

    @Test
    void afterACutByARuleWhatStillRunsIsKilledBeforeThePowerIsBack() {
        container("alive", data);
        container("dead", data);
        data.powerCut(Survivors.NONE);
        engine.containers.get("dead").running = false;
        assertThatThrownBy(() -> of(data).off(Survivors.NONE)).hasMessageContaining("is already off. powerOn()");
        of(data).on();
        assertThat(log).containsExactly("cut dblock0", "kill alive", "restore dblock0", "start alive", "start dead");
    }

    @Test
    void thePowerIsNotRestoredWhileItIsOn() {
        container("pg", data);
        assertThatThrownBy(() -> of(data).on()).hasMessageContaining("The power of [dblock0] is on");
        assertThat(log).isEmpty();
    }

    @Test
    void thePowerIsBackOnlyWhenNoContainerHasTheFilesystemAnyMore() throws Exception {
        container("pg", data);
        Files.createDirectories(proc.resolve("dblock0"));
        Files.writeString(proc.resolve("dblock0/dev"), "252:0");
        Files.createDirectories(proc.resolve("77/ns"));
        Files.createSymbolicLink(proc.resolve("77/ns/mnt"), Path.of("mnt:[2]"));
        Files.writeString(proc.resolve("77/comm"), "postgres\n");
        Files.writeString(proc.resolve("77/mountinfo"), "700 600 252:0 /data /x rw - ext4 /dev/dblock0 rw\n");
        of(data).off(Survivors.NONE);
        Thread ending = new Thread(() -> {
            try {
                Thread.sleep(300);
                log.add("unmounted");
                Files.delete(proc.resolve("77/mountinfo"));
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        ending.start();
        of(data).on();
        ending.join();
        assertThat(log).containsSubsequence("kill pg", "unmounted", "restore dblock0", "start pg");
    }

    @Test
    void aContainerThatDoesNotComeBackSaysWhatItWroteLast() {
        container("pg", data);
        engine.containers.get("pg").diesAtStart = true;
        engine.containers.get("pg").ready = false;
        of(data).off(Survivors.NONE);
        assertThatThrownBy(() -> of(data).on())
                .isInstanceOf(ContainerLaunchException.class)
                .hasMessageContaining("The container postgres:17 (pg) has ended with exit code 137")
                .hasMessageContaining("\n  PANIC:  could not locate a valid checkpoint record");
    }

    @Test
    void aDirectoryThatIsLostIsNotMadeAnew() throws Exception {
        container("pg", data);
        of(data).off(Survivors.NONE);
        Files.delete(filesystem.resolve("dblock0/data"));
        assertThatThrownBy(() -> of(data).on())
                .hasMessageContaining("The directory data of dblock0")
                .hasMessageContaining("is gone");
        assertThat(log).doesNotContain("start pg");
    }
}
