// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.kernel.NativeMemory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BufferPoolTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 4096, 4097, 65536, 131072, 1 << 20, (1 << 20) + 512, 16 << 20})
    void aBufferIsLargeEnoughAndComesAgain(int size) {
        BufferPool pool = new BufferPool(32 << 20);
        NativeMemory buffer = pool.take(size);
        assertThat(buffer.size()).isBetween((long) size, Math.max(4096, 2L * size));
        assertThat(buffer.buffer().capacity()).isEqualTo((int) buffer.size());
        buffer.buffer().put(size - 1, (byte) 5);
        pool.release(buffer);
        assertThat(pool.take(size)).isSameAs(buffer);
        assertThat(pool.take(size)).isNotSameAs(buffer);
    }

    @Test
    void noMoreIsKeptThanItsLimit() {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory first = pool.take(1 << 20);
        NativeMemory second = pool.take(1 << 20);
        second.buffer().put(0, (byte) 5);
        pool.release(first);
        pool.release(second);
        assertThat(second.buffer().get(0)).as("its memory was given back").isZero();
        assertThat(pool.take(1 << 20)).isSameAs(first);
        assertThat(pool.take(1 << 20)).isNotSameAs(second);
    }

    @Test
    void trimmingGivesBackTheMemoryAndMakesRoom() {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory small = pool.take(4096);
        NativeMemory large = pool.take(1 << 19);
        large.buffer().put(77, (byte) 5);
        pool.release(small);
        pool.release(large);
        pool.trim();
        assertThat(large.buffer().get(77)).isZero();
        assertThat(pool.take(1 << 19)).isSameAs(large);
        assertThat(pool.take(4096)).isNotSameAs(small);
    }
}
