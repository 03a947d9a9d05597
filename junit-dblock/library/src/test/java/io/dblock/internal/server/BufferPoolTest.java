// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.NativeMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
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

    /** A missing page would have to be allocated when it is written to, and there may be no memory then. */
    @ParameterizedTest
    @ValueSource(ints = {4096, 1 << 16, 1 << 17, 1 << 20})
    void thePagesOfABufferAreThere(int size) throws Exception {
        BufferPool pool = new BufferPool(1 << 22);
        NativeMemory first = pool.take(size);
        assertThat(missingPages(first)).as("new").isZero();
        pool.release(first);
        pool.trim();
        NativeMemory second = pool.take(size);
        assertThat(missingPages(second)).as("after trimming").isZero();
        pool.release(second);
        assertThat(missingPages(pool.take(size))).as("used again").isZero();
    }

    @Test
    void aReservedBufferHasNoPagesUntilItIsUsedAndLosesThemWithItsRelease() throws Exception {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory buffer = pool.reserve(1 << 20);
        int pages = missingPages(buffer);
        assertThat(pages).isPositive();
        buffer.buffer().put(77, (byte) 5);
        assertThat(missingPages(buffer)).isEqualTo(pages - 1);
        pool.releaseReserved(buffer);
        assertThat(missingPages(buffer)).isEqualTo(pages);
        assertThat(pool.reserve(1 << 20)).isSameAs(buffer);
    }

    @Test
    void aReservedBufferThatComesAgainToBeTakenHasItsPages() throws Exception {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory buffer = pool.reserve(1 << 20);
        pool.releaseReserved(buffer);
        assertThat(pool.take(1 << 20)).isSameAs(buffer);
        assertThat(missingPages(buffer)).isZero();
    }

    @Test
    void aSmallBufferIsReservedAsItIsTaken() {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory buffer = pool.reserve(4096);
        pool.releaseReserved(buffer);
        assertThat(pool.take(4096)).isSameAs(buffer);
    }

    @Test
    void noMoreReservedBuffersAreKeptThanTheLimit() {
        BufferPool pool = new BufferPool(1 << 20);
        NativeMemory first = pool.reserve(1 << 20);
        NativeMemory second = pool.reserve(1 << 20);
        pool.releaseReserved(first);
        pool.releaseReserved(second);
        assertThat(pool.reserve(1 << 20)).isSameAs(first);
        assertThat(pool.reserve(1 << 20)).isNotSameAs(second);
    }

    private static int missingPages(NativeMemory memory) throws IOException {
        int missing = 0;
        long page = pageSize();
        ByteBuffer entry = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
        try (RandomAccessFile pages = new RandomAccessFile("/proc/self/pagemap", "r")) {
            for (long address = memory.address(); address < memory.address() + memory.size(); address += page) {
                pages.seek(address / page * Long.BYTES);
                pages.readFully(entry.array());
                boolean presentOrSwapped = entry.getLong(0) >>> 62 != 0;
                missing += presentOrSwapped ? 0 : 1;
            }
        }
        return missing;
    }

    private static long pageSize() throws IOException {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/smaps"))) {
            String line = lines.filter(text -> text.startsWith("KernelPageSize:"))
                    .findFirst()
                    .orElseThrow();
            return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
    }
}
