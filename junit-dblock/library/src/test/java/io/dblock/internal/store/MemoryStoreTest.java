// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryStoreTest extends BlockHandlerContract
        implements BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) {
        return new MemoryStore(content.length);
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 57, 1L << 58, (1L << 61) + 512, Long.MAX_VALUE - 511, Long.MAX_VALUE})
    void aSizeBeyondAnyIsRefused(long size) {
        assertThatThrownBy(() -> new MemoryStore(size))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining(Long.toString(size))
                .hasMessageContaining("Allowed:");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -512})
    void aSizeThatIsNotPositiveIsRefused(long size) {
        assertThatThrownBy(() -> new MemoryStore(size))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("size is " + size + ". Allowed: at least 1 byte.");
    }

    @Test
    void aTebibyteCostsWhatIsWrittenToIt() throws Exception {
        try (MemoryStore store = new MemoryStore(1L << 40)) {
            ByteBuffer data = ByteBuffer.wrap(random(1, 4096));
            for (long offset = 0; offset < 1L << 40; offset += 1L << 34) {
                store.write(offset, data.clear(), WriteFlags.NONE);
            }
            store.write((1L << 40) - 4096, data.clear(), WriteFlags.NONE);
            ByteBuffer back = ByteBuffer.allocate(4096);
            store.read((1L << 40) - 4096, back);
            assertThat(back.array()).isEqualTo(data.array());
            assertThat(store.log.memory()).isEqualTo(Chunk.SIZE);
        }
    }

    @Test
    void discardingGivesMemoryBackAndSoDoesZeroing() throws Exception {
        long size = 256 << 20;
        try (MemoryStore store = new MemoryStore(size)) {
            ByteBuffer data = ByteBuffer.allocateDirect(1 << 20);
            for (long offset = 0; offset < size; offset += data.capacity()) {
                store.write(offset, data.clear(), WriteFlags.NONE);
            }
            assertThat(store.log.memory()).isBetween(size, size + 2 * Chunk.SIZE);
            store.discard(0, size / 2);
            // Some is kept for what is written next.
            long most = size / 2 + (1 + BlockLog.MOST_KEPT) * (long) Chunk.SIZE;
            assertThat(store.log.memory()).as("by discard").isLessThanOrEqualTo(most);
            store.writeZeroes(size / 2, size / 2, false);
            assertThat(store.log.memory()).as("by zeroing").isLessThanOrEqualTo(2 * Chunk.SIZE);
        }
    }

    @Test
    void itKnowsWhereItsDataAre() throws Exception {
        long size = (1L << 40) + 512;
        try (MemoryStore store = new MemoryStore(size)) {
            assertThat(store.findData(0, size)).isEqualTo(size);
            store.write(1L << 39, ByteBuffer.allocate(1024), WriteFlags.NONE);
            store.write(size - 512, ByteBuffer.allocate(512), WriteFlags.NONE);
            assertThat(store.findData(0, size)).isEqualTo(1L << 39);
            assertThat(store.findHole(1L << 39, size)).isEqualTo((1L << 39) + 1024);
            assertThat(store.findData((1L << 39) + 1024, size)).isEqualTo(size - 512);
            store.discard(1L << 39, 512);
            assertThat(store.findData(0, size)).as("the rest").isEqualTo((1L << 39) + 512);
            store.discard(0, size);
            assertThat(store.findData(0, size)).isEqualTo(size);
        }
    }

    @Test
    void aClosedStoreRefuses() throws Exception {
        MemoryStore store = new MemoryStore(4096);
        store.close();
        assertThatThrownBy(() -> store.read(0, ByteBuffer.allocate(512)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> store.write(0, ByteBuffer.allocate(512), WriteFlags.NONE))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> store.discard(0, 512)).isInstanceOf(IllegalStateException.class);
    }
}
