// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.Placement;
import io.dblock.Snapshot;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A fork of what a cut would leave: whether it leaves a snapshot behind is not to be seen from outside. */
class SurvivorsForkIT {
    private static final int BLOCK = 4096;

    private static void write(BlockDevice disk, int value, boolean flush) throws IOException {
        try (FileChannel channel = disk.openChannel()) {
            ByteBuffer block = ByteBuffer.allocate(BLOCK);
            while (block.hasRemaining()) {
                block.put((byte) value);
            }
            channel.write(block.flip(), (value - 1) * (long) BLOCK);
            if (flush) {
                channel.force(false);
            }
        }
    }

    private static List<Integer> values(BlockDevice disk) throws IOException {
        try (FileChannel channel = disk.openChannel()) {
            ByteBuffer blocks = ByteBuffer.allocate(3 * BLOCK);
            channel.read(blocks, 0);
            return List.of((int) blocks.get(0), (int) blocks.get(BLOCK), (int) blocks.get(2 * BLOCK));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SERVER_PROCESS", "TEST_JVM"})
    void itHasWhatSurvivesLeavesNoSnapshotAndTheDiskGoesOn(Placement placement) throws Exception {
        try (BlockDevice disk =
                BlockDevice.builder().size("16MiB").placement(placement).create()) {
            Offspring offspring = ((LiveDevice) disk).offspring();
            write(disk, 1, true);
            write(disk, 2, false);
            write(disk, 3, false);
            try (BlockDevice none = disk.fork(Survivors.NONE);
                    BlockDevice one = disk.fork(Survivors.prefix(1));
                    BlockDevice all = disk.fork(Survivors.ALL)) {
                assertThat(offspring.snapshots()).isEmpty();
                assertThat(values(none)).containsExactly(1, 0, 0);
                assertThat(values(one)).containsExactly(1, 2, 0);
                assertThat(values(all)).containsExactly(1, 2, 3);
                try (BlockDevice second = one.fork(Survivors.NONE)) {
                    assertThat(values(second)).containsExactly(1, 2, 0);
                }
                assertThat(one.spec().size()).isEqualTo(disk.size());
            }
            assertThat(values(disk)).containsExactly(1, 2, 3);
            assertThat(disk.unflushed()).hasSize(2);
            try (Snapshot left = disk.snapshot(Survivors.NONE);
                    BlockDevice fork = left.fork()) {
                assertThat(offspring.snapshots()).as("of the long form").containsExactly((LiveSnapshot) left);
                assertThat(values(fork)).containsExactly(1, 0, 0);
            }
            assertThatThrownBy(() -> disk.fork(Survivors.of(List.of(4711L))))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(offspring.snapshots()).as("after a failure").isEmpty();
        }
    }
}
