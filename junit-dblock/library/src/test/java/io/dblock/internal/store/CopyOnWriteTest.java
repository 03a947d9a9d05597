// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class CopyOnWriteTest extends BlockHandlerContract
        implements BlockHandlerContract.StartsWithContent,
                BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) throws IOException {
        return new MemoryStore(base(content));
    }

    private static MemoryStore base(byte[] content) throws IOException {
        MemoryStore base = new MemoryStore(content.length);
        base.write(0, ByteBuffer.wrap(content), WriteFlags.NONE);
        return base;
    }

    @Test
    void theBaseIsNotWrittenTo() throws Exception {
        byte[] content = random(1, SIZE);
        MemoryStore base = base(content);
        try (MemoryStore store = new MemoryStore(base)) {
            store.write(BLOCK, ByteBuffer.allocate(BLOCK), WriteFlags.NONE);
            store.discard(65536, 65536);
            store.writeZeroes(SIZE - BLOCK, BLOCK, false);
            store.flush();
            ByteBuffer after = ByteBuffer.allocate(SIZE);
            base.read(0, after);
            assertThat(after.array()).isEqualTo(content);
        }
    }

    @Test
    void itKnowsWhereItsDataAre() throws Exception {
        MemoryStore base = new MemoryStore(SIZE);
        base.write(40960, ByteBuffer.allocate(4096), WriteFlags.NONE);
        base.write(81920, ByteBuffer.allocate(4096), WriteFlags.NONE);
        try (MemoryStore store = new MemoryStore(base)) {
            store.write(4096, ByteBuffer.allocate(BLOCK), WriteFlags.NONE);
            store.discard(40960, 4096);
            assertThat(store.findData(0, SIZE)).isEqualTo(4096);
            assertThat(store.findHole(4096, SIZE)).isEqualTo(4096 + BLOCK);
            assertThat(store.findData(8192, SIZE))
                    .as("the discarded data are passed over")
                    .isEqualTo(81920);
            assertThat(store.findHole(81920, SIZE)).isEqualTo(86016);
            assertThat(store.findData(86016, SIZE)).isEqualTo(SIZE);
        }
    }

    @Test
    void aClosedOneRefusesAndHasClosedItsBase() throws Exception {
        MemoryStore base = new MemoryStore(SIZE);
        MemoryStore store = new MemoryStore(base);
        store.close();
        assertThatThrownBy(() -> store.read(0, ByteBuffer.allocate(BLOCK))).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> base.read(0, ByteBuffer.allocate(BLOCK))).isInstanceOf(IllegalStateException.class);
    }
}
