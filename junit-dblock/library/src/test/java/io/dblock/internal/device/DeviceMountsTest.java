// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.FakeServedDevice;
import io.dblock.internal.server.FilterSpec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DeviceMountsTest {
    private static final DeviceMounts.Caller AT_ONCE = new DeviceMounts.Caller() {
        @Override
        public <T> T call(String what, Supplier<T> call) {
            return call.get();
        }
    };

    @TempDir
    Path runs;

    private final FakeKernel kernel = new FakeKernel();
    private final UnitHost host = new UnitHost(kernel);
    private FakeServedDevice served;
    private DeviceMounts mounts;
    private Path directory;
    private Path point;

    @BeforeEach
    void aDevice() {
        DeviceSpec spec = new DeviceBuilder()
                .name("dblock0")
                .size("1MiB")
                .filesystem(Filesystem.EXT4)
                .spec();
        served = new FakeServedDevice(
                kernel,
                DeviceFactory.parameters(spec, EnumSet.allOf(Operation.class)),
                new FilterSpec(1, true, 1 << 20, 1024));
        served.start();
        mounts = new DeviceMounts(
                served, () -> spec, "dblock0", new RunDirectory(runs, new ProcFs(runs.resolve("proc")), 100), host);
        directory = runs.resolve("100-0/mnt/dblock0");
        point = directory.resolve("disk");
    }

    @AfterEach
    void nothingIsLeft() {
        served.close();
        assertThat(kernel.deviceCount()).as("devices").isZero();
    }

    @Test
    void theCoverIsBelowTheDiskAndStaysUntilTheEnd() {
        assertThat(mounts.mount()).isEqualTo(point);
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        assertThat(mounts.tryUnmount(false, AT_ONCE)).isEmpty();
        assertThat(mounts.point()).isEmpty();
        assertThat(host.in(directory)).containsExactly("tmpfs");

        mounts.mount();
        assertThat(host.in(directory))
                .as("one cover, however often it is mounted")
                .containsExactly("tmpfs", "ext4");
        assertThat(mounts.tryUnmount(false, AT_ONCE)).isEmpty();
        mounts.uncover();
        assertThat(host.in(directory)).isEmpty();
    }

    @Test
    void withoutACoverNothingIsMounted() {
        host.coverResult = -Errno.EPERM.number();
        assertThatThrownBy(mounts::mount)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("EPERM")
                .hasMessageContaining("Mounting needs root");
        assertThat(mounts.point()).isEmpty();
        assertThat(host.calls).doesNotContain("mount");
    }

    @Test
    void aFailedMountLeavesTheCoverAlone() {
        host.inMount = () -> {
            throw new DblockException("mount failed");
        };
        assertThatThrownBy(mounts::mount).hasMessage("mount failed");
        assertThat(mounts.point()).isEmpty();
        assertThat(host.in(directory)).containsExactly("tmpfs");
        mounts.uncover();
        assertThat(host.in(directory)).isEmpty();
    }

    @Test
    void whoKeepsItBusyIsNamedAndItStaysMounted() {
        mounts.mount();
        host.users.put(point.toString(), List.of("pid 7 (tail -f) has open " + point + "/log"));
        assertThat(mounts.tryUnmount(false, AT_ONCE)).containsExactly("pid 7 (tail -f) has open " + point + "/log");
        assertThat(mounts.point()).contains(point);
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        mounts.detach(KernelPath.of(point), AT_ONCE);
        assertThat(mounts.point()).isEmpty();
        assertThat(host.in(directory)).containsExactly("tmpfs");
    }

    @Test
    void whatSomebodyElseHasUnmountedIsUnmountedAndTheCoverStays() {
        mounts.mount();
        host.unmountForeign(point);
        assertThat(mounts.tryUnmount(false, AT_ONCE)).isEmpty();
        assertThat(mounts.point()).isEmpty();
        assertThat(host.in(directory)).containsExactly("tmpfs");
    }

    @Test
    void mountsOfOthersAreFoundInnermostFirst() {
        KernelPath outer = KernelPath.of(Path.of("/mnt/outer"));
        KernelPath inner = KernelPath.of(Path.of("/mnt/outer/inner"));
        mounts.mount();
        host.mountForeign("dblock0", outer);
        host.mountForeign("dblock0", inner);
        assertThat(mounts.foreign()).extracting(ProcFs.Mount::point).containsExactly(inner, outer);
    }

    @Test
    void whatOthersHadMountedIsKnownAfterTheDeviceIsGone() {
        KernelPath outer = KernelPath.of(Path.of("/mnt/outer"));
        KernelPath inner = KernelPath.of(Path.of("/mnt/outer/inner"));
        host.mountForeign("dblock0", outer);
        host.mountForeign("dblock0", inner);
        mounts.remember();
        served.destroy(true);
        host.unmountForeign(Path.of("/mnt/outer/inner"));
        assertThat(mounts.foreign()).extracting(ProcFs.Mount::point).containsExactly(outer);
    }
}
