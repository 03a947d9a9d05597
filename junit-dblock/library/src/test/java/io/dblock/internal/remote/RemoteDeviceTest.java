// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.server.StoreSpec;
import io.dblock.power.Survivors;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests of devices whose server stops, goes on, or dies. */
@Timeout(120)
class RemoteDeviceTest {
    private static final int SIZE = 1 << 20;

    private final FakeKernel kernel = new FakeKernel();

    @AutoClose
    private final RemoteServerPair pair = new RemoteServerPair(kernel);

    private static DeviceParameters parameters(int logicalBlock) {
        return new DeviceParameters(
                "", SIZE, logicalBlock, logicalBlock, logicalBlock, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    }

    private ServedDevice create(int logicalBlock) {
        return pair.remote.create(
                parameters(logicalBlock),
                new FilterSpec(1, true, 1 << 20, 1024),
                new StoreSpec(SIZE, logicalBlock, Optional.empty(), Optional.empty()));
    }

    private ServedDevice started() {
        ServedDevice device = create(512);
        device.start();
        return device;
    }

    private CompletableFuture<FakeKernel.Completion> write(ServedDevice device) {
        return kernel.submit(device.created().name(), Batch.OP_WRITE, 0, 0, 512, new byte[512], 0);
    }

    @Test
    void theLifeOfADeviceThatStartsAtOnceTakesTwoCallsOfTheServer() {
        int before = pair.writes.get();
        ServedDevice device = pair.remote.create(
                parameters(512).with(DeviceParameters.Flag.AUTO_START),
                new FilterSpec(1, true, 1 << 20, 1024),
                new StoreSpec(SIZE, 512, Optional.empty(), Optional.empty()));
        assertThat(device.info().state()).isEqualTo(DeviceInfo.State.LIVE);
        assertThat(device.evidence().neverActed()).isEmpty();
        device.destroyToClose();
        device.close();
        assertThat(device.failures()).isEmpty();
        assertThat(pair.writes.get() - before).isEqualTo(2);
        assertThat(kernel.openSessions()).isZero();
        assertThat(pair.references()).isZero();
    }

    @Test
    void theServerIsAskedWhatTheRulesHaveDoneAsSoonAsThereWasOne() {
        ServedDevice device = started();
        device.faults().on(Operation.WRITE).fail(Errno.EIO).close();
        assertThat(device.evidence().neverActed()).hasSize(1);
    }

    @Test
    void theServerIsAskedWhatACutHadToChooseFrom() {
        ServedDevice cut = started();
        cut.powerCut(Survivors.random());
        assertThat(cut.evidence().choices().asked()).isEqualTo(1);
        ServedDevice looked = started();
        looked.snapshot(Survivors.random()).close();
        assertThat(looked.evidence().choices().asked()).isEqualTo(1);
        ServedDevice joined = started();
        ServedDevice other = started();
        pair.remote.joinPower(List.of(joined, other));
        other.powerCut(Survivors.random());
        assertThat(joined.evidence().choices().asked()).isEqualTo(1);
    }

    @Test
    void anOpenDiskIsNotRemovedToClose() throws Exception {
        ServedDevice device = started();
        kernel.setOpeners(device.created().name(), 1);
        assertThatThrownBy(device::destroyToClose)
                .isInstanceOfSatisfying(ControlException.class, refused -> assertThat(refused.is(Errno.EBUSY))
                        .isTrue());
        assertThat(write(device).get(20, SECONDS).result()).isZero();
        kernel.setOpeners(device.created().name(), 0);
        device.destroyToClose();
        device.destroyToClose();
        device.destroy(true);
        device.close();
        assertThat(device.journal().requests()).hasSize(1);
        assertThat(device.statistics().writes()).isEqualTo(1);
    }

    @Test
    void ifTheServerIsStoppedTheModuleRemovesTheDiskToClose() {
        ServedDevice device = started();
        pair.stop();
        device.destroyToClose();
        assertThat(kernel.deviceCount()).isZero();
        assertThatThrownBy(device::close).hasMessageContaining("does not answer, so close() is not possible");
    }

    @Test
    void aStoppedServerIsWaitedForOnceAndTheModuleDoesWhatItCan() {
        ServedDevice device = started();
        pair.stop();
        assertThatThrownBy(device::powered).hasMessageContaining("does not answer, so powered() is not possible");
        int looks = pair.peer.looks();
        for (int i = 0; i < 100; i++) {
            assertThatThrownBy(device::statistics).isExactlyInstanceOf(DblockException.class);
            assertThatThrownBy(() -> device.faults().unused()).isExactlyInstanceOf(DblockException.class);
            assertThatThrownBy(() -> device.journal().requests()).isExactlyInstanceOf(DblockException.class);
        }
        assertThat(pair.peer.looks() - looks).as("looks at the process").isEqualTo(300);
        assertThat(device.info().state()).isEqualTo(DeviceInfo.State.LIVE);

        kernel.setOpeners(device.created().name(), 1);
        assertThatThrownBy(() -> device.destroy(false))
                .isInstanceOfSatisfying(ControlException.class, refused -> assertThat(refused.is(Errno.EBUSY))
                        .isTrue());
        device.destroy(true);
        assertThat(kernel.deviceCount()).isZero();
        assertThatThrownBy(device::close).hasMessageContaining("does not answer, so close() is not possible");
    }

    @Test
    void closedWhileTheServerIsStoppedItIsGoneAndTheServerIsKilled() {
        ServedDevice device = started();
        pair.stop();
        assertThatThrownBy(device::close).isExactlyInstanceOf(DblockException.class);
        assertThat(kernel.deviceCount()).isZero();
        assertThat(kernel.openSessions()).as("the server's own session").isEqualTo(1);
        assertThat(pair.remote.isGivenUp()).isTrue();
        assertThat(pair.kills).hasValue(1);
        device.close();
        device.destroy(true);
        assertThat(pair.kills).hasValue(1);
    }

    @Test
    void aServerWithAnotherDeviceIsKilledWithTheLastOfThem() throws Exception {
        ServedDevice first = started();
        ServedDevice second = started();
        ServedSnapshot snapshot = second.snapshot();
        pair.stop();
        assertThatThrownBy(first::close).isExactlyInstanceOf(DblockException.class);
        assertThat(pair.remote.isGivenUp()).isTrue();
        pair.goOn();
        assertThat(write(second).get(20, SECONDS).result()).isZero();
        assertThat(second.statistics().writes()).isEqualTo(1);
        second.close();
        assertThat(pair.kills).hasValue(0);
        snapshot.close();
        assertThat(pair.kills).hasValue(1);
    }

    @Test
    void aServerThatWasNotToldToCloseASnapshotIsGivenUp() {
        ServedDevice device = started();
        ServedSnapshot snapshot = device.snapshot();
        pair.stop();
        assertThatThrownBy(snapshot::close).hasMessageContaining("does not answer, so closeSnapshot() is not possible");
        snapshot.close();
        assertThat(pair.remote.isGivenUp()).isTrue();
        assertThat(pair.kills).as("kills while there is a device").hasValue(0);
        pair.goOn();
        device.close();
        assertThat(pair.kills).hasValue(1);
    }

    @Test
    void aServerThatIsContinuedGoesOnWithItsDevices() throws Exception {
        try (ServedDevice device = started()) {
            pair.stop();
            assertThatThrownBy(device::powered).isExactlyInstanceOf(DblockException.class);
            pair.goOn();
            assertThat(device.powered()).isTrue();
            assertThat(write(device).get(20, SECONDS).result()).isZero();
        }
        assertThat(pair.remote.isGivenUp()).isFalse();
        assertThat(kernel.openSessions()).isZero();
    }

    @Test
    void oneThatCannotBeMadeByAStoppedServerLeavesNothingHere() {
        pair.stop();
        assertThatThrownBy(this::started).hasMessageContaining("does not answer, so create() is not possible");
        assertThat(kernel.openSessions()).isZero();
        assertThat(pair.kills).hasValue(1);
        // This server is not really killed, so it makes the device once it goes on, and must remove it.
        pair.goOn();
        long deadline = System.nanoTime() + SECONDS.toNanos(20);
        while (kernel.devicesMade() == 0 || kernel.deviceCount() > 0) {
            assertThat(System.nanoTime())
                    .as("it is made, and gone, within 20 s")
                    .isLessThan(deadline);
            pair.destroyAll();
        }
    }

    @Test
    void oneThatTheModuleRefusesIsNoReasonToGiveItsServerUp() {
        assertThatThrownBy(() -> create(100))
                .isInstanceOfSatisfying(ControlException.class, refused -> assertThat(refused.is(Errno.EINVAL))
                        .isTrue());
        assertThat(kernel.openSessions()).isZero();
        assertThat(pair.remote.isGivenUp()).isFalse();
    }

    @Test
    void aDeadServerFailsEveryQuestionAndTheDeviceGoesWithClose() {
        ServedDevice device = started();
        pair.die();
        assertThatThrownBy(device::powered).hasMessageContaining("is gone");
        assertThatThrownBy(device::close).hasMessageContaining("is gone");
        assertThat(kernel.deviceCount()).isZero();
        assertThat(pair.kills).hasValue(1);
    }

    /** The watch fails here, because the server would have to open the real module's node. */
    @Test
    void aWatchThatCannotBeBegunKeepsNoServer() {
        assertThatThrownBy(() -> pair.remote.watch(1, List.of("a handler answers"), report -> {}))
                .isInstanceOf(DblockException.class);
        pair.remote.giveUp();
        assertThat(pair.kills).hasValue(1);
    }

    @Test
    void aPredicateIsAskedHereUntilTheDeviceIsClosed() throws Exception {
        ServedDevice device = started();
        device.faults()
                .on(Operation.WRITE)
                .matching(request -> request.offset() == 0)
                .fail(Errno.ENOSPC);
        assertThat(write(device).get(20, SECONDS).result()).isEqualTo(-Errno.ENOSPC.number());
        device.close();
    }

    @Test
    void devicesOfOneServerShareASupplyAndThoseOfTwoDoNot() {
        ServedDevice first = started();
        ServedDevice second = started();
        pair.remote.joinPower(List.of(first, second));
        first.close();
        assertThat(pair.remote.cutPower(List.of(first, second), Survivors.NONE))
                .satisfiesExactly(ofClosed -> assertThat(ofClosed).isEmpty(), ofOpen -> assertThat(ofOpen)
                        .isPresent());
        assertThat(second.powered()).isFalse();
        second.close();
        assertThatThrownBy(() -> pair.remote.cutPower(List.of(first, second), Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Every device of the power domain is closed.");
        try (RemoteServerPair other = new RemoteServerPair(kernel);
                ServedDevice third = started()) {
            assertThatThrownBy(() -> other.remote.joinPower(List.of(third, third)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is served by another process");
        }
    }
}
