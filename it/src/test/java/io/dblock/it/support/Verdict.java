// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashTest;
import io.dblock.crash.FailedState;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * What a crash test finds if it goes on after the first state that fails. A row of a table.
 *
 * @param report how many states were checked, and more
 * @param first the first failure, explained; empty if there is none
 */
public record Verdict(CrashReport report, Optional<AssertionError> first) {

    /** Checks all states, and puts the verdict under this name into the table of the class that calls. */
    public static Verdict of(String name, CrashTest test) throws Exception {
        String caller = StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE)
                .getCallerClass()
                .getSimpleName();
        AssertionError first = null;
        try (Stream<DynamicTest> tests = test.states()) {
            for (Iterator<DynamicTest> i = tests.iterator(); i.hasNext(); ) {
                DynamicTest state = i.next();
                try {
                    state.getExecutable().execute();
                } catch (AssertionError e) {
                    first = first == null ? e : first;
                } catch (Throwable e) {
                    throw new AssertionError(
                            "The state " + state.getDisplayName() + " of " + name + " could not be checked.", e);
                }
            }
        }
        CrashReport report = test.report();
        System.out.println("Verdict of " + name + ": " + report);
        if (first != null) {
            System.out.println(name + ", the first failure: " + first.getMessage());
        }
        table("known-verdicts", caller).put(row(name, report));
        return new Verdict(report, Optional.ofNullable(first));
    }

    /** Returns a table of reports. */
    public static ResultTable table(String name, String part) {
        return ResultTable.of(
                name,
                part,
                "test",
                "states",
                "the same as one before",
                "pruned",
                "checked",
                "failed",
                "left",
                "states a minute");
    }

    /** Returns the row of a report in such a table. States are all that were made: checked, the same as one before, or pruned. */
    public static Object[] row(String name, CrashReport report) {
        return new Object[] {
            name,
            report.checked() + report.repeated() + report.pruned(),
            report.repeated(),
            report.pruned(),
            report.checked(),
            report.failed(),
            (report.leftIsMore() ? "more than " : "") + report.left(),
            report.perMinute()
        };
    }

    /** Some states failed, and the first one does so again in another run, from its id alone, on the disk made anew. */
    public AssertionError isLoss(BlockDevice disk, Callable<CrashTest> test) throws Exception {
        assertThat(first).as("%s", report).isPresent();
        failsAgain(report.failures().get(0), disk, test);
        return first.orElseThrow();
    }

    /**
     * Runs a state that has failed alone, after the disk has been made anew. It fails again. The hash in its id may be another
     * one: how the filesystem's journal divides its writes depends on time.
     */
    public static void failsAgain(FailedState state, BlockDevice disk, Callable<CrashTest> test) throws Exception {
        disk.unmount();
        disk.format();
        System.setProperty(CrashTest.STATE, state.id());
        try {
            CrashTest same = test.call();
            assertThat(catchThrowable(same::verify))
                    .as("the state %s in another run", state)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("This state alone: -Ddblock.crash.state=");
            assertThat(same.report().failures())
                    .extracting(again -> withoutHash(again.id()))
                    .containsExactly(withoutHash(state.id()));
        } finally {
            System.clearProperty(CrashTest.STATE);
        }
    }

    private static String withoutHash(String id) {
        return id.replaceAll("~[0-9a-f]+", "");
    }

    /** So many states were checked, and none failed. */
    public void isNoLoss(int atLeast) {
        assertThat(first).as("%s", report).isEmpty();
        assertThat(report.checked()).as("%s", report).isGreaterThanOrEqualTo(atLeast);
    }
}
