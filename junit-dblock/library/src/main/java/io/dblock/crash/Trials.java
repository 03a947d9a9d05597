// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import io.dblock.internal.crash.Failed;
import io.dblock.internal.crash.Search;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;

/**
 * How a crash test and a fault test go through their cases: up to the first one that fails, or each of them as a test.
 *
 * @param property the system property with the id of the only case to check
 * @param report makes the report of what has been done so far
 */
record Trials<R>(Search search, String property, Reporting<R> report) {

    /** Makes the report of what has been done, and keeps it: unlike a supplier, it may be called for that alone. */
    @FunctionalInterface
    interface Reporting<R> {
        R make();
    }

    /** Checks the cases and closes the search. Throws an AssertionError at the first one that fails. */
    R verify() {
        try (search) {
            String only = System.getProperty(property);
            Optional<Failed> failed = only == null ? firstFailed() : search.check(only);
            R done = report.make();
            if (failed.isPresent()) {
                throw failure(failed.get(), "\n\n" + done);
            }
            return done;
        }
    }

    private Optional<Failed> firstFailed() {
        Optional<Failed> failed = Optional.empty();
        while (failed.isEmpty() && search.next().isPresent()) {
            failed = search.check();
        }
        return failed;
    }

    private static void fail(Failed failed) {
        throw failure(failed, "");
    }

    private static AssertionError failure(Failed failed, String report) {
        return new AssertionError(failed.text() + report, failed.cause());
    }

    /** Returns a test for each case, and a last one that has the report as its name. Closing the stream closes the search. */
    Stream<DynamicTest> tests() {
        String only = System.getProperty(property);
        Stream<DynamicTest> tests = only == null
                ? StreamSupport.stream(
                        Spliterators.spliteratorUnknownSize(new Tests(), Spliterator.ORDERED | Spliterator.NONNULL),
                        false)
                : Stream.of(
                        DynamicTest.dynamicTest(only, () -> search.check(only).ifPresent(Trials::fail)));
        return tests.onClose(() -> {
            try (search) {
                report.make();
            }
        });
    }

    /** One test for each case; the next one is only known when one has run, or is not going to. */
    private final class Tests implements Iterator<DynamicTest> {
        /** The case that has not been checked yet; null if there is none. */
        private String pending;

        private boolean reported;

        @Override
        public boolean hasNext() {
            return !reported;
        }

        @Override
        public DynamicTest next() {
            if (reported) {
                throw new NoSuchElementException("There are no more tests.");
            }
            if (pending != null) {
                search.leave(); // JUnit goes on without running it if other tests were selected.
            }
            pending = search.next().orElse(null);
            if (pending != null) {
                String name = pending;
                return DynamicTest.dynamicTest(name, () -> check(name));
            }
            reported = true;
            return DynamicTest.dynamicTest(report.make().toString(), () -> {});
        }

        private void check(String name) {
            if (!name.equals(pending)) {
                throw new IllegalStateException(
                        "The test of " + name + " came after the one that follows it was asked for."
                                + " Run these tests one after the other: @Execution(SAME_THREAD).");
            }
            pending = null;
            search.check().ifPresent(Trials::fail);
        }
    }
}
