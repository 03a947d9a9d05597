// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static io.dblock.internal.server.ServedHandlers.FILTERS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.handler.Zones;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.store.MemoryStore;
import io.dblock.internal.store.ZonedStore;
import io.dblock.journal.Capture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A request goes the same way whether or not a rule has touched it. */
@Timeout(60)
class OneRoadTest {
    private static final int SIZE = 1 << 20;
    private static final int ZONE = 65536;
    private static final Duration LONG = Duration.ofSeconds(20);

    private final FakeKernel kernel = new FakeKernel();
    private LocalDevice device;

    @AfterEach
    void closeAndLeaveNothing() {
        device.close();
        assertThat(kernel.openSessions()).as("open sessions").isZero();
        assertThat(kernel.deviceCount()).as("devices").isZero();
    }

    private static DeviceParameters parameters() {
        return new DeviceParameters("", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, SIZE, SIZE, Set.of());
    }

    private void serve(BlockHandler handler) {
        device = LocalDevice.create(kernel.session(), parameters(), FILTERS, handler);
        device.start();
    }

    private void serve(RequestHandler handler) {
        device = LocalDevice.create(kernel.session(), parameters(), FILTERS, handler);
        device.start();
    }

    private void serveZones() {
        DeviceParameters parameters = new DeviceParameters(
                "", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, 0, 0, Set.of(), ZONE, 3, 4, 65536);
        device = LocalDevice.create(
                kernel.session(), parameters, FILTERS, new ZonedStore(SIZE, new Zones(ZONE, 1, 3, 4)));
        device.start();
    }

    /** A rule that takes each request with this operation and changes nothing about it. */
    private void touch(boolean touched, Operation operation) {
        if (touched) {
            device.faults().on(operation).delay(Delay.fixed(Duration.ofNanos(1)));
        }
    }

    private CompletableFuture<Completion> submit(int operation, long offset, int length, byte[] data) {
        return kernel.submit("dblock0", operation, 0, offset, length, data, 0);
    }

    private int result(int operation, long offset, int length, byte[] data) throws Exception {
        return submit(operation, offset, length, data).get(20, SECONDS).result();
    }

    private static byte[] filled(int length, int value) {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        return data;
    }

    private static byte[] random(int length, long seed) {
        byte[] data = new byte[length];
        new Random(seed).nextBytes(data);
        return data;
    }

    // ---- what a disk throws ----

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatABlockingHandlerThrowsIsRecordedOnceAndKeepsItsError(boolean touched) throws Exception {
        BlockingQueue<Throwable> thrown = new LinkedBlockingQueue<>(List.of(
                new IllegalStateException("a bug"),
                new UncheckedIOException(new BlockIOException(Errno.ENODATA)),
                new BlockIOException(Errno.ENOSPC),
                new AssertionError("not so")));
        serve(new BlockHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                OneRoadTest.rethrow(thrown.remove());
            }

            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) {}
        });
        checkThrown(touched, List.copyOf(thrown));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatAHandlerInRequestFormThrowsIsRecordedOnceAndKeepsItsError(boolean touched) throws Exception {
        BlockingQueue<Throwable> thrown = new LinkedBlockingQueue<>(List.of(
                new IllegalStateException("a bug"),
                new UncheckedIOException(new BlockIOException(Errno.ENODATA)),
                new BlockIOException(Errno.ENOSPC),
                new AssertionError("not so")));
        serve((RequestHandler) request -> rethrow(thrown.remove()));
        checkThrown(touched, List.copyOf(thrown));
    }

    private void checkThrown(boolean touched, List<Throwable> thrown) throws Exception {
        touch(touched, Operation.READ);
        for (Errno errno : List.of(Errno.EIO, Errno.ENODATA, Errno.ENOSPC, Errno.EIO)) {
            assertThat(result(Batch.OP_READ, 0, 512, null)).isEqualTo(-errno.number());
        }
        assertThat(device.failures()).containsExactlyElementsOf(thrown);
        assertThat(device.statistics().errors()).isEqualTo(4);
    }

    private static void rethrow(Throwable thrown) throws IOException {
        if (thrown instanceof IOException e) {
            throw e;
        } else if (thrown instanceof RuntimeException e) {
            throw e;
        }
        throw (Error) thrown;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatAZonedStoreRefusesIsRecordedOnce(boolean touched) throws Exception {
        serveZones();
        touch(touched, Operation.WRITE);
        assertThat(result(Batch.OP_WRITE, ZONE + 4096, 4096, filled(4096, 1))).isEqualTo(-Errno.EIO.number());
        assertThat(device.failures()).singleElement().satisfies(failure -> assertThat(failure)
                .isInstanceOf(BlockIOException.class)
                .hasMessageContaining("is written at"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDeviceWithoutZonesRefusesWhatConcernsZones(boolean touched) throws Exception {
        serve(new MemoryStore(SIZE));
        touch(touched, Operation.ZONE_RESET);
        assertThat(result(Batch.OP_ZONE_RESET, 0, 0, null)).isEqualTo(-Errno.EOPNOTSUPP.number());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aHandlerThatThrowsAfterItHasCompletedARequestChangesNothing(boolean touched) throws Exception {
        serve((RequestHandler) request -> {
            request.complete();
            throw new IllegalStateException("too late");
        });
        touch(touched, Operation.WRITE);
        assertThat(result(Batch.OP_WRITE, 0, 512, filled(512, 1))).isZero();
        assertThat(device.failures()).hasSize(1);
        assertThat(device.statistics().errors()).isZero();
        assertThat(result(Batch.OP_WRITE, 0, 512, filled(512, 1))).isZero();
    }

    // ---- the data of a write that is not done at once ----

    /** Without a journal that keeps the data, too. As much is written meanwhile as the memory of several chunks. */
    @ParameterizedTest
    @ValueSource(strings = {"memory", "zones", "blocking", "request"})
    void aHeldWriteKeepsItsDataWhateverIsWrittenMeanwhile(String kind) throws Exception {
        byte[] bytes = new byte[SIZE];
        switch (kind) {
            case "memory" -> serve(new MemoryStore(SIZE));
            case "zones" -> serveZones();
            case "blocking" -> serve(handlerOf(bytes));
            default -> serve(requestHandlerOf(bytes));
        }
        device.journal().capture(Capture.METADATA);
        Fault hold = device.faults().on(Operation.WRITE).bytes(ZONE, 8 * ZONE).hold();
        List<CompletableFuture<Completion>> held = new ArrayList<>();
        for (int i = 1; i <= 8; i++) {
            held.add(submit(Batch.OP_WRITE, (long) i * ZONE, ZONE, random(ZONE, i)));
        }
        hold.awaitHits(8, LONG);
        writeMuch();
        hold.release();
        for (int i = 1; i <= 8; i++) {
            assertThat(held.get(i - 1).get(20, SECONDS).result()).isZero();
            assertThat(submit(Batch.OP_READ, (long) i * ZONE, ZONE, null)
                            .get(20, SECONDS)
                            .data())
                    .isEqualTo(random(ZONE, i));
        }
        assertThat(device.failures()).isEmpty();
    }

    @Test
    void aWriteThatAHandlerKeepsForLaterKeepsItsData() throws Exception {
        BlockingQueue<BlockRequest> held = new LinkedBlockingQueue<>();
        serve((RequestHandler) request -> {
            if (request.offset() > 0) {
                held.add(request);
            } else {
                request.complete();
            }
        });
        device.journal().capture(Capture.METADATA);
        List<CompletableFuture<Completion>> writes = new ArrayList<>();
        for (int i = 1; i <= 8; i++) {
            writes.add(submit(Batch.OP_WRITE, (long) i * ZONE, ZONE, random(ZONE, i)));
        }
        List<BlockRequest> requests = new ArrayList<>();
        for (int i = 1; i <= 8; i++) {
            requests.add(held.poll(20, SECONDS));
        }
        writeMuch();
        for (BlockRequest request : requests) {
            byte[] data = new byte[ZONE];
            assertThat(request.data().isReadOnly()).isTrue();
            request.data().get(data);
            assertThat(data).isEqualTo(random(ZONE, request.offset() / ZONE));
            request.complete();
        }
        for (CompletableFuture<Completion> write : writes) {
            assertThat(write.get(20, SECONDS).result()).isZero();
        }
    }

    /** Writes 40 MiB to the first 64 KiB, which are of a conventional zone if there are zones. */
    private void writeMuch() throws Exception {
        for (int i = 0; i < 640; i++) {
            assertThat(result(Batch.OP_WRITE, 0, ZONE, filled(ZONE, i))).isZero();
        }
    }

    private static BlockHandler handlerOf(byte[] bytes) {
        return new BlockHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(bytes, (int) offset, dst.remaining());
            }

            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) {
                src.get(bytes, (int) offset, src.remaining());
            }
        };
    }

    private static RequestHandler requestHandlerOf(byte[] bytes) {
        return request -> {
            switch (request.operation()) {
                case READ -> request.data().put(bytes, (int) request.offset(), (int) request.length());
                case WRITE -> request.data().get(bytes, (int) request.offset(), (int) request.length());
                default -> {}
            }
            request.complete();
        };
    }
}
