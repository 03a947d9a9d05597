// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class CommandTest {
    private static Command.Result shell(String script) {
        return Command.run(List.of("sh", "-c", script));
    }

    @Test
    void outputAndErrorsAndStatusAreKept() {
        Command.Result result = shell("echo out; echo err >&2; exit 3");
        assertThat(result.exit()).isEqualTo(3);
        assertThat(result.output()).isEqualTo("out\nerr\n");
    }

    @Test
    void itRunsInTheCLocaleWithoutInput() {
        assertThat(shell("echo $LC_ALL; cat").output()).isEqualTo("C\n");
    }

    @Test
    void aProgramThatTakesTooLongIsKilledWithItsChildrenAndItsOutputShown() {
        long start = System.nanoTime();
        assertThatThrownBy(() -> Command.run(
                        List.of("sh", "-c", "echo begun; sleep 60 & wait"), Optional.empty(), Duration.ofSeconds(1)))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("did not end within 1 s and was killed")
                .hasMessageContaining("begun")
                .hasMessageContaining("-Ddblock.commandTimeout");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(10));
    }

    @Test
    void aChildLeftInTheBackgroundDoesNotHoldItUp() {
        assertThat(shell("echo done; sleep 20 &").output()).isEqualTo("done\n");
    }

    @Test
    void aMissingProgramIsNamed() {
        assertThatThrownBy(() -> Command.run(List.of("no-such-program-here", "x")))
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("no-such-program-here x");
    }

    @Test
    void aBadTimeLimitIsNamed() {
        System.setProperty(Command.TIMEOUT_PROPERTY, "soon");
        try {
            assertThatThrownBy(Command::timeout)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("dblock.commandTimeout is \"soon\"");
        } finally {
            System.clearProperty(Command.TIMEOUT_PROPERTY);
        }
    }

    @Test
    void theTailIsTheLastLines() {
        assertThat(new Command.Result(0, "a\nb\nc\n").tail(2)).isEqualTo("b\nc");
    }
}
