// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ChunkTest {

    /** Otherwise the kernel, which puts the data of writes there, comes to a missing page with each of them. */
    @Test
    void aNewChunkGetsItsPagesTogether() throws Exception {
        Chunk chunk = new BlockLog().take(Chunk.SIZE);
        assertThat(Mapping.heldIn(chunk.memory().address(), Chunk.SIZE)).isZero();
        chunk.touch(BlockLog.BLOCK);
        assertThat(Mapping.heldIn(chunk.memory().address(), Chunk.SIZE)).isEqualTo(BlockLog.TOGETHER);
    }
}
