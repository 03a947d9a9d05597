// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The memory that a disk without a write cache has in reserve. */
class ReserveTest {
    private static final int CHUNKS = 8;
    private static final long SIZE = (long) CHUNKS * Chunk.SIZE;
    private static final int WRITE = 1 << 20;

    private final List<NativeMemory> all = new ArrayList<>();
    private final BlockLog log = new BlockLog(
            null,
            false,
            size -> {
                NativeMemory memory = NativeMemory.allocateMapped(size);
                all.add(memory);
                return memory;
            },
            new ArrayDeque<>());

    private static void write(WriteCache disk, byte content) throws IOException {
        for (long offset = 0; offset < SIZE; offset += WRITE) {
            ByteBuffer data = ByteBuffer.allocate(WRITE);
            for (int i = 0; i < WRITE; i += BlockLog.BLOCK) {
                data.put(i, content);
            }
            disk.completed(disk.write(offset, data, false, offset, 0, disk.position()));
        }
    }

    /** Returns how many chunks there is memory for in this process, unused ones included. */
    private long held() throws IOException {
        long held = 0;
        for (Mapping mapping : Mapping.all()) {
            if (all.stream().anyMatch(memory -> mapping.has(memory.address()))) {
                held += mapping.held();
            }
        }
        return held / Chunk.SIZE;
    }

    @Test
    void whatWasDiscardedNeedsNone() throws Exception {
        try (MemoryStore store = new MemoryStore(log, SIZE);
                WriteCache disk = new WriteCache(store, BlockLog.BLOCK, false, evicted -> {})) {
            write(disk, (byte) 1);
            long full = held();
            assertThat(full).as("chunks of a full disk").isGreaterThan(CHUNKS * 3 / 2);

            disk.completed(disk.discard(0, SIZE * 3 / 4, 1, 0, disk.position()));
            assertThat(held()).as("chunks of a disk with a quarter").isLessThan(full - CHUNKS * 3 / 4);

            write(disk, (byte) 2);
            assertThat(held()).as("chunks of a disk that is full again").isGreaterThan(CHUNKS * 3 / 2);
            ByteBuffer data = ByteBuffer.allocate(1);
            store.read(SIZE - BlockLog.BLOCK, data);
            assertThat(data.get(0)).isEqualTo((byte) 2);
        }
    }
}
