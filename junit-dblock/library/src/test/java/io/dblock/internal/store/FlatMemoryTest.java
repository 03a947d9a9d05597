// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlatMemoryTest extends BlockHandlerContract
        implements BlockHandlerContract.ChecksRanges,
                BlockHandlerContract.Writes,
                BlockHandlerContract.ZeroesAndDiscards,
                BlockHandlerContract.ManyThreads {
    @Override
    BlockHandler create(byte[] content) {
        return new FlatMemory(content.length);
    }

    @Test
    void zeroesOverWhatWasNeverWrittenCostNothing() throws IOException {
        long size = 1L << 43; // more than any machine has
        try (FlatMemory store = new FlatMemory(size)) {
            ByteBuffer ones = ByteBuffer.allocate(8192);
            Arrays.fill(ones.array(), (byte) 1);
            store.write(size / 2 + 512, ones, WriteFlags.NONE);

            store.writeZeroes(1024, size - 2048, false);

            assertThat(store.findHole(size / 2 + 512, size)).as("blocks stay").isEqualTo(size / 2 + 12288);
            ByteBuffer read = ByteBuffer.allocate(16384);
            store.read(size / 2, read);
            assertThat(read.array()).containsOnly(0);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 57, 1L << 58, (1L << 61) + 512, Long.MAX_VALUE - 511, Long.MAX_VALUE})
    void aSizeBeyondAllAddressesIsRefused(long size) {
        assertThatThrownBy(() -> new FlatMemory(size))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining(Long.toString(size))
                .hasMessageContaining("Allowed:");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -512})
    void aSizeThatIsNotPositiveIsRefused(long size) {
        assertThatThrownBy(() -> new FlatMemory(size))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Allowed:");
    }

    @Test
    void aTebibyteCostsWhatIsWrittenToIt() throws Exception {
        try (FlatMemory store = new FlatMemory(1L << 40)) {
            assertThat(store.size()).isEqualTo(1L << 40);
            ByteBuffer data = ByteBuffer.wrap(random(1, 4096));
            for (long offset = 0; offset < 1L << 40; offset += 1L << 34) {
                store.write(offset, data.clear(), WriteFlags.NONE);
            }
            store.write((1L << 40) - 4096, data.clear(), WriteFlags.NONE);
            ByteBuffer back = ByteBuffer.allocate(4096);
            store.read((1L << 40) - 4096, back);
            assertThat(back.array()).isEqualTo(data.array());
            assertThat(mapping(store).held()).isLessThan(4 << 20);
        }
    }

    @Test
    void discardingGivesMemoryBack() throws Exception {
        long size = 256 << 20;
        try (FlatMemory store = new FlatMemory(size)) {
            ByteBuffer data = ByteBuffer.allocateDirect(1 << 20);
            for (long offset = 0; offset < size; offset += data.capacity()) {
                store.write(offset, data.clear(), WriteFlags.NONE);
            }
            long full = mapping(store).held();
            store.discard(0, size / 2);
            assertThat(full - mapping(store).held()).as("by discard").isGreaterThan(size / 2 - (4 << 20));
            store.writeZeroes(size / 2, size / 2, true);
            assertThat(full - mapping(store).held()).as("by zeroing").isGreaterThan(size - (4 << 20));
        }
    }

    @Test
    void zeroingWithoutUnmapKeepsItsMemory() throws Exception {
        long size = 128 << 20;
        try (FlatMemory store = new FlatMemory(size)) {
            ByteBuffer part = ByteBuffer.allocateDirect(1 << 20);
            for (long at = 0; at < size; at += part.capacity()) {
                store.write(at, part.clear(), WriteFlags.NONE);
            }
            store.writeZeroes(0, size, false);
            assertThat(mapping(store).held()).isGreaterThanOrEqualTo(size);
        }
    }

    @Test
    void itKnowsWhereItsDataAre() {
        long size = (1L << 40) + 512;
        try (FlatMemory store = new FlatMemory(size)) {
            assertThat(store.findData(0, size)).isEqualTo(size);
            store.write(1L << 39, ByteBuffer.allocate(512), WriteFlags.NONE);
            store.write(size - 512, ByteBuffer.allocate(512), WriteFlags.NONE);
            assertThat(store.findData(0, size)).isEqualTo(1L << 39);
            assertThat(store.findHole(1L << 39, size)).isEqualTo((1L << 39) + 4096);
            assertThat(store.findData((1L << 39) + 512, size))
                    .as("within a chunk")
                    .isEqualTo((1L << 39) + 512);
            assertThat(store.findData((1L << 39) + 4096, size)).isEqualTo(size - 512);
            store.discard(1L << 39, 512);
            assertThat(store.findData(0, size)).as("a chunk discarded in part").isEqualTo(1L << 39);
            store.discard(0, size);
            assertThat(store.findData(0, size)).isEqualTo(size);
        }
    }

    @Test
    void onlyASmallStoreMayGetHugePages() throws Exception {
        assumeTrue(Files.exists(Path.of("/sys/kernel/mm/transparent_hugepage/enabled")), "no huge pages here");
        try (FlatMemory large = new FlatMemory(1L << 40);
                FlatMemory small = new FlatMemory(1 << 20)) {
            assertThat(mapping(large).flags()).contains("nh");
            assertThat(mapping(small).flags()).doesNotContain("nh");
        }
    }

    private static Mapping mapping(FlatMemory store) throws IOException {
        store.write(0, ByteBuffer.allocate(1), WriteFlags.NONE);
        return Mapping.at(store.address(0, 1));
    }

    @Test
    void whatWasNeverWrittenIsReadWithoutTouchingItsPages() {
        try (FlatMemory store = new FlatMemory(1 << 20)) {
            long unwritten = store.address(8192, 4096);
            assertThat(store.address(4096, 4096))
                    .as("one place for all of them")
                    .isEqualTo(unwritten);
            ByteBuffer ones = ByteBuffer.allocate(512);
            Arrays.fill(ones.array(), (byte) 1);
            store.write(8192, ones, WriteFlags.NONE);
            assertThat(store.address(4096, 4096)).isEqualTo(unwritten);
            byte[] read = new byte[8192];
            NativeMemory.bufferAt(store.address(4096, 8192), 8192).get(read);
            assertThat(read[4095]).isZero();
            assertThat(read[4096]).isOne();
            NativeMemory.bufferAt(unwritten, 4096).get(read, 0, 4096);
            assertThat(Arrays.copyOf(read, 4096)).containsOnly(0);
            store.discard(0, 1 << 20);
            assertThat(store.address(8192, 4096)).isEqualTo(unwritten);
        }
    }

    @Test
    void aWriteGetsTheMemoryAroundItInUserModeLinux() throws Exception {
        long size = 256 << 20;
        int together = 1 << 16;
        try (FlatMemory store = new FlatMemory(size - 512, true, together)) {
            byte[] block = random(7, 512);
            for (long at = 0; at < size; at += together) {
                store.write(at + together - 1024, ByteBuffer.wrap(block), WriteFlags.NONE);
            }
            assertThat(Mapping.at(store.address(size - 1024, 512)).held()).isBetween(size, size + (4 << 20));
            byte[] back = new byte[2048];
            store.read(size - 2560, ByteBuffer.wrap(back));
            assertThat(Arrays.copyOfRange(back, 1536, 2048)).isEqualTo(block);
            assertThat(Arrays.copyOf(back, 1536)).containsOnly(0);
            // What is there is left alone.
            store.write(size - together, ByteBuffer.wrap(block), WriteFlags.NONE);
            store.read(size - 2560, ByteBuffer.wrap(back));
            assertThat(Arrays.copyOfRange(back, 1536, 2048)).isEqualTo(block);
        }
    }

    @Test
    void aRangeOverTheSeamOfItsBuffersIsReadWhole() {
        long seam = 1L << 30;
        try (FlatMemory store = new FlatMemory(2 * seam)) {
            byte[] data = random(5, 8192);
            store.write(seam - 4096, ByteBuffer.wrap(data), WriteFlags.NONE);
            ByteBuffer dst = ByteBuffer.allocateDirect(10_000);
            store.read(seam - 4096, dst, 100, 8192);
            byte[] back = new byte[8192];
            dst.get(100, back);
            assertThat(back).isEqualTo(data);
            assertThat(dst.position()).isZero();
        }
    }

    @Test
    void aClosedStoreRefusesInsteadOfTouchingFreedMemory() {
        FlatMemory store = new FlatMemory(4096);
        store.close();
        assertThatThrownBy(() -> store.read(0, ByteBuffer.allocate(512)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> store.write(0, ByteBuffer.allocate(512), WriteFlags.NONE))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> store.discard(0, 512)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> store.address(0, 512)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aSizeOfNothingIsRefused() {
        assertThatThrownBy(() -> new FlatMemory(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("size is 0. Allowed: at least 1 byte.");
    }
}
