// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.internal.crash.CrashPoint.Lost;
import java.util.List;
import org.junit.jupiter.api.Test;

class CrashPointTest {
    private final Replay replay = new Replay(new Logs()
            .write(0, 1, 2, 3, 4)
            .flush()
            .acknowledge()
            .write(10, 1, 2, 3)
            .write(20, 1)
            .log());

    private CrashPoint parse(String id) {
        return CrashPoint.parse(id, replay);
    }

    @Test
    void anIdSaysWhatIsLost() {
        assertThat(parse("4.1:")).isEqualTo(new CrashPoint(4, 1, List.of()));
        assertThat(parse("4.1:all")).isEqualTo(new CrashPoint(4, 1, List.of(Lost.whole(2), Lost.whole(3))));
        assertThat(parse("4.1:2/1,3~01af")).isEqualTo(new CrashPoint(4, 1, List.of(new Lost(2, 1, 2), Lost.whole(3))));
        assertThat(parse("1.0:0/1-2")).isEqualTo(new CrashPoint(1, 0, List.of(new Lost(0, 1, 3))));
    }

    @Test
    void aPointHasItsId() {
        assertThat(parse("4.1:2/0,2/2").id(replay.to(4).unflushed())).isEqualTo("4.1:2/0,2/2");
        assertThat(parse("4.1:2,3").id(replay.to(4).unflushed())).isEqualTo("4.1:all");
    }

    @Test
    void whatIsNoIdIsRefused() {
        assertThatThrownBy(() -> parse("x"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "The state is \"x\". Allowed: what a failed crash test has named, such as 128.7:120,125/0-3.");
        assertThatThrownBy(() -> parse("4.1:,"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has \"\"");
    }

    @Test
    void anIdOfAnotherCourseOfTheWorkloadIsRefused() {
        assertThatThrownBy(() -> parse("9.1:"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "after 9 requests and 1 acknowledgements, but this time the workload had 4 and 1");
        assertThatThrownBy(() -> parse("4.1:0"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("loses the write 0, which this time is not among what could be lost: [2, 3]");
    }

    @Test
    void aLargerPieceIsWrittenAtOnceIfAllIsAlignedToIt() {
        CrashLog log = new Logs().write(0, 1, 2, 3, 4).write(2, 5, 6).log();
        assertThat(log.blockSize()).isEqualTo(Logs.BLOCK);
        assertThat(new Logs().write(0, 1, 2, 3, 4).write(2, 5, 6).log(4096).blockSize())
                .isEqualTo(1024);
        assertThat(new Logs().write(0, 1, 2, 3, 4).write(2, 5, 6).log(1024).blocks())
                .isEqualTo(2);
        assertThat(new Logs().write(1, 1, 2).log(1024).blockSize()).isEqualTo(Logs.BLOCK);
    }
}
