// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.FakeServedDevice;
import io.dblock.internal.server.FilterSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests of the steps of a teardown when a step waits for the disk or fails. */
@Timeout(60)
class TeardownTest {
    private static final Path NODE = Path.of("/dev/dblock0");
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final Duration SHORT = Duration.ofMillis(300);

    @TempDir
    Path runs;

    private final FakeKernel kernel = new FakeKernel();
    private final UnitHost host = new UnitHost(kernel);
    private final List<String> notes = new CopyOnWriteArrayList<>();
    private final List<String> steps = new ArrayList<>();
    private final Tenants tenants = new Tenants();
    private FakeServedDevice served;
    private DeviceMounts mounts;
    private CompletableFuture<Completion> request = CompletableFuture.completedFuture(null);
    private long submitted;

    @BeforeEach
    void aMountedDevice() {
        DeviceSpec spec = ((DeviceBuilder)
                        BlockDevice.builder().name("dblock0").size("1MiB").filesystem(Filesystem.EXT4))
                .spec();
        served = new FakeServedDevice(
                kernel,
                DeviceFactory.parameters(spec, EnumSet.allOf(Operation.class)),
                new FilterSpec(1, true, 1 << 20, 1024));
        served.start();
        mounts = new DeviceMounts(
                served, () -> spec, "dblock0", new RunDirectory(runs, new ProcFs(runs.resolve("proc")), 100), host);
        mounts.mount();
    }

    @AfterEach
    void nothingIsLeft() {
        served.goOn();
        served.close();
        assertThat(kernel.deviceCount()).as("devices").isZero();
        assertThat(host.mounts()).as("mounts").hasSize(1);
    }

    /** Makes the unmount write to the disk and wait for this request. */
    private void unmountingWrites() {
        submitted = System.nanoTime();
        request = kernel.submit("dblock0", Batch.OP_WRITE, 0, 0, 512, new byte[512], 0);
        host.inUnmount = () -> {
            try {
                request.get(50, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        };
    }

    private int mountsAtClose;

    private Duration oldest() {
        return request.isDone() ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - submitted);
    }

    private Teardown teardown(Teardown.Limits limits) {
        return new Teardown(
                served,
                mounts,
                tenants,
                NODE,
                this::oldest,
                new Removal(served, host, SHORT),
                () -> {
                    steps.add("close");
                    mountsAtClose = host.mounts().size();
                    served.close();
                },
                notes::add,
                limits);
    }

    @Test
    void whatNobodyUsesIsTakenAwayInOrder() {
        Teardown teardown = teardown(new Teardown.Limits(LONG, LONG, LONG, LONG, LONG));
        teardown.run();
        assertThatCode(teardown::report).doesNotThrowAnyException();
        assertThat(host.calls).containsExactly("mount", "unmount", "detach"); // the cover is what is detached
        assertThat(steps).containsExactly("close");
        assertThat(mountsAtClose)
                .as("mounts when the disk is gone, whose name the next one may have")
                .isEqualTo(1);
        assertThat(notes).isEmpty();
    }

    @Test
    void rulesThatKeepUnmountingWaitingAreRemovedAndNamed() throws Exception {
        Fault hold = served.faults().on(Operation.WRITE).named("forgotten").hold();
        served.faults().on(Operation.READ).named("harmless").lenient().fail(Errno.EIO);
        unmountingWrites();
        hold.awaitHit(LONG);
        Teardown teardown = teardown(new Teardown.Limits(SHORT, LONG, LONG, LONG, LONG));
        teardown.run();
        assertThatCode(teardown::report).doesNotThrowAnyException();
        assertThat(request.get().result()).isZero();
        assertThat(notes)
                .singleElement()
                .asString()
                .contains("umount ")
                .contains("forgotten")
                .doesNotContain("harmless");
        assertThat(host.calls).doesNotContain("destroy");
    }

    @Test
    void aDiskThatDoesNotAnswerIsRemovedByForceAndThatIsAFailure() throws Exception {
        Fault hold = served.faults().on(Operation.WRITE).hold();
        unmountingWrites();
        hold.awaitHit(LONG);
        Teardown teardown = teardown(new Teardown.Limits(LONG, SHORT, LONG, LONG, LONG));
        teardown.run();
        assertThatThrownBy(teardown::report)
                .hasMessageContaining("dblock0 has been removed by force when it was closed: umount")
                .hasMessageContaining("had not answered");
        assertThat(request.get().result()).isNegative();
        assertThat(notes).hasSize(1);
        assertThat(steps).containsExactly("close");
    }

    @Test
    void aDiskWhoseServerDoesNotAnswerEitherIsRemovedAllTheSame() throws Exception {
        Fault hold = served.faults().on(Operation.WRITE).hold();
        unmountingWrites();
        hold.awaitHit(LONG);
        served.stop();
        Teardown teardown = teardown(new Teardown.Limits(SHORT, SHORT.multipliedBy(2), LONG, LONG, LONG));
        teardown.run();
        assertThatThrownBy(teardown::report)
                .hasMessageContaining("removed by force")
                .satisfies(thrown -> assertThat(thrown.getSuppressed())
                        .anySatisfy(other -> assertThat(other).hasMessageContaining("has not been freed within")));
        assertThat(request.get().result()).isNegative();
        assertThat(notes).first().asString().contains("whose server does not answer either");
        assertThat(host.calls).contains("destroy");
        assertThat(steps).containsExactly("close");
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void whatIsThrownByAnyStepIsReportedAndTheOthersAreTried() {
        host.inUnmount = () -> {
            throw new java.nio.file.InvalidPathException("x", "unmounting failed");
        };
        served.die();
        Teardown teardown = teardown(new Teardown.Limits(LONG, LONG, LONG, LONG, LONG));
        teardown.run();
        assertThatThrownBy(teardown::report)
                .hasMessageContaining("unmounting failed")
                .satisfies(thrown -> assertThat(thrown.getSuppressed()).hasSizeGreaterThanOrEqualTo(2));
        assertThat(host.calls).contains("detach", "destroy");
        assertThat(steps).containsExactly("close");
    }

    @Test
    void whatWasRemovedByForceBeforeIsReportedAndTheStepsAreStillDone() {
        Removal removal = new Removal(served, host, SHORT);
        served.die();
        assertThat(removal.byForce()).get().asString().contains("is gone");
        assertThat(kernel.deviceCount()).isZero();
        Teardown teardown = teardown(new Teardown.Limits(LONG, LONG, LONG, LONG, LONG));
        teardown.force("a test wants it");
        teardown.run();
        assertThatThrownBy(teardown::report)
                .hasMessageContaining("removed by force when it was closed: a test wants it");
    }
}
