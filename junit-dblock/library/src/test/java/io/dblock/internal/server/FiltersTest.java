// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Fault;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Choices;
import io.dblock.internal.store.MemoryStore;
import io.dblock.journal.Capture;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.journal.RequestEntry;
import io.dblock.power.CutReport;
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

/** Journal, fault rules and write cache of devices of a {@link FakeKernel}. */
@Timeout(60)
class FiltersTest {
    private static final int SIZE = 1 << 20;
    private static final Duration LONG = Duration.ofSeconds(20);

    private final FakeKernel kernel = new FakeKernel();
    private final List<LocalDevice> devices = new ArrayList<>();

    @AfterEach
    void closeAndLeaveNothing() {
        devices.forEach(LocalDevice::close);
        assertThat(kernel.openSessions()).as("open sessions").isZero();
        assertThat(kernel.deviceCount()).as("devices").isZero();
    }

    private static DeviceParameters parameters(String name) {
        return new DeviceParameters(name, SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    }

    private LocalDevice started(LocalDevice device) {
        devices.add(device);
        device.start();
        return device;
    }

    private LocalDevice memory() {
        return started(
                LocalDevice.create(kernel.session(), parameters(""), ServedHandlers.FILTERS, new MemoryStore(SIZE)));
    }

    private Completion request(LocalDevice device, int operation, long offset, int length, byte[] data, int flags)
            throws Exception {
        return submit(device, operation, offset, length, data, flags).get(20, SECONDS);
    }

    private CompletableFuture<Completion> submit(
            LocalDevice device, int operation, long offset, int length, byte[] data, int flags) {
        return kernel.submit(device.created().name(), operation, 0, offset, length, data, flags);
    }

    private int write(LocalDevice device, long offset, int length, int value) throws Exception {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return request(device, Batch.OP_WRITE, offset, length, data, 0).result();
    }

    private int flush(LocalDevice device) throws Exception {
        return request(device, Batch.OP_FLUSH, 0, 0, null, 0).result();
    }

    private byte[] read(LocalDevice device, long offset, int length) throws Exception {
        Completion completion = request(device, Batch.OP_READ, offset, length, null, 0);
        assertThat(completion.result()).as("read at %s", offset).isZero();
        return completion.data();
    }

    @Test
    void aRuleForSomeSectorsFailsOnlyTheseOfALargerRequest() throws Exception {
        LocalDevice device = memory();
        device.faults().on(Operation.WRITE).sectors(2, 3).named("bad").fail(Errno.ENODATA);

        byte[] data = new byte[8 * 512];
        Arrays.fill(data, (byte) 7);
        Completion completion = request(device, Batch.OP_WRITE, 0, data.length, data, 0);

        assertThat(completion.resultAt(1023)).isZero();
        assertThat(completion.resultAt(1024)).isEqualTo(-Errno.ENODATA.number());
        assertThat(completion.resultAt(2047)).isEqualTo(-Errno.ENODATA.number());
        assertThat(completion.resultAt(2048)).isZero();
        byte[] content = read(device, 0, 8 * 512);
        assertThat(content[1023]).isEqualTo((byte) 7);
        assertThat(content[1024]).isZero();
        assertThat(content[2048]).isEqualTo((byte) 7);
        RequestEntry entry = device.journal().requests().get(0);
        assertThat(entry.result()).isEqualTo(Errno.ENODATA);
        assertThat(entry.rules()).containsExactly("bad");
        assertThat(entry.failures()).hasSize(1);
        assertThat(device.statistics().errors()).isEqualTo(1);
    }

    /** The journal may fail to record the data of a read, for lack of memory. The answer is right all the same. */
    @Test
    void whatTheJournalCannotTakeOfAReadIsAFailureOfTheDeviceAndNotOfTheRead() {
        LocalDevice device = memory();
        device.journal().capture(Capture.HASH_ALL);
        long noSuchRequest = 4711;
        NativeMemory data = NativeMemory.allocate(512);
        device.parts().filters().noteRead(noSuchRequest, data.address(), 512);
        assertThat(device.failures())
                .singleElement(InstanceOfAssertFactories.THROWABLE)
                .hasMessageContaining("4711");
    }

    /** Such a read comes from udev: when the size of a disk changes, udev reads the end of the disk. */
    @Test
    void aReadUnderWayWhileTheDiskIsMadeSmallerFailsAndIsNoFailureOfTheStore() throws Exception {
        LocalDevice device = memory();
        Fault hold = device.faults().on(Operation.READ).hold();
        CompletableFuture<Completion> held = submit(device, Batch.OP_READ, SIZE - 4096, 4096, null, 0);
        hold.awaitHit(LONG);
        device.resize(SIZE / 2);
        hold.release();
        assertThat(held.get(20, SECONDS).result()).isEqualTo(-Errno.EIO.number());
        hold.close();

        assertThat(request(device, Batch.OP_READ, SIZE - 4096, 4096, null, 0).result())
                .as("without a rule")
                .isEqualTo(-Errno.EIO.number());
        assertThat(device.failures()).isNotEmpty().allSatisfy(failure -> assertThat(failure)
                .isInstanceOf(BlockIOException.class));
    }

    @Test
    void aHeldRequestLetsOthersPassAndIsJournaledWhenItEnds() throws Exception {
        LocalDevice device = memory();
        Fault hold = device.faults().on(Operation.WRITE).sectors(0, 0).hold();
        byte[] data = new byte[512];
        Arrays.fill(data, (byte) 1);
        CompletableFuture<Completion> held = submit(device, Batch.OP_WRITE, 0, 512, data, 0);
        hold.awaitHit(LONG);

        assertThat(write(device, 512, 512, 2)).isZero();
        assertThat(held).isNotDone();
        assertThat(device.journal().requests())
                .extracting(RequestEntry::completionOrder)
                .containsExactly(-1L, 1L);

        hold.release();
        assertThat(held.get(20, SECONDS).result()).isZero();
        assertThat(read(device, 0, 512)[0]).isEqualTo((byte) 1);
        assertThat(device.journal().requests().get(0).completionOrder()).isEqualTo(2);
    }

    @Test
    void aHeldFlushMakesDurableOnlyWhatWasCompletedWhenItCame() throws Exception {
        LocalDevice device = memory();
        write(device, 0, 512, 1);
        Fault hold = device.faults().on(Operation.FLUSH).hold();
        CompletableFuture<Completion> flush = submit(device, Batch.OP_FLUSH, 0, 0, null, 0);
        hold.awaitHit(LONG);
        write(device, 512, 512, 2);
        hold.release();
        assertThat(flush.get(20, SECONDS).result()).isZero();

        assertThat(device.unflushed()).hasSize(1);
        CutReport report = device.powerCut(Survivors.NONE);
        assertThat(report.lost()).hasSize(1);
        device.restorePower();
        assertThat(read(device, 0, 512)[0]).isEqualTo((byte) 1);
        assertThat(read(device, 512, 512)[0]).isZero();
    }

    @Test
    void afterACutAllFailsUntilThePowerIsRestored() throws Exception {
        LocalDevice device = memory();
        write(device, 0, 512, 1);
        flush(device);
        write(device, 0, 512, 2);
        device.powerCut(Survivors.NONE);

        assertThat(device.powered()).isFalse();
        assertThat(write(device, 0, 512, 3)).isEqualTo(-Errno.EIO.number());
        assertThat(flush(device)).isEqualTo(-Errno.EIO.number());
        assertThat(request(device, Batch.OP_READ, 0, 512, null, 0).result()).isEqualTo(-Errno.EIO.number());
        assertThat(device.failures()).as("a cut is nobody's fault").isEmpty();
        assertThatThrownBy(() -> device.powerCut(Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("off already");

        device.restorePower();
        assertThat(read(device, 0, 512)[0]).isEqualTo((byte) 1);
    }

    @Test
    void aCutFailsWhatIsHeld() throws Exception {
        LocalDevice device = memory();
        Fault hold = device.faults().on(Operation.WRITE).hold();
        CompletableFuture<Completion> held = submit(device, Batch.OP_WRITE, 0, 512, new byte[512], 0);
        hold.awaitHit(LONG);

        device.powerCut(Survivors.ALL);
        assertThat(held.get(20, SECONDS).result()).isEqualTo(-Errno.EIO.number());
    }

    @Test
    void aRuleCutsThePowerBeforeOrAfterItsRequest() throws Exception {
        LocalDevice before = memory();
        before.faults().on(Operation.FLUSH).after(1).powerCut(Survivors.NONE);
        write(before, 0, 512, 1);
        assertThat(flush(before)).isZero();
        write(before, 0, 512, 2);
        assertThat(flush(before)).isEqualTo(-Errno.EIO.number());
        assertThat(before.powered()).isFalse();
        before.restorePower();
        assertThat(read(before, 0, 512)[0]).isEqualTo((byte) 1);

        LocalDevice after = memory();
        after.faults().on(Operation.FLUSH).after(1).powerCutAfter(Survivors.NONE);
        write(after, 0, 512, 1);
        flush(after);
        write(after, 0, 512, 2);
        assertThat(flush(after)).isZero();
        long deadline = System.nanoTime() + LONG.toNanos();
        while (after.powered()) {
            assertThat(System.nanoTime()).as("power still on").isLessThan(deadline);
            Thread.onSpinWait();
        }
        after.restorePower();
        assertThat(read(after, 0, 512)[0]).isEqualTo((byte) 2);
    }

    @Test
    void aCutOrSnapshotThatHasNothingToChooseFromIsKnown() throws Exception {
        LocalDevice device = memory();
        device.powerCut(Survivors.ALL);
        device.restorePower();
        device.powerCut(Survivors.NONE);
        device.restorePower();
        device.snapshot(Survivors.random().lenient()).close();
        assertThat(device.evidence().choices()).isEqualTo(Choices.NONE);

        assertThat(device.powerCut(Survivors.prefix(3)))
                .hasToString("power cut, survivors: first 3; nothing was unflushed, so the cut lost nothing");
        assertThat(device.journal().timeline()).contains("nothing was unflushed, so the cut lost nothing");
        device.restorePower();
        assertThat(device.evidence().choices()).isEqualTo(new Choices(1, false, "first 3"));

        write(device, 0, 512, 1);
        device.snapshot(Survivors.ALL.torn().withSeed(7)).close();
        assertThat(device.evidence().choices()).isEqualTo(new Choices(2, true, "all, each torn, seed 7"));
    }

    @Test
    void ofDevicesOfOneSupplyOneWithSomethingToChooseFromIsEnough() throws Exception {
        LocalDevice first = memory();
        LocalDevice second = memory();
        LocalServer.instance().joinPower(List.of(first, second));
        write(second, 0, 512, 1);
        first.powerCut(Survivors.random(1));
        assertThat(first.evidence().choices().found()).isTrue();
        assertThat(second.evidence().choices().found()).isTrue();
    }

    @Test
    void devicesOfOneSupplyAreCutTogetherHoweverItComes() throws Exception {
        LocalDevice first = memory();
        LocalDevice second = memory();
        LocalServer.instance().joinPower(List.of(first, second));
        write(second, 0, 512, 1);
        first.faults().on(Operation.WRITE).powerCut(Survivors.NONE);

        assertThat(write(first, 0, 512, 1)).isEqualTo(-Errno.EIO.number());
        assertThat(second.powered()).isFalse();
        second.restorePower();
        assertThat(read(second, 0, 512)[0]).isZero();
        assertThat(first.powered()).isFalse();

        assertThatThrownBy(() -> LocalServer.instance().joinPower(List.of(first, second)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is in a power domain already");
    }

    @Test
    void aFullCacheIsNotedOnceBetweenTwoFlushes() throws Exception {
        LocalDevice device = started(LocalDevice.create(
                kernel.session(), parameters(""), new FilterSpec(1, true, 4096, 1024), new MemoryStore(SIZE)));
        for (int i = 0; i < 4; i++) {
            write(device, i * 4096L, 4096, 1);
        }
        assertThat(device.unflushed()).hasSize(1);
        assertThat(evictions(device)).isEqualTo(1);
        flush(device);
        write(device, 0, 4096, 2);
        assertThat(evictions(device)).isEqualTo(1);
        write(device, 4096, 4096, 2);
        assertThat(evictions(device)).isEqualTo(2);
    }

    private static long evictions(LocalDevice device) {
        return device.journal().entries().stream()
                .filter(entry -> entry instanceof EventEntry event && event.kind() == EventKind.EVICTION)
                .count();
    }

    @Test
    void aSnapshotOutlivesItsDevice() throws Exception {
        LocalDevice device = memory();
        write(device, 0, 512, 1);
        ServedSnapshot now = device.snapshot();
        ServedSnapshot afterCut = device.snapshot(Survivors.NONE);
        write(device, 0, 512, 2);
        device.close();

        assertThat(first(now)).isEqualTo((byte) 1);
        assertThat(first(afterCut)).isZero();
        now.close();
        afterCut.close();
    }

    private static byte first(ServedSnapshot snapshot) {
        return snapshot.read(0, 512)[0];
    }

    /** A user's handler, in blocking form. */
    private static final class Bytes implements BlockHandler {
        final byte[] bytes = new byte[SIZE];

        @Override
        public void read(long offset, ByteBuffer dst) {
            dst.put(bytes, (int) offset, dst.remaining());
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {
            src.get(bytes, (int) offset, src.remaining());
        }
    }

    @Test
    void rulesActOnAUsersHandlerToo() throws Exception {
        Bytes handler = new Bytes();
        LocalDevice device =
                started(LocalDevice.create(kernel.session(), parameters(""), ServedHandlers.FILTERS, handler));
        device.faults().on(Operation.WRITE).sectors(1, 1).lose();
        assertThat(write(device, 0, 1536, 5)).isZero();
        assertThat(handler.bytes[511]).isEqualTo((byte) 5);
        assertThat(handler.bytes[512]).isZero();
        assertThat(handler.bytes[1024]).isEqualTo((byte) 5);

        assertThatThrownBy(() -> device.powerCut(Survivors.NONE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("needs a built-in store");
        assertThatThrownBy(device::snapshot)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("needs a built-in store");
        assertThatThrownBy(device::unflushed)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("needs a built-in store");
        assertThat(device.powered()).isTrue();
    }

    @Test
    void rulesSplitTheRequestsOfAHandlerInRequestForm() throws Exception {
        byte[] bytes = new byte[SIZE];
        List<String> seen = new ArrayList<>();
        RequestHandler handler = request -> {
            synchronized (seen) {
                seen.add(request.toString());
            }
            copy(request, bytes);
            CompletableFuture<Void> unused = CompletableFuture.runAsync(request::complete);
        };
        LocalDevice device =
                started(LocalDevice.create(kernel.session(), parameters(""), ServedHandlers.FILTERS, handler));
        device.faults().on(Operation.READ, Operation.WRITE).sectors(1, 1).fail(Errno.ENOSPC);
        byte[] data = new byte[1536];
        Arrays.fill(data, (byte) 9);
        Completion written = request(device, Batch.OP_WRITE, 0, 1536, data, 0);
        assertThat(written.resultAt(0)).isZero();
        assertThat(written.resultAt(512)).isEqualTo(-Errno.ENOSPC.number());
        assertThat(written.resultAt(1024)).isZero();
        assertThat(bytes[0]).isEqualTo((byte) 9);
        assertThat(bytes[512]).isZero();
        assertThat(bytes[1024]).isEqualTo((byte) 9);
        Completion got = request(device, Batch.OP_READ, 1024, 512, null, 0);
        assertThat(got.data()[0]).isEqualTo((byte) 9);
        assertThat(seen)
                .containsExactlyInAnyOrder(
                        "WRITE of 512 bytes at 0", "WRITE of 512 bytes at 1024", "READ of 512 bytes at 1024");
    }

    private static void copy(BlockRequest request, byte[] bytes) {
        if (request.operation() == Operation.READ) {
            request.data().put(bytes, (int) request.offset(), (int) request.length());
        } else {
            request.data().get(bytes, (int) request.offset(), (int) request.length());
        }
    }

    @Test
    void aDeviceClosesThoughARuleHoldsARequest() throws Exception {
        LocalDevice device = memory();
        Fault hold = device.faults().on(Operation.WRITE).hold();
        CompletableFuture<Completion> held = submit(device, Batch.OP_WRITE, 0, 512, new byte[512], 0);
        hold.awaitHit(LONG);
        device.close();
        assertThat(held.get(20, SECONDS).result()).isNegative();
    }
}
