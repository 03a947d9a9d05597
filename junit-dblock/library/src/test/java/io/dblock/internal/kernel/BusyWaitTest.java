// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class BusyWaitTest {
    private long now = 17;
    private int collections;
    private List<String> holders = List.of();
    private boolean mapped;
    private final BusyWait wait = new BusyWait(
            () -> holders, () -> mapped, () -> collections++, () -> now, duration -> now += duration.toNanos());

    private Duration passed() {
        return Duration.ofNanos(now - 17);
    }

    @Test
    void whatSucceedsAtOnceTakesNoTime() {
        assertThat(wait.until(() -> true)).isEmpty();
        assertThat(passed()).isZero();
    }

    @Test
    void itIsTriedAgainUntilItSucceeds() {
        AtomicInteger tries = new AtomicInteger();
        assertThat(wait.until(() -> tries.incrementAndGet() == 5)).isEmpty();
        assertThat(passed()).isLessThan(Duration.ofMillis(200));
    }

    @Test
    void somebodyWhoStaysIsNamedAfterAFewSeconds() {
        holders = List.of("pid 1 (x) has open /y");
        assertThat(wait.until(() -> false)).containsExactly("pid 1 (x) has open /y");
        assertThat(passed()).isBetween(Duration.ofSeconds(5), Duration.ofSeconds(6));
        assertThat(collections).isZero();
    }

    @Test
    void whileNobodyCanBeNamedItIsTriedForLonger() {
        assertThat(wait.until(() -> passed().compareTo(Duration.ofSeconds(40)) > 0))
                .isEmpty();
    }

    @Test
    void aProcessThatIsOnlyBeingStartedIsNobodyToName() {
        holders = List.of("pid 9 (/jdk/lib/jspawnhelper 1:2:3) has open /y");
        assertThat(wait.until(() -> passed().compareTo(Duration.ofSeconds(40)) > 0))
                .isEmpty();
    }

    @Test
    void inTheEndTheListIsNeverEmpty() {
        assertThat(wait.until(() -> false)).singleElement().asString().contains("cannot be seen from here");
        assertThat(passed()).isBetween(Duration.ofSeconds(60), Duration.ofSeconds(62));
    }

    @Test
    void aMappingOfThisJvmIsCollectedOnce() {
        mapped = true;
        assertThat(wait.until(() -> collections > 0)).isEmpty();
        assertThat(passed()).isLessThan(Duration.ofSeconds(1));
        wait.until(() -> false);
        assertThat(collections).isEqualTo(2);
    }

    @Test
    void withoutAMappingNothingIsCollected() {
        wait.until(() -> false);
        assertThat(collections).isZero();
    }
}
