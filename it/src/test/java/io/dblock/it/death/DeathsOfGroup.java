// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/** A group of rows, see {@link Rounds}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class DeathsOfGroup {

    private final Row.Group group;
    private Rounds rounds;

    DeathsOfGroup(Row.Group group) {
        this.group = group;
    }

    @BeforeAll
    void prepare() throws IOException {
        rounds = Rounds.prepare();
    }

    @AfterAll
    void report() throws IOException {
        rounds.close();
    }

    @TestFactory
    Stream<DynamicTest> survived() {
        return rounds.of(group);
    }
}
