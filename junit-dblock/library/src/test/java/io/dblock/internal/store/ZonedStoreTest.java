// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static io.dblock.internal.store.ZonedStore.Condition.CLOSED;
import static io.dblock.internal.store.ZonedStore.Condition.EMPTY;
import static io.dblock.internal.store.ZonedStore.Condition.EXPLICITLY_OPEN;
import static io.dblock.internal.store.ZonedStore.Condition.FULL;
import static io.dblock.internal.store.ZonedStore.Condition.IMPLICITLY_OPEN;
import static io.dblock.internal.store.ZonedStore.Condition.NOT_WRITE_POINTER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Zones;
import io.dblock.internal.store.ZonedStore.Condition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ZonedStoreTest {
    private static final int ZONE = 16384;
    private static final int BLOCK = 4096;
    private static final int COUNT = 10;
    private static final int CONVENTIONAL = 2;

    private ZonedStore store = new ZonedStore((long) COUNT * ZONE, new Zones(ZONE, CONVENTIONAL, 3, 4));

    @AfterEach
    void close() {
        store.close();
    }

    private static ByteBuffer block(int value) {
        byte[] data = new byte[BLOCK];
        Arrays.fill(data, (byte) value);
        return ByteBuffer.wrap(data);
    }

    private static long at(int zone) {
        return (long) zone * ZONE;
    }

    private Condition condition(int zone) {
        return store.zone(zone).condition();
    }

    private byte read(long offset) throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(BLOCK);
        store.read(offset, dst);
        return dst.get(BLOCK - 1);
    }

    private interface Call {
        void run() throws IOException;
    }

    /** What it fails with; null if it does not. */
    private static Errno errno(Call call) throws IOException {
        try {
            call.run();
            return null;
        } catch (BlockIOException e) {
            return e.errno();
        }
    }

    @Test
    void writesGoWhereTheZoneIsWritten() throws Exception {
        store.write(at(3), block(1));
        assertThat(condition(3)).isEqualTo(IMPLICITLY_OPEN);
        assertThat(errno(() -> store.write(at(3), block(2)))).isEqualTo(Errno.EIO);
        assertThat(errno(() -> store.write(at(3) + 2 * BLOCK, block(2)))).isEqualTo(Errno.EIO);
        store.write(at(3) + BLOCK, block(2));
        assertThat(store.append(at(3), block(3))).isEqualTo(at(3) + 2 * BLOCK);
        assertThat(store.zone(3).writePointer()).isEqualTo(at(3) + 3 * BLOCK);
        assertThat(read(at(3))).isEqualTo((byte) 1);
        assertThat(read(at(3) + 2 * BLOCK)).isEqualTo((byte) 3);
        assertThat(read(at(3) + 3 * BLOCK)).as("beyond the write pointer").isZero();
    }

    @Test
    void conventionalZonesAreWrittenAnywhereAndHaveNoState() throws Exception {
        store.write(at(1) + BLOCK, block(1));
        store.write(at(1), block(2));
        assertThat(condition(1)).isEqualTo(NOT_WRITE_POINTER);
        for (Call call : List.<Call>of(
                () -> store.open(at(1)),
                () -> store.close(at(1)),
                () -> store.finish(at(1)),
                () -> store.reset(at(1)),
                () -> store.append(at(1), block(3)))) {
            assertThat(errno(call)).isEqualTo(Errno.EIO);
        }
        store.resetAll();
        assertThat(read(at(1))).isEqualTo((byte) 2);
    }

    @Test
    void nothingIsWrittenOverAZonesEnd() throws Exception {
        ByteBuffer tooMuch = ByteBuffer.allocate(ZONE + BLOCK);
        assertThat(errno(() -> store.write(at(3), tooMuch))).isEqualTo(Errno.EIO);
        assertThat(errno(() -> store.write(at(0), tooMuch))).as("conventional").isEqualTo(Errno.EIO);
        store.write(at(3), ByteBuffer.allocate(ZONE - BLOCK));
        assertThat(errno(() -> store.append(at(3), ByteBuffer.allocate(2 * BLOCK))))
                .isEqualTo(Errno.EIO);
        assertThat(condition(3)).isEqualTo(IMPLICITLY_OPEN);
        store.append(at(3), block(1));
        assertThat(condition(3)).isEqualTo(FULL);
        assertThat(errno(() -> store.append(at(3), block(1)))).isEqualTo(Errno.EIO);
        assertThat(errno(() -> store.open(at(3)))).isEqualTo(Errno.EIO);
        assertThat(errno(() -> store.close(at(3)))).isEqualTo(Errno.EIO);
        assertThat(errno(() -> store.finish(at(3)))).isNull();
    }

    @Test
    void aResetZoneIsEmptyAndReadsAsZeros() throws Exception {
        store.write(at(3), block(1));
        store.write(at(4), block(1));
        store.reset(at(3));
        assertThat(condition(3)).isEqualTo(EMPTY);
        assertThat(read(at(3))).isZero();
        assertThat(read(at(4))).isEqualTo((byte) 1);
        store.write(at(3), block(2));
        store.resetAll();
        assertThat(condition(3)).isEqualTo(EMPTY);
        assertThat(condition(4)).isEqualTo(EMPTY);
        assertThat(read(at(4))).isZero();
    }

    @Test
    void anEmptyZoneIsClosedAsEmptyAndAFinishedOneIsFull() throws Exception {
        store.open(at(3));
        store.open(at(3));
        assertThat(condition(3)).isEqualTo(EXPLICITLY_OPEN);
        store.close(at(3));
        assertThat(condition(3)).isEqualTo(EMPTY);
        assertThat(errno(() -> store.close(at(3)))).isEqualTo(Errno.EIO);
        store.write(at(3), block(1));
        store.close(at(3));
        store.close(at(3));
        assertThat(condition(3)).isEqualTo(CLOSED);
        store.finish(at(3));
        assertThat(store.zone(3)).isEqualTo(new ZonedStore.Zone(at(3), at(4), FULL));
        assertThat(errno(() -> store.write(at(3) + BLOCK, block(1)))).isEqualTo(Errno.EIO);
    }

    @Test
    void theZoneOpenTheLongestIsClosedForAnotherAndExplicitOnesStay() throws Exception {
        store.write(at(3), block(1));
        store.write(at(4), block(1));
        store.open(at(5));
        store.write(at(6), block(1));
        assertThat(condition(3)).isEqualTo(CLOSED);
        assertThat(condition(4)).isEqualTo(IMPLICITLY_OPEN);
        assertThat(condition(5)).isEqualTo(EXPLICITLY_OPEN);
        assertThat(errno(() -> store.write(at(7), block(1)))).isEqualTo(Errno.EOVERFLOW);
        store.reset(at(3));
        store.open(at(4));
        store.open(at(6));
        assertThat(errno(() -> store.write(at(7), block(1)))).isEqualTo(Errno.ETOOMANYREFS);
        assertThat(errno(() -> store.finish(at(7)))).isEqualTo(Errno.ETOOMANYREFS);
        assertThat(condition(7)).isEqualTo(EMPTY);
        store.close(at(5));
        store.write(at(7), block(1));
        assertThat(condition(7)).isEqualTo(IMPLICITLY_OPEN);
    }

    @Test
    void aReportIsWhatTheKernelExpects() throws Exception {
        store.write(at(2), block(1));
        store.finish(at(3));
        ByteBuffer report =
                ByteBuffer.allocate(ZonedStore.REPORTED * (COUNT + 1)).order(ByteOrder.nativeOrder());
        store.report(at(1), report);
        long sectors = ZONE / 512;
        assertThat(List.of(report.getLong(0), report.getLong(8), report.getLong(16), report.getLong(32)))
                .containsExactly(sectors, sectors, -1L, sectors);
        assertThat(List.of(report.get(24), report.get(25))).containsExactly((byte) 1, (byte) 0);
        assertThat(report.getLong(64 + 16)).isEqualTo(2 * sectors + BLOCK / 512);
        assertThat(List.of(report.get(64 + 24), report.get(64 + 25))).containsExactly((byte) 2, (byte) 2);
        assertThat(report.getLong(128 + 16)).isEqualTo(4 * sectors);
        assertThat(report.get(128 + 25)).isEqualTo((byte) 0xe);
        assertThat(report.getLong(ZonedStore.REPORTED * (COUNT - 1)))
                .as("no more than there are")
                .isZero();
        assertThat(report.getLong(ZonedStore.REPORTED * (COUNT - 1) + 8)).isZero();
    }

    @Test
    void aSizeThatIsNotMadeOfZonesIsRefused() {
        assertThatThrownBy(() -> new ZonedStore(ZONE + BLOCK, new Zones(ZONE, 0, 0, 0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("zone size");
        assertThat(catchThrowableOfType(IllegalArgumentException.class, () -> new Zones(ZONE + 1, 0, 0, 0)))
                .hasMessageContaining("powers of two");
        assertThatThrownBy(() -> new Zones(ZONE, 0, 4, 3)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void moreZonesThanTheModuleTakesAreRefused() {
        assertThatThrownBy(() -> new ZonedStore(4096L << 21, new Zones(4096, 0, 0, 0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2097152 zones of 4096 bytes. Allowed: 1048576 zones");
        new Zones(ZONE, 0, 65536, 65536);
        assertThatThrownBy(() -> new Zones(ZONE, 0, 65537, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("maxOpenZones is 65537. Allowed: 1 to 65536");
        assertThatThrownBy(() -> new Zones(ZONE, 0, 0, 65537))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("maxActiveZones is 65537");
    }

    /** A zone of the model. */
    private static final class Model {
        Condition condition = EMPTY;
        int written;
        long since;

        boolean isOpen() {
            return condition == IMPLICITLY_OPEN || condition == EXPLICITLY_OPEN;
        }
    }

    /** What it fails with to have one more zone open; null if it can be had. */
    private static Errno makeRoom(List<Model> model, Model zone) {
        long open = model.stream().filter(Model::isOpen).count();
        long active = open + model.stream().filter(m -> m.condition == CLOSED).count();
        if (zone.condition == EMPTY && active >= 4) {
            return Errno.EOVERFLOW;
        }
        if (open >= 3) {
            Model oldest = model.stream()
                    .filter(m -> m.condition == IMPLICITLY_OPEN)
                    .min((a, b) -> Long.compare(a.since, b.since))
                    .orElse(null);
            if (oldest == null) {
                return Errno.ETOOMANYREFS;
            }
            oldest.condition = CLOSED;
        }
        return null;
    }

    @Test
    void aModelOfThousandsOfRequestsHolds() throws Exception {
        for (long seed = 0; seed < 20; seed++) {
            store.close();
            store = new ZonedStore((long) COUNT * ZONE, new Zones(ZONE, 0, 3, 4));
            Random random = new Random(seed);
            List<Model> model = new ArrayList<>();
            for (int i = 0; i < COUNT; i++) {
                model.add(new Model());
            }
            byte[] data = new byte[COUNT * ZONE];
            for (int step = 1; step < 1000; step++) {
                int z = random.nextInt(COUNT);
                Model zone = model.get(z);
                Errno expected = null;
                Errno found;
                int value = step;
                switch (random.nextInt(8)) {
                    case 0 -> {
                        if (zone.condition == FULL) {
                            expected = Errno.EIO;
                        } else if (zone.condition == EMPTY || zone.condition == CLOSED) {
                            expected = makeRoom(model, zone);
                        }
                        if (expected == null) {
                            zone.condition = EXPLICITLY_OPEN;
                        }
                        found = errno(() -> store.open(at(z)));
                    }
                    case 1 -> {
                        if (zone.condition == EMPTY || zone.condition == FULL) {
                            expected = Errno.EIO;
                        } else {
                            zone.condition = zone.written == 0 ? EMPTY : CLOSED;
                        }
                        found = errno(() -> store.close(at(z)));
                    }
                    case 2 -> {
                        if (zone.condition == EMPTY || zone.condition == CLOSED) {
                            expected = makeRoom(model, zone);
                        }
                        if (expected == null) {
                            zone.condition = FULL;
                            zone.written = ZONE;
                        }
                        found = errno(() -> store.finish(at(z)));
                    }
                    case 3 -> {
                        zone.condition = EMPTY;
                        zone.written = 0;
                        Arrays.fill(data, z * ZONE, (z + 1) * ZONE, (byte) 0);
                        found = errno(() -> store.reset(at(z)));
                    }
                    default -> {
                        boolean append = random.nextBoolean();
                        int to = append || random.nextInt(4) > 0 ? zone.written : random.nextInt(4) * BLOCK;
                        if (to != zone.written || zone.condition == FULL) {
                            expected = Errno.EIO;
                        } else if (!zone.isOpen()) {
                            expected = makeRoom(model, zone);
                            if (expected == null) {
                                zone.condition = IMPLICITLY_OPEN;
                                zone.since = step;
                            }
                        }
                        if (expected == null) {
                            Arrays.fill(data, z * ZONE + to, z * ZONE + to + BLOCK, (byte) value);
                            zone.written += BLOCK;
                            if (zone.written == ZONE) {
                                zone.condition = FULL;
                            }
                        }
                        found = errno(() -> {
                            if (append) {
                                assertThat(store.append(at(z), block(value))).isEqualTo(at(z) + to);
                            } else if (to < ZONE) {
                                store.write(at(z) + to, block(value));
                            } else {
                                throw new BlockIOException(Errno.EIO);
                            }
                        });
                    }
                }
                String where = "seed " + seed + ", step " + step + ", zone " + z;
                assertThat(found).as(where).isEqualTo(expected);
                for (int i = 0; i < COUNT; i++) {
                    assertThat(store.zone(i))
                            .as(where)
                            .isEqualTo(
                                    new ZonedStore.Zone(at(i), at(i) + model.get(i).written, model.get(i).condition));
                }
            }
            ByteBuffer all = ByteBuffer.allocate(data.length);
            store.read(0, all);
            assertThat(all.array()).isEqualTo(data);
        }
    }
}
