// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;

/** The same where DBLOCK_SERVE is called by read(2). */
class BatchByReadTest extends BatchTest {
    private FakeKernel reading;

    @Override
    FakeKernel kernel() {
        reading = super.kernel().withReads();
        return reading;
    }

    @AfterEach
    void allCallsWereReads() {
        assertThat(reading.reads()).isPositive().isEqualTo(reading.serveCalls());
    }
}
