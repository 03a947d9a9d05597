// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandsTest {

    private static final Duration LIMIT = Duration.ofSeconds(20);

    @Test
    void keepsOutputAndErrorsApart() {
        Commands.Result result = Commands.run(null, LIMIT, List.of("sh", "-c", "echo out; echo err >&2; exit 3"));
        assertThat(result).isEqualTo(new Commands.Result(3, "out\n", "err\n"));
    }

    @Test
    void aFailureSaysCommandStatusAndWhatTheProgramSaid() {
        assertThatThrownBy(() -> Commands.check(null, LIMIT, List.of("sh", "-c", "echo no such thing >&2; exit 3")))
                .isInstanceOf(VmException.class)
                .hasMessageContaining("'sh -c echo no such thing >&2; exit 3' failed with status 3:")
                .hasMessageContaining("\n    no such thing");
    }

    @Test
    void aProgramThatTakesTooLongIsKilledAndNamed() {
        assertThatThrownBy(() -> Commands.run(null, Duration.ofMillis(300), List.of("sleep", "600.125")))
                .isInstanceOf(VmException.class)
                .hasMessageStartingWith("'sleep 600.125' did not end within");
        assertThat(ProcessHandle.allProcesses()
                        .filter(p -> p.info().commandLine().orElse("").endsWith("sleep 600.125"))
                        .filter(ProcessHandle::isAlive))
                .isEmpty();
    }

    @Test
    void aProgramThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> Commands.run(null, LIMIT, List.of("no-such-program")))
                .isInstanceOf(VmException.class)
                .hasMessageStartingWith("cannot run 'no-such-program': ");
    }
}
