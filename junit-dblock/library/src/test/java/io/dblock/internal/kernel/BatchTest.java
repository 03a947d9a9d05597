// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.kernel.FakeKernel.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the answers of a batch become in the kernel. */
class BatchTest {
    private static final String NAME = "dblock_batch";
    private static final int EIO = Errno.EIO.number();
    private static final int ENOSPC = Errno.ENOSPC.number();
    private static final int ENODATA = Errno.ENODATA.number();

    private final FakeKernel kernel = kernel();
    private final NativeMemory data = NativeMemory.allocate(65536);
    private final List<Long> late = new ArrayList<>();
    private ControlSession session;
    private Batch batch;

    FakeKernel kernel() {
        return new FakeKernel();
    }

    @BeforeEach
    void createDevice() {
        session = kernel.session();
        int device = session.create(ControlSessionTest.parameters(NAME)).id();
        session.start(device);
        batch = new Batch(device, -1, 8, 8);
        for (int i = 0; i < 65536; i++) {
            data.buffer().put(i, (byte) (i / 512 + 1));
        }
    }

    @AfterEach
    void closeSession() {
        session.close();
    }

    private CompletableFuture<Completion> submit(int operation, int length) {
        CompletableFuture<Completion> completion = kernel.submit(NAME, operation, 0, 0, length, new byte[length], 0);
        assertThat(batch.serve(session, data, late::add)).isEqualTo(1);
        return completion;
    }

    private void give() {
        batch.giveAnswers(session, late::add);
    }

    private static byte[] blocks(int... values) {
        byte[] expected = new byte[values.length * 512];
        for (int i = 0; i < values.length; i++) {
            Arrays.fill(expected, i * 512, (i + 1) * 512, (byte) values[i]);
        }
        return expected;
    }

    @Test
    void eachPartOfAReadEndsInItsOwnWay() throws Exception {
        CompletableFuture<Completion> read = submit(Batch.OP_READ, 2560);
        long cookie = batch.cookie(0);
        batch.answerPart(cookie, data.address(), 512, 0);
        batch.answerPart(cookie, 0, 1024, ENODATA);
        batch.answerPartZeroes(cookie, 512);
        give();
        assertThat(read).isNotDone();
        batch.answer(cookie, data.address() + 2048, 512);
        give();
        assertThat(read.get().parts())
                .containsExactly(new Part(512, 0), new Part(1024, -ENODATA), new Part(512, 0), new Part(512, 0));
        assertThat(read.get().data()).isEqualTo(blocks(1, 0, 0, 0, 5));
        assertThat(read.get().result()).isEqualTo(-ENODATA);
        assertThat(read.get().resultAt(511)).isZero();
        assertThat(read.get().resultAt(512)).isEqualTo(-ENODATA);
        assertThat(late).isEmpty();
    }

    @Test
    void eachPartOfAWriteEndsInItsOwnWay() throws Exception {
        CompletableFuture<Completion> write = submit(Batch.OP_WRITE, 1536);
        long cookie = batch.cookie(0);
        batch.answerPart(cookie, 0, 512, 0);
        batch.answerPart(cookie, 0, 512, ENOSPC);
        batch.answerError(cookie, EIO);
        give();
        assertThat(write.get().parts()).containsExactly(new Part(512, 0), new Part(512, -ENOSPC), new Part(512, -EIO));
        assertThat(write.get().result()).isEqualTo(-EIO);
    }

    @Test
    void aPartWhoseDataCannotBeReadFailsAlone() throws Exception {
        CompletableFuture<Completion> read = submit(Batch.OP_READ, 1536);
        long cookie = batch.cookie(0);
        batch.answerPart(cookie, data.address(), 512, 0);
        batch.answerPart(cookie, 1, 512, 0);
        batch.answer(cookie, data.address() + 1024, 512);
        give();
        assertThat(read.get().parts()).containsExactly(new Part(512, 0), new Part(512, -EIO), new Part(512, 0));
        assertThat(read.get().data()).isEqualTo(blocks(1, 0, 3));
    }

    @Test
    void aPartThatMakesNoSenseTakesTheRestWithIt() throws Exception {
        for (long length : new long[] {0, 511, 1024, 1536, 4096}) {
            late.clear();
            CompletableFuture<Completion> read = submit(Batch.OP_READ, 1536);
            long cookie = batch.cookie(0);
            batch.answerPart(cookie, data.address(), 512, 0);
            batch.answerPart(cookie, data.address(), length, 0);
            batch.answer(cookie, data.address(), 512);
            give();
            assertThat(read.get().parts())
                    .as("length %d", length)
                    .containsExactly(new Part(512, 0), new Part(1024, -EIO));
            assertThat(late).containsExactly(cookie);
        }
    }

    @Test
    void aReadIsAnsweredWithSegments() throws Exception {
        CompletableFuture<Completion> first = submit(Batch.OP_READ, 2560);
        long cookie = batch.cookie(0);
        long[] addresses = {data.address() + 512, 0, data.address() + 2048};
        assertThat(batch.hasRoomForSegments(3)).isTrue();
        batch.answerSegments(cookie, addresses, new long[] {1024, 512, 1024}, 3, 2560);
        assertThat(batch.hasRoomForSegments(6)).isFalse();
        give();
        assertThat(first.get().data()).isEqualTo(blocks(2, 3, 0, 5, 6));
        assertThat(batch.hasRoomForSegments(8)).isTrue();
        assertThatThrownBy(() -> batch.answerSegments(cookie, new long[9], new long[9], 9, 2560))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("9 segments");
    }

    @Test
    void segmentsOfSeveralAnswersDoNotMix() throws Exception {
        CompletableFuture<Completion> first = kernel.submit(NAME, Batch.OP_READ, 0, 0, 1024, null, 0);
        CompletableFuture<Completion> second = kernel.submit(NAME, Batch.OP_READ, 0, 0, 1024, null, 0);
        assertThat(batch.serve(session, data, late::add)).isEqualTo(2);
        long[] lengths = {512, 512};
        for (int i = 0; i < 2; i++) {
            long from = data.address() + 2048L * i;
            batch.answerSegments(batch.cookie(i), new long[] {from + 512, from}, lengths, 2, 1024);
        }
        give();
        assertThat(first.get().data()).isEqualTo(blocks(2, 1));
        assertThat(second.get().data()).isEqualTo(blocks(6, 5));
    }

    @Test
    void aReadWhoseSegmentsCannotBeReadFails() throws Exception {
        CompletableFuture<Completion> read = submit(Batch.OP_READ, 1024);
        long[] addresses = {data.address(), 1};
        batch.answerSegments(batch.cookie(0), addresses, new long[] {512, 512}, 2, 1024);
        give();
        assertThat(read.get().result()).isEqualTo(-EIO);
    }

    @Test
    void aFlushHasNoParts() throws Exception {
        CompletableFuture<Completion> flush = submit(Batch.OP_FLUSH, 0);
        batch.answerPart(batch.cookie(0), 0, 512, 0);
        give();
        assertThat(flush.get().result()).isEqualTo(-EIO);
    }

    @Test
    void allPartsThatComeTooLateAreToldOnce() throws Exception {
        CompletableFuture<Completion> first = submit(Batch.OP_READ, 1536);
        long cookie = batch.cookie(0);
        batch.answerPart(cookie, data.address(), 512, 0);
        give();
        kernel.timeOutHeld(NAME);
        CompletableFuture<Completion> second = kernel.submit(NAME, Batch.OP_READ, 0, 0, 512, null, 0);
        batch.serve(session, data, late::add);
        long next = batch.cookie(0);
        batch.answerPart(cookie, data.address(), 512, 0);
        batch.answer(cookie, data.address(), 512);
        batch.answer(next, data.address() + 512, 512);
        give();
        assertThat(late).containsExactly(cookie);
        assertThat(first.get().parts()).containsExactly(new Part(512, 0), new Part(1024, -Errno.ETIMEDOUT.number()));
        assertThat(second.get().data()).isEqualTo(blocks(2));
    }

    @Test
    void aFullBatchTakesNoMore() {
        CompletableFuture<Completion> read = submit(Batch.OP_READ, 4096 + 512);
        long cookie = batch.cookie(0);
        for (int i = 0; i < 8; i++) {
            assertThat(batch.hasRoom()).isTrue();
            batch.answerPart(cookie, data.address(), 512, 0);
        }
        assertThat(batch.hasRoom()).isFalse();
        assertThatThrownBy(() -> batch.answerPart(cookie, data.address(), 512, 0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("8 answers");
        give();
        assertThat(batch.hasRoom()).isTrue();
        assertThat(read).isNotDone();
        assertThat(kernel.held(NAME)).isEqualTo(1);
    }
}
