// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static io.dblock.internal.server.ServedHandlers.FILTERS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.DeviceStatistics;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.store.MemoryStore;
import io.dblock.journal.ContentHash;
import io.dblock.journal.RequestEntry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices served in this JVM, for a {@link FakeKernel} that speaks the ABI of dblock.h. */
@Timeout(60)
class LocalDeviceTest {
    private static final int SIZE = 1 << 20;
    private static final String NAME = "dblock0";

    private FakeKernel kernel = new FakeKernel();
    private LocalDevice device;

    @AfterEach
    void closeAndLeaveNothing() {
        if (device != null) {
            device.close();
            assertThat(kernel.openSessions()).as("open sessions").isZero();
            assertThat(kernel.deviceCount()).as("devices").isZero();
        }
    }

    private static DeviceParameters parameters(int queues) {
        return new DeviceParameters("", SIZE, 512, 512, 512, 0, queues, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    }

    private LocalDevice serve(BlockHandler handler) {
        device = LocalDevice.create(kernel.session(), parameters(1), FILTERS, handler);
        device.start();
        return device;
    }

    private LocalDevice serve(RequestHandler handler) {
        device = LocalDevice.create(kernel.session(), parameters(1), FILTERS, handler);
        device.start();
        return device;
    }

    private CompletableFuture<Completion> write(long offset, byte[] data) {
        return kernel.submit(NAME, Batch.OP_WRITE, 0, offset, data.length, data, 0);
    }

    private CompletableFuture<Completion> read(long offset, int length) {
        return kernel.submit(NAME, Batch.OP_READ, 0, offset, length, null, 0);
    }

    private CompletableFuture<Completion> request(int operation, long offset, long length, int flags) {
        return kernel.submit(NAME, operation, 0, offset, length, null, flags);
    }

    private static Completion get(CompletableFuture<Completion> completion) throws Exception {
        return completion.get(20, SECONDS);
    }

    private static void ok(CompletableFuture<Completion> completion) throws Exception {
        assertThat(get(completion).result()).isZero();
    }

    private static byte[] filled(int length, int value) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return data;
    }

    /** A blocking handler as a user would write it. */
    private static class ArrayHandler implements BlockHandler {
        final byte[] bytes = new byte[SIZE];

        @Override
        public void read(long offset, ByteBuffer dst) throws IOException {
            dst.put(bytes, (int) offset, dst.remaining());
        }

        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
            src.get(bytes, (int) offset, src.remaining());
        }
    }

    /** The same handler in request form. */
    private static final class ArrayRequestHandler implements RequestHandler {
        final byte[] bytes = new byte[SIZE];

        @Override
        public void handle(BlockRequest request) {
            switch (request.operation()) {
                case READ -> request.data().put(bytes, (int) request.offset(), (int) request.length());
                case WRITE -> request.data().get(bytes, (int) request.offset(), (int) request.length());
                default -> {}
            }
            request.complete();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "blocking", "request", "request on other threads"})
    void aModelOfThousandsOfRequestsHoldsWhateverSignalsCome(String kind) throws Exception {
        kernel = new FakeKernel(42, 0.2);
        switch (kind) {
            case "memory" -> serve(new MemoryStore(SIZE));
            case "blocking" -> serve(new ArrayHandler());
            case "request" -> serve(new ArrayRequestHandler());
            default -> {
                ArrayRequestHandler inner = new ArrayRequestHandler();
                serve((RequestHandler) request -> new Thread(() -> inner.handle(request)).start());
            }
        }
        byte[] model = new byte[SIZE];
        Random random = new Random(7);
        for (int round = 0; round < 60; round++) {
            // Writes of one round do not overlap, so their order does not matter.
            List<CompletableFuture<Completion>> writes = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                int offset = i * 65536 + random.nextInt(64) * 512;
                byte[] data = new byte[512 * (1 + random.nextInt(64))];
                random.nextBytes(data);
                System.arraycopy(data, 0, model, offset, data.length);
                writes.add(write(offset, data));
            }
            for (CompletableFuture<Completion> write : writes) {
                ok(write);
            }
            List<Integer> offsets = new ArrayList<>();
            List<CompletableFuture<Completion>> reads = new ArrayList<>();
            for (int i = 0; i < 16; i++) {
                offsets.add(random.nextInt(SIZE / 512 - 128) * 512);
                reads.add(read(offsets.get(i), 65536));
            }
            for (int i = 0; i < 16; i++) {
                Completion read = get(reads.get(i));
                assertThat(read.result()).isZero();
                assertThat(read.data()).isEqualTo(Arrays.copyOfRange(model, offsets.get(i), offsets.get(i) + 65536));
            }
        }
        assertThat(kernel.interruptedCalls()).isGreaterThan(100);
        assertThat(device.failures()).isEmpty();
        assertThat(device.statistics().lateAnswers()).isZero();
        assertThat(device.statistics().writes()).isEqualTo(60 * 16);
        assertThat(device.statistics().bytesRead()).isEqualTo(60L * 16 * 65536);
    }

    @ParameterizedTest
    @ValueSource(strings = {"memory", "blocking", "request"})
    void ofManyWritesTheJournalKeepsWhatTheyBrought(String kind) throws Exception {
        switch (kind) {
            case "memory" -> serve(new MemoryStore(SIZE));
            case "blocking" -> serve(new ArrayHandler());
            default -> serve(new ArrayRequestHandler());
        }
        Random random = new Random(11);
        List<byte[]> written = new ArrayList<>();
        while (written.size() < 700) { // 11 MB
            List<CompletableFuture<Completion>> writes = new ArrayList<>();
            for (int i = 0; i < 7; i++) {
                byte[] data = new byte[512 * (1 + random.nextInt(63))];
                random.nextBytes(data);
                data[0] = (byte) i;
                written.add(data);
                writes.add(write(i * 65536L, data));
            }
            for (CompletableFuture<Completion> write : writes) {
                ok(write);
            }
        }

        List<RequestEntry> entries = device.recorder().entries(0).stream()
                .filter(RequestEntry.class::isInstance)
                .map(RequestEntry.class::cast)
                .toList();
        assertThat(entries).hasSize(700);
        int kept = 0;
        for (int i = 0; i < 700; i++) {
            RequestEntry entry = entries.get(i);
            Optional<byte[]> content = device.recorder().content(entry.sequence());
            if (content.isPresent()) {
                // The writes of a round may come in any order.
                byte[] expected = written.get(i / 7 * 7 + (int) (entry.info().offset() / 65536));
                assertThat(content.get()).isEqualTo(expected);
                assertThat(entry.hash()).hasValue(ContentHash.of(expected));
                kept++;
            }
        }
        assertThat(kept).isGreaterThan(500);
    }

    @Test
    void queuesAreServedByThreadsOfTheirOwn() throws Exception {
        CountDownLatch both = new CountDownLatch(2);
        device = LocalDevice.create(kernel.session(), parameters(2), FILTERS, new ArrayHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                both.countDown();
                try {
                    assertThat(both.await(20, SECONDS)).isTrue();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                super.read(offset, dst);
            }
        });
        CompletableFuture<Completion> first = kernel.submit(NAME, Batch.OP_READ, 0, 0, 512, null, 0);
        CompletableFuture<Completion> second = kernel.submit(NAME, Batch.OP_READ, 1, 0, 512, null, 0);
        ok(first);
        ok(second);
    }

    @Test
    void discardAndZeroesAndFlushReachAMemoryStore() throws Exception {
        serve(new MemoryStore(SIZE));
        ok(write(0, filled(65536, 1)));
        ok(request(Batch.OP_DISCARD, 4096, 8192, 0));
        ok(request(Batch.OP_WRITE_ZEROES, 32768, 512, Batch.REQ_NOUNMAP));
        ok(request(Batch.OP_FLUSH, 0, 0, 0));
        byte[] expected = filled(65536, 1);
        Arrays.fill(expected, 4096, 12288, (byte) 0);
        Arrays.fill(expected, 32768, 33280, (byte) 0);
        assertThat(get(read(0, 65536)).data()).isEqualTo(expected);
        DeviceStatistics statistics = device.statistics();
        assertThat(statistics.discards()).isEqualTo(1);
        assertThat(statistics.writeZeroes()).isEqualTo(1);
        assertThat(statistics.flushes()).isEqualTo(1);
    }

    @Test
    void aBlockingHandlersErrorKeepsItsNumber() throws Exception {
        serve(new ArrayHandler() {
            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
                throw new BlockIOException(Errno.ENOSPC);
            }
        });
        assertThat(get(write(0, filled(512, 1))).result()).isEqualTo(-Errno.ENOSPC.number());
        assertThat(device.statistics().errors()).isEqualTo(1);
        assertThat(device.failures()).singleElement().isInstanceOf(BlockIOException.class);
    }

    @Test
    void whateverAHandlerThrowsFailsItsRequestAndNotTheThread() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        serve(new ArrayHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                switch (calls.getAndIncrement()) {
                    case 0 -> throw new IOException("io");
                    case 1 -> throw new IllegalStateException("unchecked");
                    case 2 -> throw new OutOfMemoryError("simulated");
                    default -> super.read(offset, dst);
                }
            }
        });
        for (int i = 0; i < 3; i++) {
            assertThat(get(read(0, 512)).result()).isEqualTo(-Errno.EIO.number());
        }
        ok(read(0, 512));
        assertThat(device.failures()).extracting(Throwable::getMessage).containsExactly("io", "unchecked", "simulated");
    }

    @Test
    void theSameInRequestForm() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        serve((RequestHandler) request -> {
            switch (calls.getAndIncrement()) {
                case 0 -> throw new BlockIOException(Errno.ENODATA);
                case 1 -> throw new OutOfMemoryError("simulated");
                case 2 -> {
                    request.complete();
                    throw new IllegalStateException("after it was completed");
                }
                default -> request.fail(Errno.ETIMEDOUT);
            }
        });
        assertThat(get(read(0, 512)).result()).isEqualTo(-Errno.ENODATA.number());
        assertThat(get(read(0, 512)).result()).isEqualTo(-Errno.EIO.number());
        assertThat(get(read(0, 512)).result()).isZero();
        assertThat(get(read(0, 512)).result()).isEqualTo(-Errno.ETIMEDOUT.number());
        assertThat(device.failures()).hasSize(3);
    }

    @Test
    void aReadThatIsLeftUnfilledFailsAndSaysHowToFillIt() throws Exception {
        serve(new ArrayHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(0, (byte) 1);
            }
        });
        assertThat(get(read(0, 512)).result()).isEqualTo(-Errno.EIO.number());
        assertThat(device.failures()).singleElement().satisfies(failure -> assertThat(failure)
                .hasMessageContaining("left 512 of 512 bytes unfilled"));
    }

    @Test
    void aReadCompletedWithoutDataReadsZeros() throws Exception {
        serve((RequestHandler) BlockRequest::complete);
        ok(write(0, filled(512, 9)));
        assertThat(get(read(0, 512)).data()).isEqualTo(new byte[512]);
    }

    @Test
    void aBufferUsedAgainShowsNothingOfTheRequestBefore() throws Exception {
        AtomicBoolean fill = new AtomicBoolean(true);
        serve((RequestHandler) request -> {
            ByteBuffer data = request.data();
            if (fill.getAndSet(false)) {
                data.put(filled(512, 9));
            }
            request.complete();
        });
        assertThat(get(read(0, 512)).data()).isEqualTo(filled(512, 9));
        assertThat(get(read(0, 512)).data()).isEqualTo(new byte[512]);
    }

    @Test
    void aHeldRequestBlocksNoOther() throws Exception {
        BlockingQueue<BlockRequest> held = new LinkedBlockingQueue<>();
        ArrayRequestHandler inner = new ArrayRequestHandler();
        serve((RequestHandler) request -> {
            if (request.offset() == 4096) {
                held.add(request);
            } else {
                inner.handle(request);
            }
        });
        CompletableFuture<Completion> slow = write(4096, filled(512, 5));
        BlockRequest request = held.poll(20, SECONDS);
        for (int i = 0; i < 20; i++) {
            ok(write(8192, filled(4096, i)));
        }
        assertThat(slow).isNotDone();
        byte[] data = new byte[512];
        request.data().get(data);
        assertThat(data).as("the data of a held write").isEqualTo(filled(512, 5));
        request.complete();
        ok(slow);
    }

    @Test
    void completingTwiceIsRefused() throws Exception {
        BlockingQueue<BlockRequest> requests = new LinkedBlockingQueue<>();
        serve((RequestHandler) requests::add);
        CompletableFuture<Completion> write = write(0, filled(512, 1));
        BlockRequest request = requests.poll(20, SECONDS);
        request.complete();
        assertThatThrownBy(request::complete)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("WRITE of 512 bytes at 0 was completed before");
        assertThatThrownBy(() -> request.fail(Errno.EIO)).isInstanceOf(IllegalStateException.class);
        ok(write);
    }

    @Test
    void aLateAnswerIsReportedAndHurtsNobody() throws Exception {
        BlockingQueue<BlockRequest> requests = new LinkedBlockingQueue<>();
        serve((RequestHandler) requests::add);
        CompletableFuture<Completion> write = write(0, filled(512, 1));
        BlockRequest late = requests.poll(20, SECONDS);
        kernel.timeOutHeld(NAME);
        assertThat(get(write).result()).isEqualTo(-Errno.ETIMEDOUT.number());
        late.complete();
        assertThat(device.statistics().lateAnswers()).isEqualTo(1);
        assertThat(device.failures()).singleElement().satisfies(failure -> assertThat(failure)
                .hasMessageContaining("30000 ms")
                .hasMessageContaining("requestTimeout"));
        CompletableFuture<Completion> next = write(0, filled(512, 2));
        requests.poll(20, SECONDS).complete();
        ok(next);
    }

    @Test
    void aLateAnswerAmongOthersOfABatchDoesNotTakeThemAlong() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        serve(new ArrayHandler() {
            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
                inside.countDown();
                try {
                    goOn.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                super.write(offset, src, flags);
            }
        });
        CompletableFuture<Completion> first = write(0, filled(512, 1));
        inside.await();
        kernel.timeOutHeld(NAME);
        CompletableFuture<Completion> second = write(512, filled(512, 2));
        goOn.countDown();
        assertThat(get(first).result()).isEqualTo(-Errno.ETIMEDOUT.number());
        ok(second);
        assertThat(device.statistics().lateAnswers()).isEqualTo(1);
    }

    @Test
    void flagsReachTheHandlers() throws Exception {
        List<Set<RequestFlag>> seen = new ArrayList<>();
        serve((RequestHandler) request -> {
            seen.add(request.flags());
            assertThat(request.queue()).isZero();
            request.complete();
        });
        ok(kernel.submit(NAME, Batch.OP_WRITE, 0, 0, 512, filled(512, 1), Batch.REQ_FUA | Batch.REQ_META));
        ok(request(Batch.OP_READ, 0, 512, Batch.REQ_SYNC | Batch.REQ_RAHEAD));
        ok(request(Batch.OP_WRITE_ZEROES, 0, 512, Batch.REQ_NOUNMAP));
        assertThat(seen)
                .containsExactly(
                        Set.of(RequestFlag.FUA, RequestFlag.META),
                        Set.of(RequestFlag.SYNC, RequestFlag.READ_AHEAD),
                        Set.of(RequestFlag.NOUNMAP));
    }

    @Test
    void writeFlagsReachABlockingHandler() throws Exception {
        List<WriteFlags> seen = new ArrayList<>();
        serve(new ArrayHandler() {
            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
                assertThat(src.isReadOnly()).isTrue();
                seen.add(flags);
                super.write(offset, src, flags);
            }
        });
        ok(kernel.submit(NAME, Batch.OP_WRITE, 0, 0, 512, filled(512, 1), Batch.REQ_FUA));
        ok(kernel.submit(NAME, Batch.OP_WRITE, 0, 0, 512, filled(512, 1), Batch.REQ_META | Batch.REQ_SYNC));
        assertThat(seen).containsExactly(new WriteFlags(true, false, false), new WriteFlags(false, true, true));
    }

    @Test
    void aFlushHasNoData() throws Exception {
        List<String> messages = new ArrayList<>();
        serve((RequestHandler) request -> {
            try {
                request.data();
            } catch (IllegalStateException e) {
                messages.add(e.getMessage());
            }
            request.complete();
        });
        ok(request(Batch.OP_FLUSH, 0, 0, 0));
        assertThat(messages).singleElement().asString().contains("A FLUSH has no data");
    }

    @Test
    void anOperationNobodyKnowsFails() throws Exception {
        serve(new MemoryStore(SIZE));
        assertThat(get(request(77, 0, 512, 0)).result()).isEqualTo(-Errno.EOPNOTSUPP.number());
    }

    @Test
    void destroyIsRefusedWhileItIsOpenAndCloseForcesIt() {
        serve(new MemoryStore(SIZE));
        kernel.setOpeners(NAME, 1);
        assertThatThrownBy(() -> device.destroy(false)).hasMessageContaining("EBUSY");
        assertThat(kernel.deviceCount()).isEqualTo(1);
        device.close();
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void aNameThatIsAboutToBeFreeIsWaitedFor() {
        kernel.holdingName(NAME, 3);
        serve(new MemoryStore(SIZE));
        assertThat(device.created().name()).isEqualTo(NAME);
    }

    @Test
    void anAnswerBetweenDestroyAndCloseIsNotLate() throws Exception {
        BlockingQueue<BlockRequest> requests = new LinkedBlockingQueue<>();
        serve((RequestHandler) requests::add);
        CompletableFuture<Completion> write = write(0, filled(512, 1));
        BlockRequest held = requests.poll(20, SECONDS);
        device.destroy(true);
        held.complete();
        assertThat(get(write).result()).isNegative();
        assertThat(device.statistics().lateAnswers()).isZero();
        assertThat(device.failures()).isEmpty();
    }

    @Test
    void aForcedDestroyOvertakesAnOrderlyOne() throws Exception {
        kernel.slowToDestroy();
        serve(new MemoryStore(SIZE));
        CompletableFuture<Void> orderly = CompletableFuture.runAsync(() -> device.destroy(false));
        while (!kernel.isBeingDestroyed(NAME)) {
            Thread.onSpinWait();
        }
        device.destroy(true);
        orderly.get(20, SECONDS);
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void closingOvertakesAnOrderlyDestroy() throws Exception {
        kernel.slowToDestroy();
        serve(new MemoryStore(SIZE));
        CompletableFuture<Void> orderly = CompletableFuture.runAsync(() -> device.destroy(false));
        while (!kernel.isBeingDestroyed(NAME)) {
            Thread.onSpinWait();
        }
        device.close();
        orderly.get(20, SECONDS);
    }

    @Test
    void aDeviceSomebodyElseDestroyedClosesAsUsual() {
        serve(new MemoryStore(SIZE));
        try (var other = kernel.session()) {
            other.destroy(NAME, true);
        }
        device.destroy(false);
        device.close();
    }

    @Test
    void theHandlerIsClosedOnceAfterTheLastRequest() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        serve(new ArrayHandler() {
            @Override
            public void close() {
                closed.incrementAndGet();
            }
        });
        ok(read(0, 512));
        assertThat(closed).hasValue(0);
        device.close();
        device.close();
        assertThat(closed).hasValue(1);
    }

    @Test
    void aHandlerThatFailsToCloseIsReported() {
        LocalDevice failing = LocalDevice.create(kernel.session(), parameters(1), FILTERS, new ArrayHandler() {
            @Override
            public void close() throws IOException {
                throw new IOException("no");
            }
        });
        assertThatThrownBy(failing::close)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("failed to close")
                .hasMessageContaining("no");
        assertThat(kernel.openSessions()).isZero();
    }

    @Test
    void aHandlerThatDoesNotReturnIsInterruptedAtTheEnd() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        serve(new ArrayHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                inside.countDown();
                try {
                    Thread.sleep(60_000);
                } catch (InterruptedException e) {
                    interrupted.set(true);
                    throw new IOException(e);
                }
            }
        });
        CompletableFuture<Completion> read = read(0, 512);
        inside.await();
        device.close();
        assertThat(interrupted).isTrue();
        assertThat(get(read).result()).isNegative();
    }

    @Test
    void anAnswerThatIsBeingGivenMeanwhileIsNotTakenForAThreadThatDoesNotEnd() throws Exception {
        CountDownLatch inside = new CountDownLatch(2);
        CountDownLatch interrupted = new CountDownLatch(1);
        AtomicBoolean closed = new AtomicBoolean();
        serve(new ArrayHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                inside.countDown();
                try {
                    Thread.sleep(60_000);
                } catch (InterruptedException e) {
                    interrupted.countDown();
                    throw new IOException(e);
                }
            }

            @Override
            public void close() {
                closed.set(true);
            }
        });
        CompletableFuture<Completion> read = read(0, 512);
        CompletableFuture<Void> answer =
                CompletableFuture.runAsync(() -> device.parts().answerer().answerNow((batch, give) -> {
                    inside.countDown();
                    try {
                        interrupted.await();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }));
        inside.await();
        device.close();
        assertThat(closed).isTrue();
        answer.get(20, SECONDS);
        assertThat(get(read).result()).isNegative();
    }

    @Test
    void aSessionThatFailsToCloseKeepsNeitherStoreNorHandlerOpen() {
        AtomicBoolean closed = new AtomicBoolean();
        LocalDevice failing = LocalDevice.create(kernel.session(), parameters(1), FILTERS, new ArrayHandler() {
            @Override
            public void close() throws IOException {
                closed.set(true);
                throw new IOException("no");
            }
        });
        kernel.failingToClose();
        assertThatThrownBy(failing::close)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("the session failed to close")
                .satisfies(thrown -> assertThat(thrown.getSuppressed())
                        .singleElement()
                        .asString()
                        .contains("the handler failed to close"));
        assertThat(closed).isTrue();
    }

    @Test
    void completingAfterTheEndHurtsNobody() throws Exception {
        BlockingQueue<BlockRequest> requests = new LinkedBlockingQueue<>();
        serve((RequestHandler) requests::add);
        CompletableFuture<Completion> write = write(0, filled(512, 3));
        BlockRequest held = requests.poll(20, SECONDS);
        device.close();
        assertThat(get(write).result()).isNegative();
        assertThat(held.data().get(0)).as("its data are still there").isEqualTo((byte) 3);
        held.complete();
        assertThat(device.statistics().lateAnswers()).isZero();
    }

    @Test
    void closingWhileRequestsComeAndGoEndsEachOfThem() throws Exception {
        for (int round = 0; round < 30; round++) {
            kernel = new FakeKernel(round, 0.1);
            ArrayDeque<CompletableFuture<Completion>> all = new ArrayDeque<>();
            if (round % 2 == 0) {
                serve(new MemoryStore(SIZE));
            } else {
                serve(new ArrayRequestHandler());
            }
            for (int i = 0; i < 50; i++) {
                all.add(write(i * 512L, filled(512, i)));
            }
            device.close();
            for (CompletableFuture<Completion> one : all) {
                get(one);
            }
        }
    }

    @Test
    void threadsAreNamedAfterTheDeviceAndEndWithIt() throws Exception {
        serve(new MemoryStore(SIZE));
        // A thread stays only a moment: on a busy machine, it may have left before the test looks.
        do {
            ok(read(0, 512));
        } while (!threads().contains(NAME + "-queue0"));
        device.close();
        assertThat(threads()).doesNotContain(NAME + "-queue0");
    }

    private static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).toList();
    }

    @Test
    void batchesTakeFewerCallsThanRequests() throws Exception {
        device = LocalDevice.create(kernel.session(), parameters(1), FILTERS, new MemoryStore(SIZE));
        List<CompletableFuture<Completion>> all = new ArrayList<>();
        FakeKernel stopped = kernel;
        synchronized (stopped) { // no write is fetched before all are submitted
            for (int i = 0; i < 64; i++) {
                all.add(write(i * 512L, filled(512, i)));
            }
        }
        for (CompletableFuture<Completion> one : all) {
            ok(one);
        }
        assertThat(kernel.serveCalls()).isLessThan(10);
    }

    @Test
    void supportsIsWhatALambdaGetsByDefault() {
        RequestHandler lambda = BlockRequest::complete;
        assertThat(lambda.supports()).containsExactly(Operation.READ, Operation.WRITE, Operation.FLUSH);
    }

    /** A look at the clock for each request would be a system call in User Mode Linux. */
    @Test
    void theTimesInTheJournalAreTheKernels() throws Exception {
        serve(new MemoryStore(SIZE));
        long[] fetched = new long[5];
        for (int i = 0; i < fetched.length; i++) {
            ok(write(i * 512L, filled(512, i)));
            fetched[i] = kernel.lastFetched();
        }
        List<RequestEntry> entries = device.recorder().entries(0).stream()
                .map(RequestEntry.class::cast)
                .toList();
        for (int i = 1; i < fetched.length; i++) {
            assertThat(entries.get(i).completedNanos() - entries.get(0).completedNanos())
                    .isEqualTo(fetched[i] - fetched[0]);
            assertThat(entries.get(i).submittedNanos())
                    .isBetween(
                            entries.get(i - 1).completedNanos(), entries.get(i).completedNanos() - 1);
        }
    }

    @Test
    void aNewSizeIsTheStoresTheKernelsAndTheRules() throws Exception {
        serve(new MemoryStore(SIZE));
        device.resize(2 * SIZE);
        assertThat(device.info().parameters().size()).isEqualTo(2 * SIZE);
        ok(write(2 * SIZE - 512, filled(512, 1)));
        assertThat(get(read(2 * SIZE - 512, 512)).data()).isEqualTo(filled(512, 1));
        device.faults().on(Operation.READ).bytes(2 * SIZE - 512, 512).lenient().fail(Errno.EIO);
        device.faults().clear();

        device.resize(SIZE / 2);
        assertThat(device.info().parameters().size()).isEqualTo(SIZE / 2);
        // Like a write that was submitted before the resize and comes only now.
        assertThat(get(write(SIZE / 2, filled(512, 1))).result()).isEqualTo(-Errno.EIO.number());
        assertThatThrownBy(() ->
                        device.faults().on(Operation.READ).bytes(SIZE / 2, 512).fail(Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(device.journal().entries())
                .extracting(Object::toString)
                .anyMatch(line -> line.endsWith("RESIZED from 2097152 to 524288 bytes"));
    }

    @Test
    void aSizeTheStoreCannotHaveIsNotTheKernelsEither() {
        serve(new MemoryStore(SIZE));
        assertThatThrownBy(() -> device.resize(1L << 57)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> device.resize(SIZE + 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> device.resize(0)).isInstanceOf(IllegalArgumentException.class);
        device.powerCut(io.dblock.power.Survivors.NONE);
        assertThatThrownBy(() -> device.resize(SIZE / 2)).isInstanceOf(IllegalStateException.class);
        assertThat(device.info().parameters().size()).isEqualTo(SIZE);
        device.restorePower();
        device.resize(SIZE / 2);
        assertThat(device.info().parameters().size()).isEqualTo(SIZE / 2);
    }

    @Test
    void theSizeOfAUsersHandlerIsItsOwnAffair() {
        serve(new ArrayHandler());
        assertThatThrownBy(() -> device.resize(SIZE / 2))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("built-in store");
    }

    @Test
    void itIsProtectedFromWritesAndNoLonger() {
        serve(new ArrayHandler());
        device.setReadOnly(true);
        assertThat(device.info().parameters().flags()).contains(DeviceParameters.Flag.READ_ONLY);
        device.setReadOnly(false);
        assertThat(device.info().parameters().flags()).isEmpty();
        assertThat(device.journal().entries())
                .extracting(Object::toString)
                .anyMatch(line -> line.endsWith("WRITE_PROTECTION on"))
                .anyMatch(line -> line.endsWith("WRITE_PROTECTION off"));
    }

    @Test
    void whatCannotWriteIsNotMadeWritable() {
        serve(new ArrayHandler() {
            @Override
            public Set<Operation> supports() {
                return Set.of(Operation.READ);
            }
        });
        assertThatThrownBy(() -> device.setReadOnly(false)).isInstanceOf(IllegalStateException.class);
    }
}
