// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.crash.CrashPoint.Lost;
import io.dblock.internal.crash.Replay.Unflushed;
import io.dblock.internal.store.MemoryStore;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.internal.store.Recording;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.internal.store.WriteCache;
import io.dblock.journal.ContentHash;
import io.dblock.power.CutReport;
import io.dblock.power.CutReport.CutWrite;
import io.dblock.power.Survivors;
import io.dblock.power.Survivors.Tearing;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A state that is made of a recording is, byte by byte, what a power cut leaves. */
@Timeout(120)
class RecordingTest {
    private static final int BLOCK = 512;
    private static final int SIZE = 64 << 10;

    private final WriteCache disk = new WriteCache(new MemoryStore(SIZE), BLOCK, true, evicted -> {});
    private final List<Long> underWay = new ArrayList<>();
    private long sequence;

    private void write(Random random) throws Exception {
        long offset = (long) random.nextInt(SIZE / BLOCK - 8) * BLOCK;
        int length = (1 + random.nextInt(8)) * BLOCK;
        byte[] data = new byte[length];
        random.nextBytes(data);
        if (random.nextInt(4) == 0) {
            data = new byte[length];
        }
        long ticket = disk.write(offset, ByteBuffer.wrap(data), random.nextInt(8) == 0, ++sequence, 0, disk.position());
        if (random.nextInt(6) == 0 && ticket != 0) {
            underWay.add(ticket);
        } else {
            disk.completed(ticket);
        }
    }

    private void step(Random random) throws Exception {
        switch (random.nextInt(12)) {
            case 0 -> disk.flush(0, disk.position());
            case 1 -> {
                long position = disk.position();
                write(random);
                disk.flush(0, position);
            }
            case 2 ->
                disk.completed(
                        disk.discard((long) random.nextInt(64) * BLOCK, 16L * BLOCK, ++sequence, 0, disk.position()));
            case 3 -> {
                if (!underWay.isEmpty()) {
                    disk.completed(underWay.remove(random.nextInt(underWay.size())));
                }
            }
            default -> write(random);
        }
    }

    private static byte[] content(StoreSnapshot snapshot) throws Exception {
        ByteBuffer all = ByteBuffer.allocate(SIZE);
        snapshot.read(0, all);
        return all.array();
    }

    private static byte[] content(WriteCache of) throws Exception {
        try (StoreSnapshot snapshot = of.snapshot()) {
            return content(snapshot);
        }
    }

    /** Returns the point that this report is of. */
    private static CrashPoint point(CutReport report, Replay replay) {
        List<Unflushed> pending = replay.to(replay.log().size()).unflushed();
        Map<Integer, BitSet> lost = new HashMap<>();
        for (Unflushed write : pending) {
            BitSet gone = new BitSet();
            for (CutWrite cut : report.writes()) {
                if (cut.sequence() == write.op().sequence()) {
                    for (long at = cut.offset(); at < cut.offset() + cut.length(); at += BLOCK) {
                        long byteAt = at;
                        if (cut.kept().stream()
                                .noneMatch(kept -> kept.offset() <= byteAt && byteAt < kept.offset() + kept.length())) {
                            gone.set((int) ((at - write.op().offset()) / BLOCK));
                        }
                    }
                }
            }
            lost.put(write.op().number(), gone);
        }
        List<Lost> all = CrashPoint.lostOf(pending, lost);
        return new CrashPoint(replay.log().size(), 0, all);
    }

    private static long[] changes(CrashLog log, int[] content) {
        Changes changes = new Changes(log);
        for (int block = 0; block < content.length; block++) {
            changes.add(block, content[block]);
        }
        ByteBuffer bytes = ByteBuffer.wrap(changes.bytes());
        long[] numbers = new long[bytes.remaining() / Long.BYTES];
        bytes.asLongBuffer().get(numbers);
        return numbers;
    }

    private void compare(long seed) throws Exception {
        Random random = new Random(seed);
        for (int i = 0; i < 30; i++) {
            step(random); // Some of what was there before is not flushed.
        }
        try (WriteCache other = new WriteCache(disk.snapshot().fork(), BLOCK, true, evicted -> {});
                Recording recording = disk.record()) {
            byte[] start = content(disk);
            for (int i = 0; i < 60; i++) {
                step(random);
            }
            RecordedRequests recorded = recording.end();
            assertThat(recorded.broken()).isEmpty();
            CrashLog log = new CrashLog(recorded, ContentHash.of(new byte[BLOCK]));
            Replay replay = new Replay(log);
            Survivors survivors =
                    switch ((int) (seed % 4)) {
                        case 0 -> Survivors.NONE;
                        case 1 -> Survivors.ALL;
                        case 2 -> Survivors.random(seed);
                        default -> Survivors.random(seed, 0.7).torn(Tearing.EACH);
                    };
            CutReport report = disk.cut(survivors);
            disk.restore();
            CrashPoint point = point(report, replay);
            other.show(recording, changes(log, replay.content(point)));
            assertThat(content(other)).as("seed %d, %s", seed, survivors).isEqualTo(content(disk));
            assertThat(point.id(replay.to(point.requests()).unflushed())).isNotEmpty();

            other.completed(other.write(0, ByteBuffer.wrap(new byte[SIZE / 2]), false, 1, 0, other.position()));
            other.show(recording, changes(log, replay.content(new CrashPoint(0, 0, List.of()))));
            assertThat(content(other)).as("the start").isEqualTo(start);
        }
    }

    @Test
    void aStateOfARecordingIsWhatACutLeaves() throws Exception {
        for (long seed = 0; seed < 200; seed++) {
            underWay.clear();
            compare(seed);
        }
        disk.close();
    }

    @Test
    void aRecordingWithACutIsNotUsed() throws Exception {
        try (Recording recording = disk.record()) {
            disk.cut(Survivors.NONE);
            disk.restore();
            assertThat(recording.end().broken()).isEqualTo("the power was cut");
        }
        disk.close();
    }

    @Test
    void oneRecordsAtATime() throws Exception {
        try (Recording recording = disk.record()) {
            assertThatThrownBy(disk::record)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("is being recorded already");
            assertThat(recording.count()).isZero();
        }
        disk.record().close();
        disk.close();
    }
}
