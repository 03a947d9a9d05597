// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.kernel.FakeKernel.Completion;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An interrupt closes the JDK's channel, at any time: nothing is lost or done twice, and it goes on without. */
class InterruptedReadTest {
    private static final String NAME = "dblock_read";

    private final FakeKernel kernel = new FakeKernel().withReads();
    private final NativeMemory data = NativeMemory.allocate(65536);
    private final List<Long> late = new ArrayList<>();

    private CompletableFuture<Completion> submit() {
        return kernel.submit(NAME, Batch.OP_READ, 0, 0, 512, null, 0);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void nothingIsLostOrDoneTwice(int interrupted) throws Exception {
        kernel.interruptingRead(interrupted);
        try (ControlSession session = kernel.session()) {
            int device = session.create(ControlSessionTest.parameters(NAME)).id();
            session.start(device);
            Batch batch = new Batch(device, -1, 8, 8);
            for (int i = 0; i < 6; i++) {
                data.buffer().put(0, (byte) i);
                CompletableFuture<Completion> read = submit();
                assertThat(batch.serve(session, data, late::add)).isEqualTo(1);
                batch.answer(batch.cookie(0), data.address(), 512);
                if (i % 2 == 0) {
                    batch.giveAnswers(session, late::add);
                } else {
                    CompletableFuture<Completion> next = submit();
                    assertThat(batch.serve(session, data, late::add)).isEqualTo(1);
                    batch.answerZeroes(batch.cookie(0), 512);
                    batch.giveAnswers(session, late::add);
                    assertThat(next.get().data()).containsOnly(0);
                }
                assertThat(read.get().result()).isZero();
                assertThat(read.get().data()[0]).isEqualTo((byte) i);
            }
            assertThat(kernel.held(NAME)).isZero();
        }
        assertThat(late).isEmpty();
        assertThat(kernel.reads()).isEqualTo(interrupted);
        assertThat(kernel.serveCalls()).isGreaterThan(interrupted);
    }

    @Test
    void aModuleThatCannotBeReadIsServedAllTheSame() throws Exception {
        kernel.refusingReads();
        try (ControlSession session = kernel.session()) {
            int device = session.create(ControlSessionTest.parameters(NAME)).id();
            session.start(device);
            Batch batch = new Batch(device, -1, 8, 8);
            CompletableFuture<Completion> read = submit();
            assertThat(batch.serve(session, data, late::add)).isEqualTo(1);
            batch.answerZeroes(batch.cookie(0), 512);
            batch.giveAnswers(session, late::add);
            assertThat(read.get().result()).isZero();
        }
        assertThat(kernel.reads()).isZero();
    }
}
