// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class FollowedProcessTest {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final List<Object> lines = Collections.synchronizedList(new ArrayList<>());

    private static Process shell(String script) throws IOException {
        return new ProcessBuilder("sh", "-c", script).start();
    }

    @Test
    void eachLineIsGivenInOrder() throws Exception {
        FollowedProcess.follow(shell("echo one; echo; echo two; printf three"), LIMIT, lines::add);
        assertThat(lines).containsExactly("one", "", "two", "three");
    }

    @Test
    void aLineIsGivenBeforeTheProcessEnds() throws Exception {
        Process process = shell("echo one; read answer; echo $answer");
        FollowedProcess.follow(process, LIMIT, line -> {
            lines.add(line);
            if (line.equals("one")) {
                answer(process, "two");
            }
        });
        assertThat(lines).containsExactly("one", "two");
    }

    private static void answer(Process process, String text) {
        try (Writer input = process.outputWriter()) {
            input.write(text + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anotherStatusThanZeroIsAnError() throws Exception {
        Process process = shell("echo one; exit 3");
        assertThatThrownBy(() -> FollowedProcess.follow(process, LIMIT, lines::add))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("status 3 after it had printed 1 lines");
        assertThat(lines).containsExactly("one");
    }

    @Test
    void aProcessThatDoesNotEndIsKilledWithItsChildren() throws Exception {
        Process process = shell("echo one; sleep 1000 & wait");
        assertThatThrownBy(() -> FollowedProcess.follow(process, Duration.ofMillis(500), lines::add))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("within PT0.5S");
        assertThat(process.waitFor()).isNotZero();
        assertThat(process.descendants()).isEmpty();
    }

    @Test
    void anErrorOfTheConsumerIsNotSwallowed() throws Exception {
        Process process = shell("echo one");
        assertThatThrownBy(() -> FollowedProcess.follow(process, LIMIT, line -> {
                    throw new IllegalArgumentException("no " + line);
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasRootCauseMessage("no one");
    }
}
