// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every way for a server to fail, and for its disks to be taken away, see {@link Rounds}. */
class FailingServersIT {

    private static Rounds rounds;

    @BeforeAll
    static void prepare() throws IOException {
        rounds = Rounds.prepare();
    }

    @AfterAll
    static void report() throws IOException {
        rounds.close();
    }

    @TestFactory
    Stream<DynamicTest> survived() {
        return rounds.of(Row.Group.SERVERS);
    }
}
