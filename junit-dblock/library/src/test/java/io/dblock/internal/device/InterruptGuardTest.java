// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

@Timeout(60)
class InterruptGuardTest {
    private static void awaitLooks(int count) throws InterruptedException {
        CountDownLatch looks = new CountDownLatch(count);
        try (InterruptGuard guard = InterruptGuard.openWith(looks::countDown)) {
            assertThat(guard).isNotNull();
            assertThat(looks.await(30, TimeUnit.SECONDS)).as("%s looks", count).isTrue();
        }
    }

    @Test
    void itLooksUntilItIsClosedAndTheNextOneLooksAgain() throws Exception {
        awaitLooks(3);
        awaitLooks(1);
    }

    @Test
    @ResourceLock(Resources.SYSTEM_ERR)
    void anExceptionOfOneGuardIsToldAndEndsNone() throws Exception {
        PrintStream before = System.err;
        ByteArrayOutputStream told = new ByteArrayOutputStream();
        System.setErr(new PrintStream(told, true));
        CountDownLatch thrown = new CountDownLatch(2);
        try (InterruptGuard bad = InterruptGuard.openWith(() -> {
            thrown.countDown();
            throw new IllegalStateException("out of order");
        })) {
            assertThat(bad).isNotNull();
            awaitLooks(3);
            assertThat(thrown.await(30, TimeUnit.SECONDS)).as("looks again").isTrue();
        } finally {
            System.setErr(before);
        }
        assertThat(told.toString(StandardCharsets.UTF_8))
                .contains(Thread.currentThread().getName())
                .contains("out of order");
        awaitLooks(1);
    }

    @Test
    void anErrorOfTheJvmEndsNoLaterGuard() throws Exception {
        CountDownLatch thrown = new CountDownLatch(1);
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {});
        try (InterruptGuard bad = InterruptGuard.openWith(() -> {
            if (thrown.getCount() > 0) {
                thrown.countDown();
                throw new OutOfMemoryError("simulated");
            }
        })) {
            assertThat(bad).isNotNull();
            assertThat(thrown.await(30, TimeUnit.SECONDS)).isTrue();
            // The thread of earlier guards may still run when the first of these is opened.
            CountDownLatch looked = new CountDownLatch(1);
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            boolean done = false;
            while (!done && System.nanoTime() < deadline) {
                try (InterruptGuard next = InterruptGuard.openWith(looked::countDown)) {
                    assertThat(next).isNotNull();
                    done = looked.await(500, TimeUnit.MILLISECONDS);
                }
            }
            assertThat(done).as("a later guard looks").isTrue();
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before);
        }
    }
}
