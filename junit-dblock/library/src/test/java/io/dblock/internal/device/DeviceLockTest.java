// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DeviceLockTest {
    private final DeviceLock lock = new DeviceLock();

    @Test
    void whoHoldsItIsNamedAndOthersCannotTakeItMeanwhile() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        Thread holder = new Thread(
                () -> lock.run(() -> {
                    held.countDown();
                    try {
                        end.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                }),
                "holder");
        holder.start();
        assertThat(held.await(30, TimeUnit.SECONDS)).isTrue();

        assertThat(lock.take(Duration.ofMillis(50))).isFalse();
        assertThat(lock.holder()).isEqualTo("thread \"holder\"");

        end.countDown();
        assertThat(lock.take(Duration.ofSeconds(30))).isTrue();
        lock.giveBack();
        holder.join();
        assertThat(lock.holder()).isEqualTo("a thread");
    }

    @Test
    void anInterruptIsNotedAndShortensNothing() {
        Thread.currentThread().interrupt();
        assertThat(lock.take(Duration.ofSeconds(1))).isTrue();
        assertThat(Thread.interrupted()).isTrue();
        lock.giveBack();
    }

    @Test
    void whatIsThrownGivesItBack() {
        assertThat(org.assertj.core.api.Assertions.catchThrowable(() -> lock.run(() -> {
                    throw new IllegalStateException("x");
                })))
                .hasMessage("x");
        assertThat(lock.holder()).isEqualTo("a thread");
    }
}
