// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.crash.FailedState;
import io.dblock.it.support.ResultTable;
import io.dblock.it.support.Verdict;
import java.time.Duration;
import java.util.Locale;

/** How a crash test finds a bug that was planted, and nothing where there is none. Both are rows of tables. */
final class Finding {
    private Finding() {}

    /** Runs a test that has to fail. */
    static void of(Enum<?> bug, CrashTest test) {
        long start = System.nanoTime();
        Throwable failure = catchThrowable(() -> System.out.println("Nothing found: " + test.verify()));
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        assertThat(failure).as("the failure of %s", bug).isInstanceOf(AssertionError.class);
        System.out.println(bug + ": " + failure.getMessage());
        CrashReport report = test.report();
        FailedState simplest = report.failures().get(0);
        String store = bug.getDeclaringClass().getEnclosingClass().getSimpleName();
        ResultTable.of("planted-bugs", store, "bug", "found at state", "of", "shrunk to writes", "seconds")
                .put(
                        bug,
                        report.checked(),
                        (report.leftIsMore() ? "more than " : "") + (report.checked() + report.left()),
                        simplest.lostWrites(),
                        String.format(Locale.ROOT, "%.1f", elapsed.toMillis() / 1000.0));
    }

    /** Runs a test with this seed that has to pass. */
    static void none(String store, long seed, CrashTest test) {
        CrashReport report = test.verify();
        assertThat(report.checked()).as("%s", report).isGreaterThan(100);
        Verdict.table("without-bugs", store).put(Verdict.row("seed " + seed, report));
    }
}
