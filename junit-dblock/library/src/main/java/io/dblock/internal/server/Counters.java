// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DeviceStatistics;
import java.util.concurrent.atomic.LongAdder;

final class Counters {
    final LongAdder reads = new LongAdder();
    final LongAdder writes = new LongAdder();
    final LongAdder flushes = new LongAdder();
    final LongAdder discards = new LongAdder();
    final LongAdder writeZeroes = new LongAdder();
    final LongAdder bytesRead = new LongAdder();
    final LongAdder bytesWritten = new LongAdder();
    final LongAdder errors = new LongAdder();
    final LongAdder lateAnswers = new LongAdder();

    DeviceStatistics statistics() {
        return new DeviceStatistics(
                reads.sum(),
                writes.sum(),
                flushes.sum(),
                discards.sum(),
                writeZeroes.sum(),
                bytesRead.sum(),
                bytesWritten.sum(),
                errors.sum(),
                lateAnswers.sum());
    }
}
