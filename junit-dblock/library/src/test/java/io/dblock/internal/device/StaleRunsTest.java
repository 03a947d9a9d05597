// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StaleRunsTest {
    @TempDir
    Path root;

    private Path base;
    private ProcFs proc;
    private final List<String> done = new ArrayList<>();
    private StaleRuns leavings;

    @BeforeEach
    void setUp() throws Exception {
        base = root.resolve("run");
        proc = new ProcFs(root.resolve("proc"));
        process(100, "1111"); // this JVM
        leavings = new StaleRuns(new RunDirectory(base, proc, 100), proc, new StaleRuns.Machine() {
            @Override
            public int detach(KernelPath mountPoint) {
                done.add("detach " + base.relativize(Path.of(mountPoint.toString())));
                return 0;
            }

            @Override
            public void kill(long pid) {
                done.add("kill " + pid);
            }

            @Override
            public void destroyIfAbandoned(String name) {
                done.add("destroy " + name);
            }
        });
    }

    private void process(long pid, String start) throws Exception {
        process(pid, start, "S");
    }

    private void process(long pid, String start, String state) throws Exception {
        Path directory = Files.createDirectories(root.resolve("proc/" + pid));
        // The name of a process may contain blanks and parentheses.
        Files.writeString(
                directory.resolve("stat"),
                pid + " (a) b (c)) " + state + " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 " + start + " 20 21\n");
    }

    private void leave(String owner, String device) throws Exception {
        Files.createDirectories(base.resolve(owner).resolve("mnt").resolve(device));
        Files.createDirectories(base.resolve(owner).resolve("devices"));
        Files.createFile(base.resolve(owner).resolve("devices").resolve(device));
    }

    private void mounts(String... points) throws Exception {
        Path self = Files.createDirectories(root.resolve("proc/self"));
        StringBuilder text = new StringBuilder("20 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        for (String point : points) {
            text.append("30 20 259:0 / " + base.resolve(point) + " rw,noatime shared:1 - ext4 /dev/dblock0 rw\n");
        }
        Files.writeString(self.resolve("mountinfo"), text);
    }

    @Test
    void whatADeadProcessLeftIsCleared() throws Exception {
        leave("200-2222", "dblock0");
        mounts("200-2222/mnt/dblock0", "200-2222/mnt/dblock0/inner");
        assertThat(leavings.clear()).hasSize(3);
        assertThat(done)
                .containsExactly("detach 200-2222/mnt/dblock0/inner", "detach 200-2222/mnt/dblock0", "destroy dblock0");
        assertThat(base.resolve("200-2222")).doesNotExist();
    }

    @Test
    void whatHasTheMountPointGoesToo() throws Exception {
        leave("200-2222", "dblock0");
        mounts("200-2222/mnt/dblock0/disk");
        Path table = root.resolve("proc/self/mountinfo");
        Files.writeString(
                table,
                "25 20 0:50 / " + base.resolve("200-2222/mnt/dblock0") + " ro - tmpfs junit-dblock ro\n"
                        + Files.readString(table));
        assertThat(leavings.clear()).as("told once").hasSize(2);
        assertThat(done)
                .containsExactly("detach 200-2222/mnt/dblock0/disk", "detach 200-2222/mnt/dblock0", "destroy dblock0");
        assertThat(base.resolve("200-2222")).doesNotExist();
    }

    @Test
    void aLivingProcessKeepsItsOwn() throws Exception {
        process(200, "2222");
        leave("200-2222", "dblock0");
        mounts("200-2222/mnt/dblock0");
        assertThat(leavings.clear()).isEmpty();
        assertThat(done).isEmpty();
        assertThat(base.resolve("200-2222/mnt/dblock0")).isDirectory();
    }

    @Test
    void aPidUsedAgainIsAnotherProcess() throws Exception {
        process(200, "9999");
        leave("200-2222", "dblock0");
        mounts();
        leavings.clear();
        assertThat(done).containsExactly("destroy dblock0");
    }

    @Test
    void aZombieIsADeadProcess() throws Exception {
        process(200, "2222", "Z");
        leave("200-2222", "dblock0");
        mounts();
        leavings.clear();
        assertThat(done).containsExactly("destroy dblock0");
    }

    private void server(long pid, String start, String of, String mainClass) throws Exception {
        process(pid, start);
        Files.writeString(
                root.resolve("proc/" + pid + "/cmdline"),
                String.join("\0", "/usr/bin/java", "-cp", "a.jar", mainClass, of) + "\0");
    }

    @Test
    void theServerProcessOfADeadRunIsEndedBeforeItsDevicesAre() throws Exception {
        server(300, "2223", "200", "io.dblock.internal.remote.ServerMain");
        leave("200-2222", "dblock0");
        mounts();
        leavings.clear();
        assertThat(done).containsExactly("kill 300", "destroy dblock0");
    }

    @Test
    void noOtherProcessIsTakenForAServer() throws Exception {
        server(300, "2223", "200", "com.example.Main");
        server(301, "2223", "201", "io.dblock.internal.remote.ServerMain");
        // 302 belongs to another process, which has the owner's pid now. 303 started before the owner.
        process(200, "5000");
        server(302, "5001", "200", "io.dblock.internal.remote.ServerMain");
        server(303, "2221", "200", "io.dblock.internal.remote.ServerMain");
        leave("200-2222", "dblock0");
        mounts();
        leavings.clear();
        assertThat(done).containsExactly("destroy dblock0");
    }

    @Test
    void whatIsNotNamedAsOursIsLeft() throws Exception {
        Files.createDirectories(base.resolve("notes"));
        Files.createDirectories(base.resolve("12-34-56"));
        mounts("../elsewhere");
        assertThat(leavings.clear()).isEmpty();
        assertThat(base.resolve("notes")).exists();
    }

    @Test
    void withoutAnyRunBeforeThereIsNothingToDo() {
        assertThat(leavings.clear()).isEmpty();
    }

    @Test
    void theOwnDirectoryIsMadeAndForgottenDeviceByDevice() {
        RunDirectory own = new RunDirectory(base, proc, 100);
        Path point = own.createMountDirectory("dblock1");
        own.note("dblock1");
        own.note("dblock2");
        assertThat(point).isEqualTo(base.resolve("100-1111/mnt/dblock1")).isDirectory();
        assertThat(own.createMountDirectory("dblock1")).isEqualTo(point);
        assertThat(own.abandoned()).isEmpty();
        own.removeMountDirectory("dblock1");
        own.forget("dblock1");
        assertThat(point).doesNotExist();
        assertThat(base.resolve("100-1111/devices/dblock2")).exists();
        own.removeMountDirectory("dblock2");
        own.forget("dblock2");
        assertThat(base.resolve("100-1111")).doesNotExist();
    }

    @Test
    void theRealProcKnowsThisProcess() {
        ProcFs real = new ProcFs(Path.of("/proc"));
        assertThat(real.startTime(ProcessHandle.current().pid()))
                .get()
                .asString()
                .matches("[0-9]+");
        assertThat(real.startTime(Integer.MAX_VALUE)).isEmpty();
        assertThat(real.pids()).contains(ProcessHandle.current().pid());
        assertThat(real.mounts("self")).isNotEmpty();
    }
}
