// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.crash.CrashTest;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a crash test has found a bug that was planted.
 *
 * @param bug what it was
 * @param state the number of the first state that failed
 * @param states how many there are to check, at least if {@code more}
 * @param lost how many writes the simplest state that fails loses, whole or in part
 * @param elapsed how long all of it took, with the explanation
 */
record Finding(Enum<?> bug, long state, long states, boolean more, long lost, Duration elapsed) {
    private static final Pattern STATES = Pattern.compile("(\\d+) states checked .*?, (more than )?(\\d+) left");
    private static final Pattern LOSSES = Pattern.compile("What the cut loses:\n(.*?)\n\n", Pattern.DOTALL);
    private static final Pattern LOSS = Pattern.compile("^  #\\d+", Pattern.MULTILINE);

    /** Runs a test that has to fail, and prints what it says. */
    static Finding of(Enum<?> bug, CrashTest test) {
        long start = System.nanoTime();
        Throwable failure = catchThrowable(() -> System.out.println("Nothing found: " + test.verify()));
        Duration elapsed = Duration.ofNanos(System.nanoTime() - start);
        assertThat(failure).as("the failure of %s", bug).isInstanceOf(AssertionError.class);
        String text = failure.getMessage();
        Matcher states = STATES.matcher(text);
        Matcher losses = LOSSES.matcher(text);
        assertThat(states.find() && losses.find())
                .as("numbers of states and losses in: %s", text)
                .isTrue();
        long checked = Long.parseLong(states.group(1));
        Finding finding = new Finding(
                bug,
                checked,
                checked + Long.parseLong(states.group(3)),
                states.group(2) != null,
                LOSS.matcher(losses.group(1)).results().count(),
                elapsed);
        System.out.println(finding + "\n" + text);
        return finding;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s: found at state %d of %s%d, shrunk to %d lost writes, %.1f s",
                bug,
                state,
                more ? "more than " : "",
                states,
                lost,
                elapsed.toMillis() / 1000.0);
    }
}
