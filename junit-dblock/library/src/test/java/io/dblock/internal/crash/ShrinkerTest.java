// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.crash.CrashPoint.Lost;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

class ShrinkerTest {
    /** Writes of four blocks, of which the first two are flushed, and acknowledgements. */
    private static final CrashLog LOG = new Logs()
            .write(0, 1, 2, 3, 4)
            .write(10, 1, 2, 3, 4)
            .flush()
            .acknowledge()
            .write(20, 1, 2, 3, 4)
            .write(30, 1, 2, 3, 4)
            .acknowledge()
            .write(40, 1, 2, 3, 4)
            .write(50, 1, 2, 3, 4)
            .acknowledge()
            .log();

    private final Replay replay = new Replay(LOG);

    /** Whether this block is lost, counted among those that the log changed. */
    private boolean isLost(CrashPoint point, int block) {
        return replay.content(point)[block] == CrashLog.START;
    }

    private CrashPoint allLost() {
        return new CrashPoint(7, 3, List.of(Lost.whole(3), Lost.whole(4), Lost.whole(5), Lost.whole(6)));
    }

    private CrashPoint shrink(CrashPoint failing, Predicate<CrashPoint> fails) {
        assertThat(fails).accepts(failing);
        return new Shrinker(LOG, fails, () -> true).shrink(failing);
    }

    @Test
    void oneLostBlockIsLeftAtTheEarliestMoment() {
        CrashPoint simplest = shrink(allLost(), point -> point.acknowledged() >= 2 && isLost(point, 13));
        assertThat(simplest).isEqualTo(new CrashPoint(5, 2, List.of(new Lost(4, 1, 2))));
    }

    @Test
    void twoThatAreNeededStay() {
        CrashPoint simplest = shrink(allLost(), point -> point.requests() > 5 && isLost(point, 8) && isLost(point, 17));
        assertThat(simplest).isEqualTo(new CrashPoint(6, 2, List.of(new Lost(3, 0, 1), new Lost(5, 1, 2))));
    }

    @Test
    void aFailureThatNeedsNoLossComesAtTheEarliestMoment() {
        CrashPoint simplest = shrink(new CrashPoint(7, 3, List.of()), point -> point.acknowledged() >= 1);
        assertThat(simplest).isEqualTo(new CrashPoint(3, 1, List.of()));
    }

    @Test
    void onADiskThatKeepsOrderTheLastWritesAreLost() {
        CrashLog log = new Logs().write(0, 1, 2).write(5, 3).write(9, 4).logInOrder();
        Predicate<CrashPoint> fails = point -> new Replay(log).content(point)[2] == CrashLog.START;
        CrashPoint failing = new CrashPoint(3, 0, List.of(Lost.whole(0), Lost.whole(1), Lost.whole(2)));
        assertThat(new Shrinker(log, fails, () -> true).shrink(failing))
                .isEqualTo(new CrashPoint(3, 0, List.of(Lost.whole(1), Lost.whole(2))));
    }

    @Test
    void itEndsWhenTheTimeIsOver() {
        Shrinker shrinker = new Shrinker(LOG, point -> true, () -> false);
        assertThat(shrinker.shrink(allLost())).isEqualTo(allLost());
        assertThat(shrinker.steps()).isZero();
    }
}
