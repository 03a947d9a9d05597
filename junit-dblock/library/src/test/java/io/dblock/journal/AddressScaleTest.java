// SPDX-License-Identifier: Apache-2.0
package io.dblock.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AddressScaleTest {
    private static final long MIB = 1 << 20;

    @Test
    void whatLiesTogetherIsOneSegmentInProportion() {
        AddressScale scale =
                new AddressScale(List.of(range(0, MIB), range(MIB, MIB), range(3 * MIB / 2, MIB)), 600, 100);
        assertThat(scale.segments()).containsExactly(new AddressScale.Segment(0, 5 * MIB / 2, 600, 100));
        assertThat(scale.y(0)).isEqualTo(600);
        assertThat(scale.y(5 * MIB / 4)).isCloseTo(350, within(0.01));
        assertThat(scale.y(5 * MIB / 2)).isEqualTo(100);
    }

    @Test
    void aLargeGapIsLeftOutAndASmallOneIsNot() {
        AddressScale scale =
                new AddressScale(List.of(range(1L << 44, 4096), range(0, MIB), range(MIB + 4096, MIB)), 600, 100);
        assertThat(scale.segments()).hasSize(2);
        AddressScale.Segment low = scale.segments().get(0);
        AddressScale.Segment high = scale.segments().get(1);
        assertThat(low.end()).isEqualTo(2 * MIB + 4096);
        assertThat(high.first()).isEqualTo(1L << 44);
        assertThat(high.bottom() - high.top()).isGreaterThanOrEqualTo(16);
        assertThat(low.top()).isGreaterThan(high.bottom());
        assertThat(high.top()).isCloseTo(100, within(0.01));
        assertThat(scale.y(1L << 40)).as("in the gap").isBetween(high.bottom() - 0.01, low.top());
    }

    @Test
    void thereAreNeverSoManySegmentsThatTheyDoNotFit() {
        List<long[]> ranges = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            ranges.add(range(i * (1L << 30) * (1 + i % 3), 4096));
        }
        AddressScale scale = new AddressScale(ranges, 600, 100);
        assertThat(scale.segments()).hasSize(10);
        double last = 600.1;
        for (AddressScale.Segment segment : scale.segments()) {
            assertThat(segment.bottom()).isLessThan(last);
            assertThat(segment.bottom() - segment.top()).isGreaterThanOrEqualTo(16);
            last = segment.top();
        }
        assertThat(last).isCloseTo(100, within(0.01));
    }

    @Test
    void aDeviceNobodyTouchedHasAnAxisToo() {
        assertThat(new AddressScale(List.of(), 600, 100).segments()).hasSize(1);
    }

    private static long[] range(long offset, long length) {
        return new long[] {offset, length};
    }
}
