// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Tests of what a journal says about flushes. */
class FlushesTest {
    private final BlockDevice disk = FakeDisk.of("dblock0", List.of(), Optional.empty());
    private final ContainerDisk data = ContainerDisk.of(disk);

    @Test
    void aCommitThatFlushesIsFine() {
        assertThatCode(() -> data.requireFlush(FakeDisk.behind(disk)::flush)).doesNotThrowAnyException();
    }

    @Test
    void aCommitThatOnlyWritesIsNot() {
        FakeDisk.behind(disk).flush();
        assertThatThrownBy(() -> data.requireFlush(FakeDisk.behind(disk)::write))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("Nothing was flushed to dblock0 while the commit ran")
                .hasMessageContaining("WRITE");
    }

    @Test
    void aCommitThatDoesNothingIsNot() {
        assertThatThrownBy(() -> data.requireFlush(() -> {}))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("The device had no request meanwhile.");
    }

    @Test
    void whatACommitThrowsIsThrown() {
        assertThatThrownBy(() -> data.requireFlush(() -> {
                    throw new IOException("the test's own");
                }))
                .hasMessage("the test's own");
    }

    @Test
    void aFlushCountsFromThenOn() throws Exception {
        Instant before = Instant.now();
        Thread.sleep(20);
        FakeDisk.behind(disk).flush();
        Thread.sleep(20);
        Instant after = Instant.now();
        assertThat(Flushes.since(disk, before)).isTrue();
        assertThat(Flushes.since(disk, after)).isFalse();
    }
}
