// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalStreamTest {
    private final Recording recording = new Recording(1024, 1 << 20, 512);

    @TempDir
    private Path directory;

    @Test
    void writesEveryEntryHoweverFewTheJournalKeeps() throws Exception {
        Path file = directory.resolve("stream");
        recording.write(0, 1, 1);
        try (JournalStream stream = recording.journal.streamTo(file)) {
            for (int i = 0; i < 10_000; i++) {
                recording.write(i, 1, i);
            }
            recording.journal.mark("end");
            assertThat(stream.missed()).isZero();
        }
        recording.write(0, 1, 1);

        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(10_002);
        assertThat(lines.get(0)).startsWith("# Journal of a junit-dblock device, version 1.");
        for (int i = 1; i <= 10_000; i++) {
            assertThat(lines.get(i)).startsWith("#" + (i + 1) + " ").contains("order=" + (i + 1) + " before=" + i);
        }
        assertThat(lines.get(10_001)).contains("MARK   \"end\"");
        assertThat(recording.journal.dropped()).isGreaterThan(8000);
    }

    @Test
    void hasTheHashOfDataThatAreKeptNoMore() throws Exception {
        Path file = directory.resolve("stream");
        recording.journal.capture(Capture.RECENT, 0);
        try (JournalStream stream = recording.journal.streamTo(file)) {
            for (int i = 0; i < 3000; i++) {
                recording.write(0, 8, i);
            }
            assertThat(stream.missed()).isZero();
        }
        assertThat(recording.journal.droppedContents()).isGreaterThan(2000);
        byte[] data = new byte[4096];
        java.util.Arrays.fill(data, (byte) 5);
        assertThat(Files.readAllLines(file).get(6)).endsWith(" hash=" + String.format("%016x", ContentHash.of(data)));
    }

    @Test
    void theFileIsUpToDateSoonAfterEachEntry() throws Exception {
        Path file = directory.resolve("stream");
        try (JournalStream stream = recording.journal.streamTo(file)) {
            recording.journal.mark("here");
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (!Files.readString(file).contains("\"here\"")) {
                assertThat(System.nanoTime())
                        .as("the mark is not in the file after 20 s")
                        .isLessThan(deadline);
                Thread.sleep(5);
            }
            assertThat(stream.missed()).isZero();
        }
    }

    @Test
    void endsWithTheDevice() throws Exception {
        Path file = directory.resolve("stream");
        JournalStream stream = recording.journal.streamTo(file);
        recording.journal.mark("here");
        recording.ring.close();
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!Files.readString(file).contains("\"here\"")) {
            assertThat(System.nanoTime())
                    .as("the mark is not in the file after 20 s")
                    .isLessThan(deadline);
            Thread.sleep(5);
        }
        stream.close();
        stream.close();
    }

    /** Returns a recorder whose method fails, like that of a device whose server process is gone. */
    private Recorder withoutA(String method) {
        return (Recorder) Proxy.newProxyInstance(
                Recorder.class.getClassLoader(), new Class<?>[] {Recorder.class}, (proxy, called, arguments) -> {
                    if (called.getName().equals(method)) {
                        throw new DblockException("told to fail");
                    }
                    return called.invoke(recording.ring, arguments);
                });
    }

    private static void awaitNoThreadFor(String file) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("dblock-journal-" + file))) {
            assertThat(System.nanoTime())
                    .as("the thread that writes %s is still there after 20 s", file)
                    .isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    @Test
    void leavesNothingBehindIfItCannotBegin() throws Exception {
        Path file = directory.resolve("never begun");
        assertThatThrownBy(() -> new JournalStream(withoutA("subscribe"), file)).hasMessage("told to fail");
        awaitNoThreadFor("never begun");
        assertThat(file).content().startsWith("# Journal");
    }

    @Test
    void leavesNothingBehindIfItCannotBeEndedAtTheDevice() throws Exception {
        Path file = directory.resolve("never ended");
        JournalStream stream = new JournalStream(withoutA("unsubscribe"), file);
        recording.journal.mark("here");
        assertThatThrownBy(stream::close).hasMessage("told to fail");
        awaitNoThreadFor("never ended");
        assertThat(file).content().contains("\"here\"");
    }

    @Test
    void saysThatItsFileCannotBeMade() {
        Path file = directory.resolve("no/such/directory");
        assertThatThrownBy(() -> recording.journal.streamTo(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(file.toString());
    }

    @Test
    void saysThatItsDiskIsFull() throws Exception {
        JournalStream stream = recording.journal.streamTo(Path.of("/dev/full"));
        for (int i = 0; i < 1000; i++) {
            recording.write(0, 1, 1);
        }
        assertThatThrownBy(stream::close)
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("The journal's stream to /dev/full has failed: ");
    }

    @Test
    void leavesNothingOpenIfItsServerIsGone() throws Exception {
        Path file = directory.resolve("stream");
        Recorder gone = (Recorder) Proxy.newProxyInstance(
                Recorder.class.getClassLoader(), new Class<?>[] {Recorder.class}, (proxy, method, arguments) -> {
                    throw new DblockException("the server process is gone: " + method.getName());
                });
        assertThatThrownBy(() -> new JournalStream(gone, file)).hasMessage("the server process is gone: subscribe");
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .doesNotContain("dblock-journal-stream");
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            for (Path link : open.toList()) {
                assertThat(link).satisfiesAnyOf(closed -> assertThat(closed).doesNotExist(), other -> assertThat(
                                Files.readSymbolicLink(other))
                        .isNotEqualTo(file));
            }
        }
    }
}
