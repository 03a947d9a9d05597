// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.Snapshot;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.kernel.KernelPath;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.FakeServedDevice;
import io.dblock.internal.server.FilterSpec;
import io.dblock.power.Survivors;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests of a device on a machine of its own: a {@link UnitHost}, a fake kernel, and a server that can die or stop. */
@Timeout(60)
class LiveDeviceTest {
    private static final long MIB = 1 << 20;
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final Teardown.Limits LIMITS = new Teardown.Limits(
            SHORT, SHORT.multipliedBy(2), SHORT.multipliedBy(4), SHORT.multipliedBy(4), SHORT.multipliedBy(10));

    @TempDir
    Path runs;

    private final FakeKernel kernel = new FakeKernel();
    private final UnitHost host = new UnitHost(kernel);
    private FakeServedDevice served;
    private LiveDevice device;
    private Path directory;
    private Path point;

    @BeforeEach
    void aDeviceWithAFilesystem() {
        make(Filesystem.EXT4, 16 * MIB);
    }

    private void make(Filesystem filesystem, long size) {
        DeviceSpec spec = ((DeviceBuilder)
                        BlockDevice.builder().name("dblock0").size(size).filesystem(filesystem))
                .spec();
        served = new FakeServedDevice(
                kernel,
                DeviceFactory.parameters(spec, java.util.EnumSet.allOf(Operation.class)),
                new FilterSpec(1, true, MIB, 1024));
        served.start();
        device = new LiveDevice(
                served,
                spec,
                Optional.empty(),
                Offspring.of("dblock0"),
                new RunDirectory(runs, new ProcFs(runs.resolve("proc")), 100),
                host,
                LIMITS,
                SHORT);
        directory = runs.resolve("100-0/mnt/dblock0");
        point = directory.resolve("disk");
    }

    @AfterEach
    void nothingIsLeft() {
        served.goOn();
        served.close();
        assertThat(kernel.deviceCount()).as("devices").isZero();
        assertThat(host.in(directory)).as("mounts").isEmpty();
        assertThat(runs.resolve("100-0")).doesNotExist();
    }

    private static void write(FakeKernel kernel) throws Exception {
        Completion completion = submit(kernel).get(20, TimeUnit.SECONDS);
        assertThat(completion.result()).isZero();
    }

    private static CompletableFuture<Completion> submit(FakeKernel kernel) {
        return kernel.submit("dblock0", Batch.OP_WRITE, 0, 0, 4096, new byte[4096], 0);
    }

    // ---- mounting ----

    @Test
    void itIsMountedAboveACoverThatTakesNoData() {
        assertThat(device.mount()).isEqualTo(point);
        assertThat(device.mount()).isEqualTo(point);
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        device.unmount();
        assertThat(host.in(directory)).containsExactly("tmpfs");
        assertThat(device.mountPoint()).isEmpty();
        device.mount();
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        assertThat(device.remount()).isEqualTo(point);
        device.close();
        assertThat(host.in(directory)).isEmpty();
    }

    @Test
    void whatSomebodyElseHasUnmountedLeavesTheCover() {
        device.mount();
        host.unmountForeign(point);
        device.unmount();
        assertThat(host.in(directory)).containsExactly("tmpfs");
        device.close();
    }

    @Test
    void aCoverThatCannotBeMountedIsAnErrorThatSaysWhatItIsFor() {
        host.coverResult = -Errno.EPERM.number();
        assertThatThrownBy(device::mount)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("keeps writes off the mount point")
                .hasMessageContaining("EPERM")
                .hasMessageContaining("needs root");
        assertThat(host.calls).doesNotContain("mount");
        device.close();
    }

    // ---- tenants ----

    /** A container, as the device sees it. */
    private static final class Container implements Tenant {
        boolean running = true;
        RuntimeException refusal;

        @Override
        public Optional<String> using() {
            return running ? Optional.of("the container ledger") : Optional.empty();
        }

        @Override
        public void end() {
            if (refusal != null) {
                throw refusal;
            }
            running = false;
        }
    }

    @Test
    void aTenantThatUsesItKeepsItFromBeingUnmounted() {
        Container container = new Container();
        Tenants.add(device, container);
        device.mount();
        assertThatThrownBy(device::unmount)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("dblock0 is not unmounted")
                .hasMessageContaining("the container ledger")
                .hasMessageContaining("before unmount()");
        assertThatThrownBy(device::remount).hasMessageContaining("before remount()");
        assertThat(device.mountPoint()).contains(point);
        container.running = false;
        device.remount();
        device.close();
    }

    @Test
    void aTenantThatUsesItKeepsThePowerOff() {
        Container container = new Container();
        Tenants.add(device, container);
        device.mount();
        device.powerCut();
        assertThatThrownBy(device::restorePower)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("The power of dblock0 stays off")
                .hasMessageContaining("the container ledger");
        assertThat(device.powered()).isFalse();
        container.running = false;
        device.restorePower();
        assertThat(device.mountPoint()).contains(point);
        device.close();
    }

    @Test
    void aTenantThatStillUsesItIsEndedAndNamedWhenItIsClosed() {
        Container container = new Container();
        Tenants.add(device, container);
        device.mount();
        assertThatThrownBy(device::close)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("dblock0 was still in use when it was closed:")
                .hasMessageContaining("the container ledger. It has been stopped");
        assertThat(container.running).isFalse();
        assertThat(host.calls).as("the removal by force").doesNotContain("destroy");
    }

    @Test
    void aTenantThatCannotBeEndedIsNamedWithTheReason() {
        Container container = new Container();
        container.refusal = new IllegalStateException("the engine is gone");
        Tenants.add(device, container);
        assertThatThrownBy(device::close)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("the container ledger. It could not be stopped: the engine is gone");
    }

    @Test
    void aTenantThatHasEndedIsNoMatter() {
        Container container = new Container();
        container.running = false;
        Tenants.add(device, container);
        Tenants.add(device, container);
        assertThat(Tenants.of(device)).containsExactly(container);
        device.mount();
        device.unmount();
        device.close();
    }

    // ---- power ----

    @Test
    void nothingButRestorePowerRestoresThePower() {
        device.mount();
        device.powerCut();
        for (Runnable call : List.<Runnable>of(device::mount, device::remount)) {
            assertThatThrownBy(call::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("The power of dblock0 is off: call restorePower() before ");
        }
        assertThat(device.powered()).isFalse();
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");

        device.restorePower();

        assertThat(device.powered()).isTrue();
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        device.close();
    }

    @Test
    void anUnmountedDiskIsNotMountedWithThePower() {
        device.mount();
        device.powerCut();
        device.unmount();
        device.restorePower();
        assertThat(device.mountPoint()).isEmpty();
        device.close();
    }

    @Test
    void whatKeepsThePowerOffIsNamedAndTheDiskIsMountedInTheEnd() {
        device.mount();
        host.mountForeign("dblock0", KernelPath.of(Path.of("/mnt/other")));
        device.powerCut();
        assertThatThrownBy(device::restorePower)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("The power of dblock0 stays off")
                .hasMessageContaining("it is mounted at /mnt/other");
        assertThat(device.powered()).isFalse();
        host.unmountForeign(Path.of("/mnt/other"));

        device.restorePower();

        assertThat(device.mountPoint()).contains(point);
        device.close();
    }

    @Test
    void whatIsUnmountedBeforeASecondTryStaysUnmounted() {
        device.mount();
        host.mountForeign("dblock0", KernelPath.of(Path.of("/mnt/other")));
        device.powerCut();
        assertThatThrownBy(device::restorePower).isInstanceOf(LeakException.class);
        host.unmountForeign(Path.of("/mnt/other"));
        device.unmount();
        device.restorePower();
        assertThat(device.mountPoint()).isEmpty();
        device.close();
    }

    @Test
    void aMappedFileKeepsThePowerOffAndTheMessageSaysWhatCanBeDone() {
        device.mount();
        device.powerCut();
        host.users.put(point.toString(), List.of("this JVM (pid 100) has mapped " + point + "/file"));
        assertThatThrownBy(device::restorePower)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("The power of dblock0 stays off")
                .hasMessageContaining("Close these before restorePower()")
                .hasMessageContaining("A mapping cannot be closed in Java 17");
        assertThat(device.powered()).isFalse();
        host.users.clear();
        device.close();
    }

    @Test
    void aRuleThatCutsThePowerInTheMountIsNamed() {
        device.faults().on(Operation.WRITE).named("cutter").powerCut(Survivors.NONE);
        host.inMount = () -> {
            try {
                submit(kernel).get(20, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
            throw new DblockException("can't read superblock");
        };
        assertThatThrownBy(device::mount)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("The power of dblock0 was cut while it was mounted, by the fault rule \"cutter\"")
                .hasMessageContaining("times(1)")
                .hasMessageContaining("can't read superblock");
        device.close();
    }

    @Test
    void aMountThatFailsOtherwiseFailsForItsOwnReason() {
        host.inMount = () -> {
            throw new DblockException("wrong fs type");
        };
        assertThatThrownBy(device::mount).hasMessage("wrong fs type");
        device.close();
    }

    // ---- space and names ----

    private List<Map.Entry<String, Runnable>> inFilesystem() {
        return List.of(
                Map.entry("fill()", () -> device.fill(0)),
                Map.entry("fillInodes()", device::fillInodes),
                Map.entry("free()", device::free),
                Map.entry("syncNames()", device::syncNames));
    }

    private void assertAllRefuse(String why) {
        inFilesystem().forEach(call -> assertThatThrownBy(call.getValue()::run)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(why.formatted(call.getKey())));
        assertThat(host.calls).doesNotContain("fill 0", "fill inodes", "free", "sync names");
    }

    @Test
    void aMountedFilesystemIsFilledAndFreedAndItsNamesAreMadeDurable() {
        device.mount();
        host.calls.clear();
        device.fill("1MiB");
        inFilesystem().forEach(call -> call.getValue().run());
        assertThat(host.calls).containsExactly("fill 1048576", "fill 0", "fill inodes", "free", "sync names");
        device.close();
    }

    @Test
    void aFilesystemThatIsNotMountedIsNotFilledAndTheMessageSaysWhatToDo() {
        assertAllRefuse("dblock0 is not mounted: call mount() before %s.");
        device.close();
        assertAllRefuse("dblock0 is closed");
    }

    @Test
    void aFilesystemWithoutPowerIsNotFilled() {
        device.mount();
        device.powerCut();
        assertAllRefuse("The power of dblock0 is off: call restorePower() before %s.");
        device.close();
    }

    @Test
    void aDeviceWithoutAFilesystemIsNotFilled() {
        device.close();
        make(Filesystem.NONE, MIB);
        assertAllRefuse("dblock0 has no filesystem, so %s has nothing to do");
        device.close();
    }

    @Test
    void lessThanNothingCannotBeLeft() {
        device.mount();
        assertThatThrownBy(() -> device.fill(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("leaveBytes is -1")
                .hasMessageContaining("Allowed: 0");
        device.close();
    }

    // ---- caches ----

    @Test
    void cachesAreDroppedAlthoughDataCouldNotBeWrittenAndTheLossIsToldOnce() {
        device.mount();
        host.filesResult = -Errno.EIO.number();
        device.dropCaches();
        assertThat(host.calls).endsWith("sync", "flush", "drop");
        assertThat(device.incidents())
                .singleElement()
                .asString()
                .contains("dropCaches() found that writing cached data to dblock0 had failed: EIO");
        device.dropCaches();
        assertThat(device.incidents()).hasSize(1);
        device.close();
    }

    @Test
    void aRemountTellsOfALossToo() {
        device.mount();
        host.nodeResult = -Errno.ENOSPC.number();
        device.remount();
        assertThat(device.incidents()).singleElement().asString().contains("remount()", "ENOSPC");
        assertThat(host.in(directory)).containsExactly("tmpfs", "ext4");
        device.close();
    }

    @Test
    void thatACutHasLostDataIsNoIncident() {
        device.mount();
        device.powerCut();
        host.nodeResult = -Errno.EIO.number();
        device.restorePower();
        assertThat(device.incidents()).isEmpty();
        device.close();
    }

    // ---- size ----

    @Test
    void whatMkfsNeedsIsALimitForFormatAlone() throws Exception {
        served.close();
        make(Filesystem.XFS, 320 * MIB);
        device.resize(256 * MIB);
        assertThat(device.size()).isEqualTo(256 * MIB);
        assertThat(device.spec().size()).isEqualTo(256 * MIB);
        try (Snapshot snapshot = device.snapshot()) {
            assertThat(snapshot.size()).isEqualTo(256 * MIB);
        }
        assertThatThrownBy(device::format)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("XFS needs at least 300MiB");
        assertThat(host.calls).doesNotContain("format");
        device.resize(320 * MIB);
        device.format();
        assertThat(host.calls).contains("format");
        device.close();
    }

    @Test
    void aResizeThatFailsLeavesTheSizeThatTheDiskHas() throws Exception {
        assertThatThrownBy(() -> device.resize(100)).isInstanceOf(IllegalArgumentException.class);
        assertThat(device.size()).isEqualTo(16 * MIB);
        // The server has made the change, but its answer is lost.
        served.answerAfterwards(() -> {
            throw new DblockException("The server process is gone.");
        });
        assertThatThrownBy(() -> device.resize(8 * MIB)).hasMessageContaining("is gone");
        assertThat(device.size()).isEqualTo(8 * MIB);
        assertThatThrownBy(() -> device.setReadOnly(true)).hasMessageContaining("is gone");
        assertThat(device.spec().readOnly()).isTrue();
        served.goOn();
        try (Snapshot snapshot = device.snapshot()) {
            assertThat(snapshot.size()).isEqualTo(8 * MIB);
        }
        device.close();
    }

    // ---- the end ----

    @Test
    void closedItIsGoneAndClosedAgainNothingHappens() throws Exception {
        device.mount();
        write(kernel);
        device.close();
        device.close();
        assertThat(kernel.deviceCount()).isZero();
        assertThat(host.calls).containsOnlyOnce("unmount").doesNotContain("destroy");
        assertThat(device.statistics().writes()).isEqualTo(1);
        assertThat(device.incidents()).isEmpty();
        assertThatThrownBy(device::mount).hasMessageContaining("is closed");
        assertThatThrownBy(() -> device.resize(MIB)).hasMessageContaining("is closed");
    }

    @Test
    void withADeadServerItIsUnmountedAndDestroyedAllTheSame() {
        device.mount();
        served.die();
        assertThatThrownBy(device::close)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("The server process is gone");
        assertThat(kernel.deviceCount()).isZero();
        assertThat(host.calls).contains("unmount", "destroy");
    }

    @Test
    void withAStoppedServerItIsUnmountedAndDestroyedAllTheSame() {
        device.mount();
        served.stop();
        assertThatThrownBy(device::close)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("removed by force")
                .hasMessageContaining("does not answer");
        assertThat(kernel.deviceCount()).isZero();
        assertThat(host.calls).contains("unmount", "destroy");
        assertThat(device.incidents()).isNotEmpty();
    }

    @Test
    void whatIsUnexpectedlyThrownKeepsNoStepFromBeingTried() {
        device.mount();
        served.answerBy(() -> {
            throw new java.nio.file.InvalidPathException("x", "a step failed");
        });
        host.inUnmount = () -> {
            throw new IllegalStateException("unmounting failed");
        };
        assertThatThrownBy(device::close).isInstanceOf(DblockException.class).satisfies(thrown -> assertThat(thrown)
                .hasMessageContaining("unmounting failed"));
        assertThat(kernel.deviceCount()).isZero();
        assertThat(host.calls).contains("detach", "destroy");
    }

    @Test
    void whoUsesItIsNamedAndLosesIt() {
        device.mount();
        host.users.put(point.toString(), List.of("pid 7 (tail -f) has open " + point + "/log"));
        assertThatThrownBy(device::close)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("pid 7 (tail -f) has open")
                .hasMessageNotContaining("mapping");
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void mountsOfOthersAreTakenAwayWhateverTheyAreCalled() {
        KernelPath odd = new KernelPath("/mnt/M\u00c3\u00bcsik");
        host.mountForeign("dblock0", odd);
        assertThatThrownBy(device::close)
                .isInstanceOf(LeakException.class)
                .hasMessageContaining("it is mounted at /mnt/M");
        assertThat(host.mounts()).hasSize(1);
    }

    @Test
    void unpluggedItIsGoneWhetherItsServerAnswersOrNot() {
        served.stop();
        device.unplug();
        assertThat(kernel.deviceCount()).isZero();
        assertThat(host.calls).contains("destroy");
        assertThat(device.oldestRequest()).isZero();
        assertThatThrownBy(device::close).isInstanceOf(DblockException.class);
        device.unplug();
    }

    @Test
    void theRulesThatHoldRequestsAreNamed() throws Exception {
        Fault hold = device.faults().on(Operation.WRITE).named("forgotten").hold();
        CompletableFuture<Completion> held = submit(kernel);
        hold.awaitHit(Duration.ofSeconds(20));
        assertThat(device.heldBy())
                .singleElement()
                .asString()
                .contains("a fault rule holds 1 of its requests: \"forgotten\"");
        served.stop();
        assertThat(device.heldBy()).isEmpty();
        served.goOn();
        device.close();
        assertThat(held.get(20, TimeUnit.SECONDS).result()).isEqualTo(-Errno.EIO.number());
    }
}
