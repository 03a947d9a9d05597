// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static io.dblock.internal.server.ServedHandlers.FILTERS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Fault;
import io.dblock.fault.Tear;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.Zones;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.store.ZonedStore;
import io.dblock.power.Survivors;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Zoned devices of a {@link FakeKernel}. */
@Timeout(60)
class ZonedDeviceTest {
    private static final int ZONE = 65536;
    private static final int SIZE = 16 * ZONE;

    private final FakeKernel kernel = new FakeKernel();
    private LocalDevice device;

    @BeforeEach
    void serve() {
        DeviceParameters parameters = new DeviceParameters(
                "", SIZE, 512, 512, 512, 0, 1, 64, 65536, 30000, 0, 0, 0, Set.of(), ZONE, 3, 4, 65536);
        device = LocalDevice.create(
                kernel.session(), parameters, FILTERS, new ZonedStore(SIZE, new Zones(ZONE, 1, 3, 4)));
        device.start();
    }

    @AfterEach
    void closeAndLeaveNothing() {
        device.close();
        assertThat(kernel.deviceCount()).isZero();
    }

    private CompletableFuture<Completion> submit(int operation, long offset, long length, byte[] data) {
        return kernel.submit("dblock0", operation, 0, offset, length, data, 0);
    }

    private Completion request(int operation, long offset, long length, byte[] data) throws Exception {
        return submit(operation, offset, length, data).get(20, SECONDS);
    }

    private Completion write(long offset, int value) throws Exception {
        return request(Batch.OP_WRITE, offset, 4096, filled(value));
    }

    private long append(long zone, int value) throws Exception {
        Completion done = request(Batch.OP_ZONE_APPEND, zone, 4096, filled(value));
        assertThat(done.result()).isZero();
        return ByteBuffer.wrap(done.data()).getLong() * 512;
    }

    private byte[] read(long offset) throws Exception {
        return request(Batch.OP_READ, offset, 4096, null).data();
    }

    private static byte[] filled(int value) {
        byte[] data = new byte[4096];
        Arrays.fill(data, (byte) value);
        return data;
    }

    private int condition(int zone) throws Exception {
        Completion report = request(Batch.OP_ZONE_REPORT, (long) zone * ZONE, 64, null);
        return ByteBuffer.wrap(report.data()).order(ByteOrder.nativeOrder()).get(25);
    }

    @Test
    void itsZonesAreWrittenAppendedToReportedAndReset() throws Exception {
        assertThat(write(ZONE, 1).result()).isZero();
        assertThat(write(ZONE, 1).result()).isEqualTo(-Errno.EIO.number());
        assertThat(append(ZONE, 2)).isEqualTo(ZONE + 4096);
        assertThat(read(ZONE + 4096)).isEqualTo(filled(2));
        assertThat(read(ZONE + 8192)).isEqualTo(filled(0));
        assertThat(condition(1)).isEqualTo(2);
        for (int[] step : new int[][] {
            {Batch.OP_ZONE_OPEN, 3}, {Batch.OP_ZONE_CLOSE, 4}, {Batch.OP_ZONE_FINISH, 0xe}, {Batch.OP_ZONE_RESET, 1}
        }) {
            assertThat(request(step[0], ZONE, 0, null).result()).isZero();
            assertThat(condition(1)).isEqualTo(step[1]);
        }
        append(2 * ZONE, 3);
        assertThat(request(Batch.OP_ZONE_RESET_ALL, 0, 0, null).result()).isZero();
        assertThat(condition(2)).isEqualTo(1);
        assertThat(request(Batch.OP_FLUSH, 0, 0, null).result()).isZero();
        assertThat(request(Batch.OP_DISCARD, ZONE, 4096, null).result()).isEqualTo(-Errno.EOPNOTSUPP.number());
    }

    @Test
    void itsLimitsHaveErrorsOfTheirOwn() throws Exception {
        for (int zone = 1; zone <= 3; zone++) {
            assertThat(request(Batch.OP_ZONE_OPEN, (long) zone * ZONE, 0, null).result())
                    .isZero();
        }
        assertThat(write(4 * ZONE, 1).result()).isEqualTo(-Errno.ETOOMANYREFS.number());
        for (int zone = 1; zone <= 3; zone++) {
            append((long) zone * ZONE, 1);
            assertThat(request(Batch.OP_ZONE_CLOSE, (long) zone * ZONE, 0, null).result())
                    .isZero();
        }
        append(4 * ZONE, 1);
        assertThat(write(5 * ZONE, 1).result()).isEqualTo(-Errno.EOVERFLOW.number());
    }

    @Test
    void theJournalHasItAllAndWhereAppendsWent() throws Exception {
        append(ZONE, 1);
        append(ZONE, 2);
        request(Batch.OP_ZONE_RESET, ZONE, 0, null);
        var requests = device.journal().requests();
        assertThat(requests.get(1).info().operation()).isEqualTo(Operation.ZONE_APPEND);
        assertThat(requests.get(1).info().offset()).isEqualTo(ZONE + 4096);
        assertThat(device.journal().content(requests.get(1))).hasValue(filled(2));
        assertThat(requests.get(1).toString()).contains("ZONE_APPEND sectors 136-143 (4KiB): ok");
        assertThat(requests.get(2).toString()).contains("ZONE_RESET zone at sector 128: ok");
        assertThat(device.journal().picture("zones"))
                .contains("ZONE_RESET zone")
                .contains("ZONE_APPEND sectors");
        assertThat(device.statistics().writes()).isEqualTo(2);
    }

    @Test
    void itsLogIsNotWrittenInAFormatThatHasNoZones(@TempDir Path directory) throws Exception {
        append(ZONE, 1);
        assertThatThrownBy(() -> device.journal().exportLogWrites(directory.resolve("log")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("dm-log-writes");
    }

    @Test
    void rulesFailWhatConcernsZones() throws Exception {
        device.faults().on(Operation.ZONE_APPEND).times(1).fail(Errno.ENOSPC);
        assertThat(request(Batch.OP_ZONE_APPEND, ZONE, 4096, filled(1)).result())
                .isEqualTo(-Errno.ENOSPC.number());
        assertThat(append(ZONE, 2)).isEqualTo(ZONE);
        device.faults().on(Operation.ZONE_RESET).bytes(2 * ZONE, 512).fail(Errno.EIO);
        assertThat(request(Batch.OP_ZONE_RESET, ZONE, 0, null).result()).isZero();
        assertThat(request(Batch.OP_ZONE_RESET, 2 * ZONE, 0, null).result()).isEqualTo(-Errno.EIO.number());
        device.faults().on(Operation.WRITE).bytes(3 * ZONE, 512).fail(Errno.EIO);
        assertThat(write(3 * ZONE, 1).resultAt(0)).isEqualTo(-Errno.EIO.number());
        assertThat(condition(3)).as("nothing was written").isEqualTo(1);
    }

    @Test
    void whatRulesKeepWaitingIsDoneAfterwards() throws Exception {
        Fault held = device.faults()
                .on(Operation.ZONE_APPEND, Operation.ZONE_REPORT)
                .times(2)
                .hold();
        CompletableFuture<Completion> append = submit(Batch.OP_ZONE_APPEND, ZONE, 4096, filled(7));
        CompletableFuture<Completion> report = submit(Batch.OP_ZONE_REPORT, ZONE, 64, null);
        held.awaitHits(2, Duration.ofSeconds(20));
        write(2 * ZONE, 1);
        assertThat(append.isDone() || report.isDone()).isFalse();
        held.release();
        assertThat(ByteBuffer.wrap(append.get(20, SECONDS).data()).getLong()).isEqualTo(ZONE / 512);
        assertThat(ByteBuffer.wrap(report.get(20, SECONDS).data())
                        .order(ByteOrder.nativeOrder())
                        .getLong())
                .isEqualTo(ZONE / 512);
        assertThat(read(ZONE)).isEqualTo(filled(7));
        assertThat(device.journal().requests().get(0).info().offset()).isEqualTo(ZONE);
    }

    @Test
    void whatCannotBeOfZonesIsRefused() {
        for (Runnable arm : java.util.List.<Runnable>of(
                () -> device.faults().on(Operation.WRITE).lose(),
                () -> device.faults().on(Operation.WRITE).tear(Tear.prefix(1)),
                () -> device.faults().on(Operation.WRITE).misdirect(4096))) {
            assertThatThrownBy(arm::run)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("zoned");
        }
        assertThatThrownBy(() -> device.faults().on(Operation.ZONE_APPEND).flipBits(1))
                .isInstanceOf(IllegalArgumentException.class);
        for (Runnable call : java.util.List.<Runnable>of(
                () -> device.powerCut(Survivors.NONE),
                () -> device.resize(2 * SIZE),
                () -> device.snapshot(),
                () -> device.unflushed())) {
            assertThatThrownBy(call::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("zoned");
        }
    }
}
