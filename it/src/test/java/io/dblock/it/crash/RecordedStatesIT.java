// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.CacheMode;
import io.dblock.Snapshot;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.handler.Operation;
import io.dblock.journal.ContentHash;
import io.dblock.journal.RequestEntry;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The states of a recording are, byte by byte, what the power cuts of a device leave. */
@Timeout(300)
class RecordedStatesIT {
    private static final int PAGE = 4096;
    private static final int SIZE = 1 << 20;

    private static void write(FileChannel channel, int page, int pages, int value) throws IOException {
        ByteBuffer data = ByteBuffer.allocateDirect((pages + 1) * PAGE).alignedSlice(PAGE);
        for (int i = 0; i < pages * PAGE; i++) {
            data.put(i, (byte) (value + i / PAGE));
        }
        channel.write(data.position(0).limit(pages * PAGE), (long) page * PAGE);
    }

    private static long content(Path node) throws IOException {
        return ContentHash.of(Files.readAllBytes(node));
    }

    @Test
    void eachStateIsWhatAPowerCutLeaves() throws Exception {
        try (BlockDevice disk = BlockDevice.builder().size("1MiB").create()) {
            Set<Long> found = new HashSet<>();
            CrashReport report = CrashTest.of(disk)
                    .atomic(PAGE)
                    .every(1 << 10)
                    .samples(0)
                    .workload(run -> {
                        try (FileChannel channel = disk.openChannel()) {
                            write(channel, 0, 4, 1);
                            channel.force(false);
                            run.acknowledge("first");
                            disk.journal().mark("unflushed");
                            write(channel, 0, 1, 20);
                            write(channel, 1, 1, 40);
                            write(channel, 9, 1, 60);
                            write(channel, 1, 1, 80);
                        }
                    })
                    .check(state -> {
                        if (!state.acknowledged().isEmpty()) {
                            found.add(content(state.path()));
                        }
                    })
                    .verify();
            System.out.println("states of a raw disk: " + report);

            List<Long> writes = disk.journal().requestsSince("unflushed").stream()
                    .filter(request -> request.is(Operation.WRITE))
                    .map(RequestEntry::sequence)
                    .toList();
            assertThat(writes).hasSize(4);
            Set<Long> expected = new HashSet<>();
            for (int subset = 0; subset < 1 << writes.size(); subset++) {
                List<Long> kept = new ArrayList<>();
                for (int i = 0; i < writes.size(); i++) {
                    if ((subset & (1 << i)) != 0) {
                        kept.add(writes.get(i));
                    }
                }
                try (Snapshot after = disk.snapshot(Survivors.of(kept))) {
                    expected.add(ContentHash.of(after.read(0, SIZE)));
                }
            }
            assertThat(found).isEqualTo(expected).hasSize(2 * 2 * 3);

            assertThat(disk.powerCut(Survivors.of(writes.get(1), writes.get(2))).writes())
                    .hasSize(4);
            disk.restorePower();
            assertThat(found).contains(content(disk.path()));
        }
    }

    @Test
    void aDiskWithoutCacheHasOneStateAtAMoment() throws Exception {
        try (BlockDevice disk =
                BlockDevice.builder().size("1MiB").cache(CacheMode.NONE).create()) {
            CrashReport report = CrashTest.of(disk)
                    .workload(run -> {
                        try (FileChannel channel = disk.openChannel()) {
                            write(channel, 0, 2, 1);
                            write(channel, 1, 2, 50);
                        }
                    })
                    .check(state -> assertThat(state.acknowledged()).isEmpty())
                    .verify();
            assertThat(report.checked() + report.pruned()).isEqualTo(3);
        }
    }
}
