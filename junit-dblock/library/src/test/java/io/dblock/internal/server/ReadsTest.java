// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.journal.MarkEntry;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReadsTest {
    private static MarkEntry entry(long sequence) {
        return new MarkEntry(sequence, 0, 0, "mark");
    }

    @Test
    void entriesThatWereDroppedAreMissed() {
        assertThat(Reads.of(List.of(entry(8), entry(9)), 7).whole()).isTrue();
        assertThat(Reads.of(List.of(entry(8), entry(9)), 6).whole()).isFalse();
        assertThat(Reads.of(List.of(entry(7), entry(9)), 6).whole()).isFalse();
        assertThat(Reads.of(List.of(), 6).last()).isEqualTo(6);
    }
}
