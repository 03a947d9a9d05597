// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DelayTest {

    @Test
    void aFixedDelayIsTheSameEverywhere() {
        Delay delay = Delay.fixed(Duration.ofMillis(3));
        assertThat(List.of(delay.at(0), delay.at(0.5), delay.at(1))).containsOnly(Duration.ofMillis(3));
    }

    @Test
    void aUniformDelayIsInterpolated() {
        Delay delay = Delay.uniform(Duration.ofMillis(10), Duration.ofMillis(20));
        assertThat(delay.at(0)).isEqualTo(Duration.ofMillis(10));
        assertThat(delay.at(0.25)).isEqualTo(Duration.ofNanos(12_500_000));
        assertThat(delay.at(1)).isEqualTo(Duration.ofMillis(20));
    }

    @Test
    void percentilesAreReachedAsOftenAsTheySay() {
        Delay delay = Delay.percentiles(
                Map.of(50.0, Duration.ofMillis(1), 99.0, Duration.ofMillis(50), 99.5, Duration.ofMillis(200)));
        assertThat(delay.at(0)).isEqualTo(Duration.ofMillis(1));
        assertThat(delay.at(0.5)).isEqualTo(Duration.ofMillis(1));
        assertThat(delay.at(0.745)).isEqualTo(Duration.ofNanos(25_500_000));
        assertThat(delay.at(0.99)).isEqualTo(Duration.ofMillis(50));
        assertThat(delay.at(0.999)).isEqualTo(Duration.ofMillis(200));
    }

    @Test
    void delaysAreWrittenAsPeopleDo() {
        assertThat(Delay.fixed(Duration.ofSeconds(2))).hasToString("2 s");
        assertThat(Delay.fixed(Duration.ZERO)).hasToString("0 ns");
        assertThat(Delay.uniform(Duration.ofNanos(1500), Duration.ofMillis(5))).hasToString("1500 ns to 5 ms");
        assertThat(Delay.percentiles(Map.of(99.5, Duration.ofMillis(20), 50.0, Duration.ofNanos(7000))))
                .hasToString("p50 7 µs, p99.5 20 ms");
    }

    @Test
    void pointsInDisorderAreRefused() {
        Delay.Point late = new Delay.Point(90, Duration.ofMillis(9));
        Delay.Point early = new Delay.Point(10, Duration.ofMillis(10));
        assertThatThrownBy(() -> new Delay(List.of(late, early)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("higher percentage");
        assertThatThrownBy(() -> new Delay(List.of(early, late)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no shorter delay");
        assertThatThrownBy(() -> Delay.percentiles(Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no points");
        assertThatThrownBy(() -> new Delay.Point(100.1, Duration.ZERO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("percent is 100.1. Allowed: 0 to 100");
    }
}
