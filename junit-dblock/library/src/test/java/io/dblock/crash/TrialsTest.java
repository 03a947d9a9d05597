// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.internal.crash.Failed;
import io.dblock.internal.crash.Search;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;

class TrialsTest {
    private static final String PROPERTY = "dblock.test.trials";

    private final Cases cases = new Cases();
    private final Trials<String> trials = new Trials<>(cases, PROPERTY, () -> cases.done.size() + " cases");

    /** Four cases, of which the second and the third fail. */
    private static final class Cases implements Search {
        final List<String> done = new ArrayList<>();
        private int next = 1;
        private boolean closed;

        @Override
        public Optional<String> next() {
            return next > 4 ? Optional.empty() : Optional.of(next + " in words");
        }

        @Override
        public Optional<Failed> check() {
            return check(String.valueOf(next++));
        }

        @Override
        public Optional<Failed> check(String id) {
            done.add(id);
            return id.matches("[23]") ? Optional.of(new Failed(id, 0, id + " fails", null)) : Optional.empty();
        }

        @Override
        public void leave() {
            done.add("not " + next++);
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void theFirstFailureIsTheEnd() {
        assertThatThrownBy(trials::verify).isInstanceOf(AssertionError.class).hasMessage("2 fails\n\n2 cases");
        assertThat(cases.done).containsExactly("1", "2");
        assertThat(cases.closed).isTrue();
    }

    @Test
    void eachCaseIsATestAndTheReportIsTheLastOne() {
        List<String> names = new ArrayList<>();
        List<String> failures = new ArrayList<>();
        try (Stream<DynamicTest> tests = trials.tests()) {
            tests.forEach(test -> {
                names.add(test.getDisplayName());
                Throwable failure = catchThrowable(() -> test.getExecutable().execute());
                if (failure != null) {
                    failures.add(failure.getMessage());
                }
            });
            assertThat(cases.closed).isFalse();
        }
        assertThat(names).containsExactly("1 in words", "2 in words", "3 in words", "4 in words", "4 cases");
        assertThat(failures).containsExactly("2 fails", "3 fails");
        assertThat(cases.closed).isTrue();
    }

    /** JUnit asks for all tests if some of them were selected, and runs these. */
    @Test
    void whatIsNotRunIsLeftOut() {
        try (Stream<DynamicTest> tests = trials.tests()) {
            for (Iterator<DynamicTest> all = tests.limit(9).iterator(); all.hasNext(); ) {
                DynamicTest test = all.next();
                if (test.getDisplayName().startsWith("3")) {
                    assertThatThrownBy(() -> test.getExecutable().execute()).hasMessage("3 fails");
                }
            }
        }
        assertThat(cases.done).containsExactly("not 1", "not 2", "3", "not 4");
    }

    @Test
    void aTestThatIsLateSaysSo() {
        try (Stream<DynamicTest> tests = trials.tests()) {
            List<DynamicTest> all = tests.limit(2).toList();
            assertThatThrownBy(() -> all.get(0).getExecutable().execute())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("1 in words")
                    .hasMessageContaining("SAME_THREAD");
        }
    }

    @Test
    void thePropertyNamesTheOnlyOne() {
        System.setProperty(PROPERTY, "3");
        try {
            assertThatThrownBy(trials::verify).hasMessage("3 fails\n\n1 cases");
            try (Stream<DynamicTest> tests = trials.tests()) {
                assertThat(tests.map(DynamicTest::getDisplayName)).containsExactly("3");
            }
        } finally {
            System.clearProperty(PROPERTY);
        }
    }
}
