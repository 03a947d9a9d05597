// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.fault.Faults;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.journal.Answer;
import io.dblock.oracle.FaultOracle;
import io.dblock.oracle.FaultOracleDisk;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class FaultOracleTest {
    private static final int SEEDS = 12;
    private static final int OPERATIONS = 1500;

    /** The rules over an array, without a kernel. */
    private static final class BenchDisk implements FaultOracleDisk {
        private final FaultBench bench;
        private FaultBench.Request last;

        BenchDisk(FaultBench bench) {
            this.bench = bench;
        }

        private Errno result(FaultBench.Request request) {
            last = request;
            return request.answer().firstError();
        }

        @Override
        public int size() {
            return bench.image.length;
        }

        @Override
        public int logicalBlockSize() {
            return bench.block;
        }

        @Override
        public Faults faults() {
            return bench.faults;
        }

        @Override
        public Errno read(long offset, byte[] dst) {
            Errno errno = result(bench.submit(Operation.READ, offset, dst.length, ByteBuffer.allocate(dst.length)));
            System.arraycopy(last.bytes(), 0, dst, 0, dst.length);
            return errno;
        }

        @Override
        public Errno write(long offset, byte[] src, boolean fua) {
            ByteBuffer data = ByteBuffer.wrap(src.clone()).asReadOnlyBuffer();
            RequestFlag[] flags = fua ? new RequestFlag[] {RequestFlag.FUA} : new RequestFlag[0];
            return result(bench.submit(Operation.WRITE, offset, src.length, data, flags));
        }

        @Override
        public Errno flush() {
            return result(bench.flush());
        }

        @Override
        public Errno discard(long offset, long length) {
            return result(bench.submit(Operation.DISCARD, offset, length, null));
        }

        @Override
        public Errno writeZeroes(long offset, long length, boolean mayUnmap) {
            RequestFlag[] flags = mayUnmap ? new RequestFlag[0] : new RequestFlag[] {RequestFlag.NOUNMAP};
            return result(bench.submit(Operation.WRITE_ZEROES, offset, length, null, flags));
        }

        @Override
        public void peek(long offset, byte[] dst) {
            synchronized (bench.image) {
                System.arraycopy(bench.image, (int) offset, dst, 0, dst.length);
            }
        }

        @Override
        public void restorePower() {
            bench.powered = true;
        }

        @Override
        public Optional<Answer> lastAnswer() {
            return Optional.of(last.answer());
        }

        @Override
        public OptionalLong flushesDone() {
            return OptionalLong.of(bench.disk.flushes.get());
        }

        @Override
        public OptionalLong fuaBytesDone() {
            return OptionalLong.of(bench.disk.fuaBytes.get());
        }
    }

    @Test
    void whatRulesDoIsWhatAModelOfTheDiskSays() throws Exception {
        long operations = 0;
        Map<String, Long> hits = new TreeMap<>();
        for (int seed = 1; seed <= SEEDS; seed++) {
            try (FaultBench bench = new FaultBench(1 << 16, seed % 3 == 0 ? 4096 : 512);
                    FaultOracle oracle =
                            new FaultOracle(new BenchDisk(bench), seed % 3 == 0 ? 1 << 15 : 1 << 13, seed)) {
                oracle.run(OPERATIONS);
                assertThat(bench.failures).isEmpty();
                operations += oracle.operations();
                oracle.hits().forEach((action, count) -> hits.merge(action, count, Long::sum));
            }
        }
        System.out.println(
                "oracle faults: " + operations + " operations, seeds 1 to " + SEEDS + ", requests acted on " + hits);
        assertThat(operations).isGreaterThanOrEqualTo(5000);
        assertThat(hits).containsOnlyKeys(FaultOracle.allActions());
        assertThat(hits.values()).allMatch(count -> count >= 50);
    }
}
