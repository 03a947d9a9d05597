// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashTest;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/**
 * What a crash test finds if it goes on after the first state that fails.
 *
 * @param report how many states were checked, and more
 * @param states how many were checked
 * @param failed how many of them failed
 * @param first the first failure, explained; empty if there is none
 */
public record Verdict(String report, long states, long failed, Optional<AssertionError> first) {

    /** Checks all states and prints the verdict under this name. */
    public static Verdict of(String name, CrashTest test) throws Exception {
        long states = 0;
        long failed = 0;
        AssertionError first = null;
        String last = "";
        try (Stream<DynamicTest> tests = test.states()) {
            for (Iterator<DynamicTest> i = tests.iterator(); i.hasNext(); ) {
                DynamicTest state = i.next();
                last = state.getDisplayName();
                states++;
                try {
                    state.getExecutable().execute();
                } catch (AssertionError e) {
                    failed++;
                    first = first == null ? e : first;
                } catch (Throwable e) {
                    throw new AssertionError("The state " + last + " of " + name + " could not be checked.", e);
                }
            }
        }
        System.out.println("Verdict of " + name + ": " + last);
        if (first != null) {
            System.out.println(name + ", the first failure: " + first.getMessage());
        }
        return new Verdict(last, states - 1, failed, Optional.ofNullable(first)); // the last test is the report
    }

    /** Some states failed, and the first one does so again in another run, from its id alone, on the disk made anew. */
    public AssertionError isLoss(BlockDevice disk, Callable<CrashTest> test) throws Exception {
        assertThat(first).as(report).isPresent();
        AssertionError failure = first.orElseThrow();
        failsAgain(failure, disk, test);
        return failure;
    }

    /**
     * Runs the state of a failure alone, after the disk has been made anew. It fails again. The hash in its id may be another
     * one: how the filesystem's journal divides its writes depends on time.
     */
    public static void failsAgain(Throwable failure, BlockDevice disk, Callable<CrashTest> test) throws Exception {
        String id = failure.getMessage().replaceAll("(?s).*-Ddblock.crash.state=(\\S+).*", "$1");
        disk.unmount();
        disk.format();
        System.setProperty(CrashTest.STATE, id);
        try {
            CrashTest same = test.call();
            assertThat(catchThrowable(same::verify))
                    .as("the state %s in another run", id)
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("crash.state=" + id.replaceAll("~.*", "~"));
        } finally {
            System.clearProperty(CrashTest.STATE);
        }
    }

    /** So many states were checked, and none failed. */
    public void isNoLoss(int atLeast) {
        assertThat(first).as(report).isEmpty();
        assertThat(states).as(report).isGreaterThanOrEqualTo(atLeast);
    }
}
