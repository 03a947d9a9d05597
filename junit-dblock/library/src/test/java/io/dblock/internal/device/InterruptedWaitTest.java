// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.kernel.ProcFs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InterruptedWaitTest {
    @TempDir
    Path proc;

    private final CountDownLatch end = new CountDownLatch(1);
    /** Ignores interrupts, like a thread that waits in the kernel. */
    private final Thread thread = new Thread(this::ignoreInterrupts, "test");

    private final List<String> removed = new ArrayList<>();
    private List<String> heldBy = List.of();
    private RuntimeException refusal;
    private Duration oldest = Duration.ofMinutes(1);
    private long now;
    /** How often the second disk was asked. */
    private int other;

    private InterruptedWait wait;

    private void ignoreInterrupts() {
        while (end.getCount() > 0) {
            Thread.onSpinWait();
        }
    }

    @BeforeEach
    void aThreadThatWaitsForADisk() throws IOException {
        thread.start();
        task('D', 7);
        InterruptedWait.Disk disk = new InterruptedWait.Disk() {
            @Override
            public String name() {
                return "dblock7";
            }

            @Override
            public Duration oldestRequest() {
                return oldest;
            }

            @Override
            public List<String> heldBy() {
                return heldBy;
            }

            @Override
            public void unplug(String why) {
                if (refusal != null) {
                    throw refusal;
                }
                removed.add(why);
            }
        };
        InterruptedWait.Disk idle = new InterruptedWait.Disk() {
            @Override
            public String name() {
                return "dblock8";
            }

            @Override
            public Duration oldestRequest() {
                other++;
                return Duration.ZERO;
            }

            @Override
            public List<String> heldBy() {
                return List.of();
            }

            @Override
            public void unplug(String why) {
                throw new AssertionError("has nothing under way");
            }
        };
        wait = new InterruptedWait(
                thread,
                Optional.of(new ProcFs.Task(10, 11, "java", 'R')),
                new ProcFs(proc),
                () -> List.of(disk, idle),
                () -> now);
    }

    @AfterEach
    void endsIt() throws InterruptedException {
        end.countDown();
        thread.join();
    }

    private void task(char state, int switches) throws IOException {
        Path task = Files.createDirectories(proc.resolve("10/task/11"));
        Files.writeString(task.resolve("stat"), "11 (java) " + state + " 1\n");
        Files.writeString(
                task.resolve("status"),
                "State:\t" + state + "\nvoluntary_ctxt_switches:\t" + switches + "\nnonvoluntary_ctxt_switches:\t3\n");
    }

    private void lookFor(Duration time) {
        for (long until = now + time.toNanos();
                now <= until;
                now += Duration.ofMillis(200).toNanos()) {
            wait.look();
        }
    }

    @Test
    void aDiskForWhichAnInterruptedThreadWaitsIsRemoved() {
        thread.interrupt();
        lookFor(Duration.ofSeconds(3));
        assertThat(removed)
                .singleElement()
                .asString()
                .contains("\"test\" was interrupted")
                .contains("dblock7");
    }

    @Test
    void aThreadThatIsNotInterruptedMayWait() {
        lookFor(Duration.ofSeconds(10));
        assertThat(removed).isEmpty();
    }

    @Test
    void aThreadThatHasRunSinceIsGivenTime() throws IOException {
        thread.interrupt();
        for (int i = 0; i < 5; i++) {
            lookFor(Duration.ofSeconds(1));
            task('D', 8 + i);
        }
        assertThat(removed).isEmpty();
    }

    @Test
    void aThreadThatASignalWouldReachMayWait() throws IOException {
        task('S', 7);
        thread.interrupt();
        lookFor(Duration.ofSeconds(10));
        assertThat(removed).isEmpty();
    }

    @Test
    void aDiskThatAnswersIsNotRemoved() {
        oldest = Duration.ofMillis(500);
        thread.interrupt();
        lookFor(Duration.ofSeconds(10));
        assertThat(removed).isEmpty();
    }

    @Test
    void aThreadThatIsGoneWaitsForNothing() throws IOException {
        thread.interrupt();
        Files.delete(proc.resolve("10/task/11/stat"));
        lookFor(Duration.ofSeconds(10));
        assertThat(removed).isEmpty();
    }

    @Test
    void theRulesThatHeldItsRequestsAreNamed() {
        heldBy = List.of("a fault rule holds 1 of its requests: \"forgotten\": on READ: hold");
        thread.interrupt();
        lookFor(Duration.ofSeconds(3));
        assertThat(removed)
                .singleElement()
                .asString()
                .contains("had not answered for 2 s (a fault rule holds 1 of its requests: \"forgotten\"")
                .contains("nobody has released them")
                .contains("removed by force");
    }

    @Test
    void aDiskThatCannotBeRemovedIsNotTheLastOneTriedAndIsTriedAgain() {
        refusal = new IllegalStateException("not now");
        thread.interrupt();
        assertThatThrownBy(() -> lookFor(Duration.ofSeconds(3))).isSameAs(refusal);
        assertThat(other).as("disks after it").isEqualTo(1);
        refusal = null;
        lookFor(Duration.ofSeconds(3));
        assertThat(removed).hasSize(1);
    }
}
