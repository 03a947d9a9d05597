// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The JVM of these tests has the option that it needs. */
class DirectReadTest {
    private static final String NAME = "dblock_read";

    @TempDir
    Path directory;

    private final NativeMemory memory = NativeMemory.allocate(65536);

    private int open(int length) throws Exception {
        Path file = Files.write(directory.resolve("file"), "x".repeat(length).getBytes(StandardCharsets.US_ASCII));
        int fd = Libc.INSTANCE.open(file.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        assertThat(fd).isNotNegative();
        return fd;
    }

    @Test
    void readsIntoMemory() throws Exception {
        int fd = open(2 * Abi.SERVE_SIZE);
        DirectRead.of(fd).read(memory.address());
        assertThat(memory.buffer().get(Abi.SERVE_SIZE - 1)).isEqualTo((byte) 'x');
        assertThat(memory.buffer().get(Abi.SERVE_SIZE)).isZero();
        assertThat(Libc.INSTANCE.close(fd)).isZero();
    }

    @Test
    void goesOnAfterAnInterrupt() throws Exception {
        int fd = open(2 * Abi.SERVE_SIZE);
        ServeReader reader = DirectRead.of(fd);
        Thread.currentThread().interrupt();
        reader.read(memory.address());
        assertThat(Thread.interrupted()).isTrue();
        reader.read(memory.address());
        assertThat(Libc.INSTANCE.close(fd)).isZero();
    }

    @Test
    void aReadThatIsShortOrFailsIsAnError() throws Exception {
        int fd = open(Abi.SERVE_SIZE + 1);
        ServeReader reader = DirectRead.of(fd);
        reader.read(memory.address());
        assertThatThrownBy(() -> reader.read(memory.address()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("returned 1.");
        assertThat(Libc.INSTANCE.close(fd)).isZero();
        assertThatThrownBy(() -> reader.read(memory.address()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Bad file descriptor");
    }

    @Test
    void aSessionThatCannotBeReadIsServedAllTheSame() throws Exception {
        FakeKernel kernel = new FakeKernel().withReads();
        kernel.refusingReads();
        try (ControlSession session = kernel.session()) {
            int device = session.create(ControlSessionTest.parameters(NAME)).id();
            session.start(device);
            Batch batch = new Batch(device, -1, 8, 8);
            CompletableFuture<FakeKernel.Completion> read = kernel.submit(NAME, Batch.OP_READ, 0, 0, 512, null, 0);
            assertThat(batch.serve(session, memory, cookie -> {})).isEqualTo(1);
            batch.answerZeroes(batch.cookie(0), 512);
            batch.giveAnswers(session, cookie -> {});
            assertThat(read.get().result()).isZero();
        }
        assertThat(kernel.reads()).isZero();
    }
}
