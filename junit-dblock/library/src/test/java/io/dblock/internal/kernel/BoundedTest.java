// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class BoundedTest {
    private final CountDownLatch latch = new CountDownLatch(1);

    private boolean await() {
        try {
            latch.await();
            return true;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aCallReturnsItsResult() {
        assertThat(Bounded.<Integer>call("two", () -> 2)).isEqualTo(2);
    }

    @Test
    void aThreadWhoseCallHasReturnedMakesAnother() {
        Thread before = Bounded.call("the first", Thread::currentThread);
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        Thread next = Bounded.call("the next", Thread::currentThread);
        // A thread may still be about to become idle when the next call comes.
        while (next != before && System.nanoTime() < deadline) {
            before = next;
            next = Bounded.call("the next", Thread::currentThread);
        }
        assertThat(next).isSameAs(before);
    }

    @Test
    void aCallHasItsNameAndTheClassLoaderOfItsCaller() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        for (ClassLoader loader : new ClassLoader[] {new ClassLoader(before) {}, before}) {
            Thread.currentThread().setContextClassLoader(loader);
            try {
                assertThat(Bounded.<String>call(
                                "umount", () -> Thread.currentThread().getName()))
                        .isEqualTo("junit-dblock umount");
                assertThat(Bounded.<ClassLoader>call(
                                "umount", () -> Thread.currentThread().getContextClassLoader()))
                        .isSameAs(loader);
            } finally {
                Thread.currentThread().setContextClassLoader(before);
            }
        }
    }

    @Test
    void aCallThrowsWhatItHasThrown() {
        assertThatThrownBy(() -> Bounded.call("failing", () -> {
                    throw new DblockException("its own");
                }))
                .isInstanceOf(DblockException.class)
                .hasMessage("its own");
        assertThatThrownBy(() -> Bounded.call("failing", () -> {
                    throw new IllegalArgumentException("a bug");
                }))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("failing failed")
                .hasMessageContaining("a bug");
    }

    @Test
    void anInterruptEndsTheWaitAndStaysSet() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> Bounded.call("umount", this::await))
                .hasMessageContaining("Interrupted while waiting for umount");
        assertThat(Thread.interrupted()).isTrue();
        latch.countDown();
    }

    @Test
    void aPatientWaitGoesOnInAnInterruptedThreadWhichStaysSo() {
        Bounded<Boolean> call = Bounded.start("umount", this::await);
        Thread.currentThread().interrupt();
        assertThat(call.awaitEnd(Duration.ofMillis(20))).isFalse();
        assertThatThrownBy(() -> call.result(Duration.ofSeconds(3)))
                .hasMessageContaining("umount has not ended within 3 s");
        latch.countDown();
        assertThat(call.awaitEnd(Duration.ofSeconds(30))).isTrue();
        assertThat(call.result(Duration.ZERO)).isTrue();
        assertThat(Thread.interrupted()).isTrue();
    }
}
