// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Fault;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.server.StoreSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests that objects sent by reference behave as the originals do, and that none of them leaks. */
@Timeout(120)
class ReferencesTest {
    private static final int SIZE = 1 << 20;
    private static final FilterSpec FILTERS = new FilterSpec(1, true, 1 << 20, 1024);
    private static final Duration LONG = Duration.ofSeconds(60);

    private final FakeKernel kernel = new FakeKernel();

    @AutoClose
    private final RemoteServerPair pair = new RemoteServerPair(kernel);

    private ServedDevice started() {
        ServedDevice device = pair.remote.create(
                new DeviceParameters("", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of()),
                FILTERS,
                new StoreSpec(SIZE, 512, Optional.empty(), Optional.empty()));
        device.start();
        return device;
    }

    private CompletableFuture<FakeKernel.Completion> write(ServedDevice device, long offset) {
        return kernel.submit(device.created().name(), Batch.OP_WRITE, 0, offset, 512, new byte[512], 0);
    }

    @Test
    void ofOneRuleAllAreEqualAndOfTwoNone() {
        try (ServedDevice device = started()) {
            Fault first =
                    device.faults().on(Operation.READ).named("first").lenient().fail(Errno.EIO);
            Fault second = device.faults().on(Operation.READ).lenient().fail(Errno.EIO);
            assertThat(first)
                    .isEqualTo(device.faults().find("first").orElseThrow())
                    .hasSameHashCodeAs(device.faults().list().get(0))
                    .isNotEqualTo(second)
                    .isNotEqualTo(null)
                    .isNotEqualTo("first");
            assertThat(first.toString()).contains("first").contains("0 hits");
        }
    }

    @Test
    void ofAHeldRequestOneIsLetGoAndTheOtherFails() throws Exception {
        try (ServedDevice device = started()) {
            Fault hold = device.faults().on(Operation.WRITE).hold();
            CompletableFuture<FakeKernel.Completion> first = write(device, 0);
            hold.awaitHit(LONG);
            CompletableFuture<FakeKernel.Completion> second = write(device, 512);
            hold.awaitHits(2, LONG);
            List<HeldRequest> held = hold.held();
            assertThat(held).isEqualTo(hold.held()).hasSize(2);
            assertThat(held.get(1).info().offset()).isEqualTo(512);
            assertThat(held.get(1).heldFor()).isPositive();
            held.get(1).fail(Errno.ENOSPC);
            assertThat(second.get(20, SECONDS).result()).isEqualTo(-Errno.ENOSPC.number());
            assertThatThrownBy(() -> held.get(1).release()).isExactlyInstanceOf(IllegalStateException.class);
            held.get(0).release();
            assertThat(first.get(20, SECONDS).result()).isZero();
        }
    }

    @Test
    void aWaitForAHitEndsWithItsTimeAndSaysWhy() {
        try (ServedDevice device = started()) {
            Fault fault = device.faults().on(Operation.READ).lenient().fail(Errno.EIO);
            assertThatThrownBy(() -> fault.awaitHit(Duration.ofMillis(50)))
                    .isExactlyInstanceOf(AssertionError.class)
                    .hasMessageContaining("0 of 1 requests within 50 ms");
        }
    }

    /** A workload cannot be sent, so the test JVM waits for it. */
    @Test
    void aWaitForAHitEndsWithTheWorkload() throws Exception {
        try (ServedDevice device = started()) {
            Fault hold = device.faults().on(Operation.WRITE).hold();
            CompletableFuture<Void> workload = CompletableFuture.runAsync(
                    () -> write(device, 0).orTimeout(60, SECONDS).join());
            assertThat(hold.awaitHit(workload, LONG)).isTrue();
            assertThat(workload).isNotDone();
            hold.release();
            assertThat(hold.awaitHits(2, workload, LONG)).isFalse();
            IllegalStateException own = new IllegalStateException("its own");
            assertThatThrownBy(() -> hold.awaitHits(2, CompletableFuture.failedFuture(own), LONG))
                    .isSameAs(own);
            assertThatThrownBy(() -> hold.awaitHits(2, new CompletableFuture<>(), Duration.ofMillis(50)))
                    .isExactlyInstanceOf(AssertionError.class)
                    .hasMessageContaining("neither has the workload ended")
                    .hasMessageContaining("1 of 2 requests");
        }
    }

    @Test
    void nothingIsLeftOfADeviceThatIsClosed() throws Exception {
        List<ServedDevice> devices = List.of(started(), started());
        for (ServedDevice device : devices) {
            device.faults().on(Operation.READ).matching(request -> true).fail(Errno.EIO);
            Fault hold = device.faults().on(Operation.WRITE).hold();
            CompletableFuture<FakeKernel.Completion> held = write(device, 0);
            hold.awaitHit(LONG);
            assertThat(hold.held()).hasSize(1);
            assertThat(held).isNotDone();
        }
        devices.get(0).close();
        assertThat(pair.references()).as("of the other device").isPositive();
        devices.get(1).close();
        assertThat(pair.references()).isZero();
    }

    @Test
    void aSnapshotOutlivesItsDeviceAndNothingIsLeftOfItWhenItIsClosed(@TempDir Path directory) throws Exception {
        ServedDevice device = started();
        ServedSnapshot snapshot = device.snapshot();
        device.close();
        assertThat(pair.references()).as("the snapshot").isEqualTo(1);
        assertThat(snapshot.read(0, 512)).hasSize(512);
        // A proxy that is sent back is the server's own object.
        Path image = directory.resolve("image");
        snapshot.save(image);
        assertThat(image).hasSize(SIZE);
        snapshot.close();
        assertThatThrownBy(() -> snapshot.read(0, 512)).isExactlyInstanceOf(IllegalStateException.class);
        assertThat(pair.references()).isZero();
    }

    @Test
    void nothingIsLeftHereOfADeviceWhoseServerDied() {
        ServedDevice device = started();
        device.faults().on(Operation.READ).matching(request -> true).fail(Errno.EIO);
        pair.die();
        assertThatThrownBy(device::close).hasMessageContaining("is gone");
        assertThat(pair.remote.references().size()).isZero();
    }

    @Test
    void aPredicateOfARuleThatIsRefusedIsNotKept() {
        try (ServedDevice device = started()) {
            assertThatThrownBy(() -> device.faults()
                            .on(Operation.READ)
                            .bytes(2 * SIZE, 512)
                            .matching(request -> true)
                            .fail(Errno.EIO))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(pair.remote.references().size()).isZero();
        }
    }

    @Test
    void aRuleOfAClosedDeviceSaysWhatItSaidLast() throws Exception {
        ServedDevice device = started();
        Fault bad = device.faults().on(Operation.WRITE).named("bad").fail(Errno.ENOSPC);
        assertThat(write(device, 0).get(20, SECONDS).result()).isEqualTo(-Errno.ENOSPC.number());
        device.close();
        assertThat(bad.name()).isEqualTo("bad");
        assertThat(bad.hits()).isEqualTo(1);
        assertThat(bad.rule().name()).isEqualTo("bad");
        assertThat(bad.held()).isEmpty();
        assertThat(bad.toString()).contains("1 hit");
        assertThat(device.faults().history()).containsExactly(bad);
        assertThat(device.faults().history().get(0).hits()).isEqualTo(1);
        bad.close();
        bad.release();
        device.faults().clear();
        assertThatThrownBy(() -> device.faults().seed(2))
                .isExactlyInstanceOf(IllegalStateException.class)
                .hasMessage("The device is closed.");
        assertThatThrownBy(() -> bad.replace(bad.rule())).isExactlyInstanceOf(IllegalStateException.class);
    }

    @Test
    void ofVeryManyThoseThatWereUsedLastAreKnown() {
        try (ServedDevice device = started()) {
            Fault old = device.faults().on(Operation.READ).lenient().fail(Errno.EIO);
            Fault used = device.faults().on(Operation.READ).lenient().fail(Errno.EIO);
            List<Fault> others = new ArrayList<>();
            for (int i = 0; i < References.MOST; i++) {
                try (Fault other = device.faults().on(Operation.READ).lenient().fail(Errno.EIO)) {
                    others.add(other);
                }
                assertThat(used.isArmed()).isTrue();
            }
            assertThat(others.get(others.size() - 1).isArmed()).isFalse();
            assertThatThrownBy(old::isArmed)
                    .isExactlyInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has not been used for so long");
            assertThat(pair.references())
                    .as("the rules, and the device, its recorder and its set of rules")
                    .isEqualTo(References.MOST + 3);
            assertThat(device.faults().list().get(0).isArmed()).isTrue();
        }
    }
}
