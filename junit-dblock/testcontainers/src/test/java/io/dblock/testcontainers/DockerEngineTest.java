// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.testcontainers.ContainerEngine.Line;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Tests of what an engine says, in its own form. */
class DockerEngineTest {

    @Test
    void linesOfALogHaveTheirTimes() {
        String log =
                """
                2024-05-01T10:00:00.100000000Z old
                2024-05-01T10:00:00.900000000Z new and longer
                the rest of a very long line
                2024-05-01T12:00:01.000000001+02:00 of Podman
                """;
        assertThat(DockerEngine.lines(log, Instant.parse("2024-05-01T10:00:00.500Z")))
                .containsExactly(
                        new Line(Instant.parse("2024-05-01T10:00:00.9Z"), "new and longer"),
                        new Line(Instant.parse("2024-05-01T10:00:01.000000001Z"), "of Podman"));
        assertThat(DockerEngine.lines("", Instant.EPOCH)).isEmpty();
    }

    @Test
    void variablesHaveValues() {
        assertThat(DockerEngine.variables(new String[] {"A=1", "B=", "C", "D=x=y"}))
                .containsEntry("A", "1")
                .containsEntry("B", "")
                .containsEntry("C", "")
                .containsEntry("D", "x=y");
        assertThat(DockerEngine.variables(null)).isEmpty();
    }
}
