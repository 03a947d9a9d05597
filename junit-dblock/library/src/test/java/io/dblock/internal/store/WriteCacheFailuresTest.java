// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A store, such as a file on a full disk, fails. */
@Timeout(60)
class WriteCacheFailuresTest {
    private static final int BLOCK = 512;

    private final FailingStore store = new FailingStore(new MemoryStore(64 * BLOCK));
    private final WriteCache cache = new WriteCache(store, BLOCK, true, e -> {});

    @AfterEach
    void close() throws Exception {
        store.failsReads = false;
        store.failsWrites = false;
        cache.close();
    }

    private void write(long offset, int length, int value) throws IOException {
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        cache.completed(cache.write(offset, ByteBuffer.wrap(data), false, value, 0, cache.position()));
    }

    private int valueAt(long offset) throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(BLOCK);
        cache.read(offset, dst, cache.position());
        return dst.get(0);
    }

    @Test
    void whatAFailedWriteLeavesIsCachedLikeAWrite() throws Exception {
        write(0, 4 * BLOCK, 1);
        cache.flush(0, cache.position());
        store.failsWrites = true;
        assertThatThrownBy(() -> write(0, 4 * BLOCK, 2)).hasMessage("told to fail");
        store.failsWrites = false;
        assertThat(valueAt(0)).as("half of it was done").isEqualTo(2);
        assertThat(valueAt(3 * BLOCK)).isEqualTo(1);
        cache.cut(Survivors.NONE);
        cache.restore();
        assertThat(valueAt(0)).isEqualTo(1);
        store.failsWrites = true;
        assertThatThrownBy(() -> write(0, 4 * BLOCK, 2)).hasMessage("told to fail");
        store.failsWrites = false;
        cache.flush(0, cache.position());
        assertThat(cache.unflushed()).as("a flush covers it").isEmpty();
    }

    @Test
    void aWriteWhoseOldDataCannotBeReadIsNotMade() throws Exception {
        write(0, BLOCK, 1);
        store.failsReads = true;
        assertThatThrownBy(() -> write(0, 2 * BLOCK, 2)).hasMessage("told to fail");
        store.failsReads = false;
        assertThat(valueAt(0)).isEqualTo(1);
        assertThat(cache.unflushed()).extracting(UnflushedWrite::sequence).containsExactly(1L);
    }

    @Test
    void aFailedFlushMakesNothingDurable() throws Exception {
        write(0, BLOCK, 1);
        store.failsFlushes = true;
        assertThatThrownBy(() -> cache.flush(0, cache.position())).hasMessage("told to fail");
        assertThat(cache.unflushed()).hasSize(1);
        store.failsFlushes = false;
        cache.flush(0, cache.position());
        assertThat(cache.unflushed()).isEmpty();
    }

    @Test
    void aStoreThatCannotBeRolledBackKeepsThePowerOffForGood() throws Exception {
        write(0, BLOCK, 1);
        cache.flush(0, cache.position());
        write(0, BLOCK, 2);
        cache.cut(Survivors.NONE);
        store.failsWrites = true;
        assertThatThrownBy(cache::restore).hasMessage("told to fail");
        store.failsWrites = false;
        assertThatThrownBy(cache::restore)
                .isInstanceOf(IOException.class)
                .hasMessage("The content that the power cut has left could not be written earlier.")
                .hasRootCauseMessage("told to fail");
        assertThatThrownBy(cache::snapshot).hasMessageStartingWith("The content that the power cut has left");
        assertThat(cache.powered()).isFalse();
        assertThatThrownBy(() -> valueAt(0)).isInstanceOf(IOException.class);
        assertThatThrownBy(cache::close).isInstanceOf(IOException.class);
    }
}
