// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.internal.store.RecordedRequests.Kind;
import io.dblock.internal.store.RecordedRequests.Request;
import io.dblock.internal.store.Recording;
import io.dblock.journal.RequestEntry;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What holds for every {@link ServedDevice} over a store in memory, whichever process serves it. */
@Timeout(60)
public abstract class ServedDeviceContract {
    protected static final int SIZE = 1 << 20;
    protected static final FilterSpec FILTERS = new FilterSpec(1, true, 1 << 20, 1024);

    private static final Duration LONG = Duration.ofSeconds(20);

    protected final FakeKernel kernel = new FakeKernel();
    private ServedDevice device;

    /** Creates a device of this {@link #kernel} over a store in memory, not started yet. */
    protected abstract ServedDevice create(DeviceParameters parameters, FilterSpec filters);

    @AfterEach
    final void closeAndLeaveNothing() {
        if (device != null) {
            device.close();
            assertThat(kernel.deviceCount()).as("devices").isZero();
        }
    }

    private static DeviceParameters parameters() {
        return new DeviceParameters("", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    }

    private ServedDevice created() {
        device = create(parameters(), FILTERS);
        return device;
    }

    private ServedDevice started() {
        created().start();
        return device;
    }

    private CompletableFuture<Completion> submit(int operation, long offset, int length, byte[] data) {
        return kernel.submit(device.created().name(), operation, 0, offset, length, data, 0);
    }

    /** Writes {@code length} bytes of this value; returns the result of the request. */
    private int write(long offset, int length, int value) throws Exception {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return submit(Batch.OP_WRITE, offset, length, data).get(20, SECONDS).result();
    }

    private int flush() throws Exception {
        return submit(Batch.OP_FLUSH, 0, 0, null).get(20, SECONDS).result();
    }

    private byte read(long offset) throws Exception {
        Completion completion = submit(Batch.OP_READ, offset, 512, null).get(20, SECONDS);
        assertThat(completion.result()).isZero();
        return completion.data()[0];
    }

    @Test
    void itIsCreatedBeforeItIsStarted() {
        created();
        assertThat(device.created().name()).isNotEmpty();
        assertThat(device.created().parameters().size()).isEqualTo(SIZE);
        assertThat(device.info().id()).isEqualTo(device.created().id());
        assertThat(device.info().state()).isEqualTo(DeviceInfo.State.CREATED);

        device.start();

        assertThat(device.info().state()).isEqualTo(DeviceInfo.State.LIVE);
        assertThat(device.powered()).isTrue();
    }

    @Test
    void itAnswersAndCountsRequests() throws Exception {
        started();
        assertThat(write(4096, 512, 7)).isZero();
        assertThat(flush()).isZero();
        assertThat(read(4096)).isEqualTo((byte) 7);

        assertThat(device.statistics().writes()).isEqualTo(1);
        assertThat(device.statistics().flushes()).isEqualTo(1);
        assertThat(device.statistics().reads()).isEqualTo(1);
        assertThat(device.statistics().bytesWritten()).isEqualTo(512);
        assertThat(device.failures()).isEmpty();
        assertThat(device.journal().requests())
                .extracting(entry -> entry.info().operation())
                .containsExactly(Operation.WRITE, Operation.FLUSH, Operation.READ);
        assertThat(device.recorder().entries(0)).hasSize(3);
    }

    @Test
    void itSaysWhatWasRead() throws Exception {
        started();
        assertThat(device.reads(0).whole()).isTrue();
        assertThat(device.reads(0).last()).isZero();
        read(4096);
        write(0, 512, 7);
        read(8192);

        List<String> read = new ArrayList<>();
        Reads all = device.reads(0);
        all.forEach((offset, length) -> read.add(offset + "+" + length));
        assertThat(read).containsExactly("4096+512", "8192+512");
        assertThat(all.last()).isEqualTo(3);
        assertThat(all.whole()).isTrue();

        read.clear();
        device.reads(1).forEach((offset, length) -> read.add(offset + "+" + length));
        assertThat(read).containsExactly("8192+512");
    }

    @Test
    void aRuleFailsRequestsAndIsCountedAndTold() throws Exception {
        started();
        Fault bad =
                device.faults().on(Operation.WRITE).sectors(8, 8).named("bad").fail(Errno.ENODATA);
        assertThat(device.faults().unused()).containsExactly(bad);

        assertThat(write(4096, 512, 7)).isEqualTo(-Errno.ENODATA.number());

        assertThat(bad.hits()).isEqualTo(1);
        assertThat(device.faults().unused()).isEmpty();
        RequestEntry entry = device.journal().requests().get(0);
        assertThat(entry.rules()).containsExactly("bad");
        bad.close();
        assertThat(device.faults().list()).isEmpty();
        assertThat(device.faults().history()).containsExactly(bad);
        assertThat(write(4096, 512, 7)).isZero();
    }

    @Test
    void aRuleHoldsARequestUntilItIsRemoved() throws Exception {
        started();
        Fault hold = device.faults().on(Operation.WRITE).hold();
        CompletableFuture<Completion> held = submit(Batch.OP_WRITE, 0, 512, new byte[512]);
        hold.awaitHit(LONG);
        assertThat(hold.held()).hasSize(1);
        assertThat(held).isNotDone();

        hold.close();

        assertThat(held.get(20, SECONDS).result()).isZero();
    }

    @Test
    void aCutLosesWhatWasNotFlushedAndAllFailsUntilThePowerIsBack() throws Exception {
        started();
        write(0, 512, 1);
        flush();
        write(0, 512, 2);
        assertThat(device.unflushed()).hasSize(1);

        assertThat(device.powerCut(Survivors.NONE).lost()).hasSize(1);

        assertThat(device.powered()).isFalse();
        assertThat(write(0, 512, 3)).isEqualTo(-Errno.EIO.number());
        assertThatThrownBy(() -> device.powerCut(Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is off already");
        device.restorePower();
        assertThat(device.powered()).isTrue();
        assertThat(read(0)).isEqualTo((byte) 1);
    }

    @Test
    void aSnapshotKeepsTheContentAndACutsSnapshotTheDurableOne() throws Exception {
        started();
        write(0, 512, 1);
        flush();
        write(0, 512, 2);
        try (ServedSnapshot now = device.snapshot();
                ServedSnapshot crashed = device.snapshot(Survivors.NONE)) {
            write(0, 512, 3);
            assertThat(first(now)).isEqualTo((byte) 2);
            assertThat(first(crashed)).isEqualTo((byte) 1);
        }
        assertThat(device.powered()).isTrue();
    }

    private static byte first(ServedSnapshot snapshot) {
        return snapshot.read(0, 512)[0];
    }

    private static byte[] changes(long... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers.length * Long.BYTES);
        bytes.asLongBuffer().put(numbers);
        return bytes.array();
    }

    private static byte first(ServedDevice of) {
        try (ServedSnapshot snapshot = of.snapshot()) {
            return first(snapshot);
        }
    }

    @Test
    void whatWasRecordedIsShown() throws Exception {
        started();
        write(0, 512, 1);
        try (ServedRecording recording = device.record()) {
            write(0, 512, 2);
            flush();
            write(0, 1024, 3);
            assertThat(recording.count()).isEqualTo(3);

            RecordedRequests recorded = recording.end();
            assertThat(recorded.broken()).isEmpty();
            assertThat(recorded.requests())
                    .extracting(Request::kind, Request::length, Request::durable)
                    .containsExactly(
                            tuple(Kind.WRITE, 512L, false),
                            tuple(Kind.FLUSH, 0L, true),
                            tuple(Kind.WRITE, 1024L, false));
            assertThat(recorded.startHashes()).hasSize(2 * Long.BYTES);

            device.show(recording, changes(0, 512, 2));
            assertThat(first(device)).isEqualTo((byte) 3);
            device.show(recording, changes(0, 512, 0));
            assertThat(first(device)).isEqualTo((byte) 2);
            device.show(recording, changes(0, 512, Recording.START));
            assertThat(first(device)).isEqualTo((byte) 1);
            assertThat(device.unflushed()).isEmpty();
        }
    }

    @Test
    void aNewSizeIsTheKernelsAndTheRulesAndTheJournals() throws Exception {
        started();
        device.resize(2 * SIZE);
        assertThat(device.info().parameters().size()).isEqualTo(2 * SIZE);
        assertThat(write(2 * SIZE - 512, 512, 7)).isZero();
        assertThat(read(2 * SIZE - 512)).isEqualTo((byte) 7);

        device.resize(SIZE / 2);

        assertThat(device.info().parameters().size()).isEqualTo(SIZE / 2);
        assertThatThrownBy(() ->
                        device.faults().on(Operation.READ).bytes(SIZE / 2, 512).fail(Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(device.created().parameters().size())
                .as("what it was made with")
                .isEqualTo(SIZE);
    }

    @Test
    void aSizeItCannotHaveChangesNothing() {
        started();
        for (long size : new long[] {0, -512, SIZE + 1}) {
            assertThatThrownBy(() -> device.resize(size))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("size is " + size);
        }
        device.powerCut(Survivors.NONE);
        assertThatThrownBy(() -> device.resize(SIZE / 2)).isInstanceOf(IllegalStateException.class);
        assertThat(device.info().parameters().size()).isEqualTo(SIZE);
    }

    @Test
    void itIsProtectedFromWritesAndNoLonger() {
        started();
        device.setReadOnly(true);
        assertThat(device.info().parameters().flags()).contains(DeviceParameters.Flag.READ_ONLY);
        device.setReadOnly(false);
        assertThat(device.info().parameters().flags()).doesNotContain(DeviceParameters.Flag.READ_ONLY);
    }

    @Test
    void inUseItIsDestroyedByForceOnly() {
        started();
        kernel.setOpeners(device.created().name(), 1);
        assertThatThrownBy(() -> device.destroy(false))
                .asInstanceOf(InstanceOfAssertFactories.type(ControlException.class))
                .satisfies(refused -> assertThat(refused.is(Errno.EBUSY)).isTrue());
        assertThat(device.info().state()).isEqualTo(DeviceInfo.State.LIVE);

        device.destroy(true);

        assertThatThrownBy(device::info).isInstanceOf(ControlException.class);
    }

    @Test
    void destroyedItIsDestroyedAgainWithoutAnError() {
        started();
        device.destroy(false);
        device.destroy(false);
        device.destroy(true);
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void destroyedByItsNameItIsDestroyedAgainWithoutAnError() {
        started();
        try (var other = kernel.session()) {
            other.destroy(device.created().name(), true);
        }
        device.destroy(false);
        device.destroy(true);
    }

    @Test
    void aRequestThatIsHeldFailsWhenItIsDestroyed() throws Exception {
        started();
        Fault hold = device.faults().on(Operation.WRITE).hold();
        CompletableFuture<Completion> held = submit(Batch.OP_WRITE, 0, 512, new byte[512]);
        hold.awaitHit(LONG);

        device.destroy(true);

        assertThat(held.get(20, SECONDS).result()).isEqualTo(-Errno.EIO.number());
    }

    @Test
    void closedItStillTellsWhatItHasSeen() throws Exception {
        started();
        Fault bad = device.faults().on(Operation.READ).lenient().fail(Errno.EIO);
        device.recorder().mark("here");
        write(4096, 512, 7);

        device.close();
        device.close();

        assertThat(kernel.deviceCount()).isZero();
        assertThat(device.statistics().writes()).isEqualTo(1);
        assertThat(device.failures()).isEmpty();
        assertThat(device.faults().history()).containsExactly(bad);
        assertThat(device.faults().seed()).isEqualTo(1);
        assertThat(device.journal().requestsSince("here")).hasSize(1);
        assertThat(device.created().name()).isNotEmpty();
    }

    @Test
    void closedItTakesNoRule() {
        started();
        device.close();
        assertThatThrownBy(() -> device.faults().on(Operation.READ).fail(Errno.EIO))
                .isInstanceOf(IllegalStateException.class);
    }
}
