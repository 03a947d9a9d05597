// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the programs of {@code dblock-kmod/tests} print: the Test Anything Protocol, a "# program" line before each. */
final class Tap {

    private static final Pattern PROGRAM = Pattern.compile("# program (\\S+)");
    private static final Pattern CASE = Pattern.compile("(not )?ok \\d+(?: -)? ?(.*?)(?: # (SKIP|skip)\\S* ?(.*))?");
    private static final Pattern CLOSING = Pattern.compile("(\\d+) passed, (\\d+) failed, (\\d+) skipped");

    private static final Pattern KERNEL = Pattern.compile("# kernel (.*)");
    private static final Pattern SECONDS = Pattern.compile("# took (\\d+) s");

    private Tap() {}

    enum Outcome {
        PASSED,
        FAILED,
        SKIPPED
    }

    /** One test; {@code details} are the lines since the one before, and for a skipped one the reason. */
    record Case(String name, Outcome outcome, String details) {}

    /**
     * All of a run.
     *
     * @param programs their tests
     * @param kernel its release and machine; empty if it does not say
     * @param seconds how long it took; 0 if it has not ended
     * @param closing its last line; empty if there is none
     */
    record Run(Map<String, List<Case>> programs, String kernel, long seconds, String closing) {

        long count(Outcome outcome) {
            return programs.values().stream()
                    .flatMap(List::stream)
                    .filter(c -> c.outcome() == outcome)
                    .count();
        }
    }

    static Run parse(List<String> lines) {
        Map<String, List<Case>> programs = new LinkedHashMap<>();
        List<Case> current = programs.computeIfAbsent("run.sh", p -> new ArrayList<>());
        StringBuilder details = new StringBuilder();
        String closing = "";
        String kernel = "";
        long seconds = 0;
        for (String line : lines) {
            Matcher program = PROGRAM.matcher(line);
            Matcher test = CASE.matcher(line);
            Matcher release = KERNEL.matcher(line);
            Matcher took = SECONDS.matcher(line);
            if (release.matches()) {
                kernel = release.group(1);
            } else if (took.matches()) {
                seconds = Long.parseLong(took.group(1));
            } else if (program.lookingAt()) {
                current = programs.computeIfAbsent(program.group(1), p -> new ArrayList<>());
                details.setLength(0);
            } else if (test.matches()) {
                Outcome outcome = test.group(1) != null
                        ? Outcome.FAILED
                        : test.group(3) != null ? Outcome.SKIPPED : Outcome.PASSED;
                current.add(new Case(
                        test.group(2), outcome, outcome == Outcome.SKIPPED ? test.group(4) : details.toString()));
                details.setLength(0);
            } else if (CLOSING.matcher(line).matches()) {
                closing = line;
            } else {
                details.append(line).append('\n');
            }
        }
        programs.values().removeIf(List::isEmpty);
        return new Run(programs, kernel, seconds, closing);
    }
}
