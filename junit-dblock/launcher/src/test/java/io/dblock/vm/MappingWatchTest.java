// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests with a made-up /proc that has a kernel, process 7, and its child, process 8. */
class MappingWatchTest {

    private static final int LIMIT = 1000;

    @TempDir
    Path proc;

    private final List<String> messages = new ArrayList<>();
    private long now;

    @BeforeEach
    void aKernelAndAChild() throws IOException {
        Files.createDirectories(proc.resolve("sys/vm"));
        Files.writeString(maximum(), LIMIT + "\n");
        Files.createDirectories(proc.resolve("7/task/7"));
        Files.createDirectories(proc.resolve("8"));
        Files.writeString(proc.resolve("7/task/7/children"), "8 ");
        process(7, 100, 30);
    }

    private Path maximum() {
        return proc.resolve("sys/vm/max_map_count");
    }

    private void process(int pid, long pages, int mappings) throws IOException {
        Files.writeString(proc.resolve(pid + "/statm"), pages + " 1 1 1 0 0 0\n");
        Files.writeString(proc.resolve(pid + "/maps"), "00400000-00401000 r-xs 0 0 0 /dev/shm/x\n".repeat(mappings));
    }

    private MappingWatch watch(OptionalLong given) {
        return new MappingWatch(proc, 7, given, messages::add, () -> now);
    }

    private void later(Duration time) {
        now += time.toNanos();
    }

    /** A limit that cannot be changed, as in a container or for an ordinary user. Returns it. */
    private int aLimitThatCannotBeRaised() throws IOException {
        Path unchangeable = Path.of("/proc/sys/kernel/cap_last_cap");
        Files.delete(maximum());
        Files.createSymbolicLink(maximum(), unchangeable);
        return Integer.parseInt(Files.readAllLines(unchangeable).get(0));
    }

    @Test
    void nothingIsSaidOfAGuestThatHasFew() throws IOException {
        process(8, 5000, 400);
        MappingWatch watch = watch(OptionalLong.empty());
        for (int i = 0; i < 100; i++) {
            assertThat(watch.check()).isEmpty();
            later(Duration.ofMillis(100));
        }
        assertThat(messages).isEmpty();
        assertThat(maximum()).hasContent("1000");
    }

    @Test
    void theLimitIsRaisedWhenHalfOfItIsUsed() throws IOException {
        process(8, 5000, 500);
        assertThat(watch(OptionalLong.empty()).check()).isEmpty();
        assertThat(maximum()).hasContent("1048576");
        assertThat(messages)
                .containsExactly("raised this host's vm.max_map_count from 1000 to 1048576: a process of the guest has"
                        + " 500 mappings of memory already");
    }

    @Test
    void theGuestIsEndedBeforeTheLimitWhereItCannotBeRaised() throws IOException {
        int limit = aLimitThatCannotBeRaised();
        MappingWatch watch = watch(OptionalLong.empty());
        process(8, 5000, limit - 2);
        assertThat(watch.check()).isEmpty();
        process(8, 5001, limit - 1);
        later(Duration.ofMillis(100));
        assertThat(watch.check())
                .hasValue("the guest was ended: one of its processes has " + (limit - 1)
                        + " mappings of memory, this host allows " + limit + ", and at that it would hang or go wrong."
                        + " Allow more with 'sudo sysctl -w vm.max_map_count=1048576'; or use a smaller disk, or"
                        + " DBLOCK_VM_ACCEL=tcg");
        assertThat(messages).isEmpty();
    }

    @Test
    void theKernelsOwnProcessIsWatchedToo() throws IOException {
        process(8, 100, 30);
        process(7, 5000, 990);
        assertThat(watch(OptionalLong.of(1000)).check()).isPresent();
    }

    @Test
    void aLimitThatIsGivenIsNotRaised() throws IOException {
        process(8, 5000, 990);
        assertThat(watch(OptionalLong.of(1000)).check()).isPresent();
        assertThat(maximum()).hasContent("1000");
    }

    @Test
    void aGuestThatWouldReachTheLimitBeforeTheNextLookIsEnded() throws IOException {
        MappingWatch watch = watch(OptionalLong.of(60_000));
        process(8, 90_000, 55_000);
        assertThat(watch.check()).isEmpty();
        later(Duration.ofMillis(100));
        process(8, 92_500, 57_500);
        assertThat(watch.check()).isPresent();
        later(Duration.ofMillis(100));
        process(8, 92_501, 57_501);
        assertThat(watch.check()).as("few more than before").isEmpty();
    }

    @Test
    void manyMappingsAreNotCountedAtEveryLook() throws IOException {
        MappingWatch watch = watch(OptionalLong.of(60_000));
        process(8, 90_000, 30_000);
        assertThat(watch.check()).isEmpty();
        // No process can make this many so soon, so the watch does not count. If it did, it would report them.
        process(8, 120_000, 59_999);
        later(Duration.ofMillis(100));
        assertThat(watch.check()).isEmpty();
        later(Duration.ofMillis(100));
        assertThat(watch.check()).isPresent();
    }

    @Test
    void aProcessThatHasAsManyPagesAsBeforeIsLookedAtLessOften() throws IOException {
        MappingWatch watch = watch(OptionalLong.of(60_000));
        process(8, 90_000, 30_000);
        assertThat(watch.check()).isEmpty();
        process(8, 90_000, 59_999);
        later(Duration.ofMillis(1900));
        assertThat(watch.check()).isEmpty();
        later(Duration.ofMillis(200));
        assertThat(watch.check()).isPresent();
    }

    @Test
    void aProcessThatHasEndedMeanwhileIsPassedOver() throws IOException {
        Files.writeString(proc.resolve("7/task/7/children"), "9 8 ");
        process(8, 5000, 990);
        assertThat(watch(OptionalLong.of(1000)).check()).isPresent();
    }
}
