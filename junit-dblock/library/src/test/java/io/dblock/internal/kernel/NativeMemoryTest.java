// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class NativeMemoryTest {
    /** Less than anybody may lock. */
    private static final int SIZE = 32 << 10;

    @Test
    void lockedMemoryIsGivenBackAndStaysLocked() throws Exception {
        giveBack(memory -> memory.release(0, SIZE));
    }

    @Test
    void itIsOnAnOlderKernelToo() throws Exception {
        giveBack(memory -> assertThat(NativeMemory.discardByUnlocking(memory.address(), SIZE))
                .isTrue());
    }

    private static void giveBack(Consumer<NativeMemory> way) throws IOException {
        try (NativeMemory memory = NativeMemory.map(SIZE)) {
            assertThat(Libc.INSTANCE.lock(memory.address(), SIZE))
                    .as("mlock2, which ulimit -l allows")
                    .isZero();
            assertThat(kibibytes(memory, "Rss:")).as("only what is touched").isZero();
            fill(memory);
            assertThat(kibibytes(memory, "Locked:")).isEqualTo(SIZE >> 10);

            way.accept(memory);

            assertThat(kibibytes(memory, "Rss:")).isZero();
            byte[] content = new byte[SIZE];
            memory.view(0, SIZE).get(content);
            assertThat(content).containsOnly(0);
            fill(memory);
            assertThat(kibibytes(memory, "Locked:")).isEqualTo(SIZE >> 10);
        }
    }

    private static void fill(NativeMemory memory) {
        ByteBuffer view = memory.view(0, SIZE);
        while (view.hasRemaining()) {
            view.put((byte) 1);
        }
    }

    /** A line of /proc/self/smaps about the mapping. */
    private static long kibibytes(NativeMemory memory, String name) throws IOException {
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                inside = line.startsWith(Long.toHexString(memory.address()) + "-");
            } else if (inside && line.startsWith(name)) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new AssertionError("no mapping begins at " + Long.toHexString(memory.address()));
    }
}
