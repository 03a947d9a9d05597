// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The lines of code in the tables of the page about promises are in a test that runs on real devices. */
class PromisesTest {
    private static final Page PAGE = Page.of(Page.ROOT.resolve("junit-dblock/docs/promises.md"));
    private static final Page TESTS =
            Page.of(Page.ROOT.resolve("it/src/test/java/io/dblock/it/promises/PromisesIT.java"));

    private static final Pattern CODE = Pattern.compile("`([^`\n]*)`");
    /** A call of something, unlike the name of a method or a system call. */
    private static final Pattern CALL = Pattern.compile("\\.\\w+\\(");

    private static List<String> linesOfCode(String text) {
        return CODE.matcher(text)
                .results()
                .map(span -> span.group(1))
                .filter(code -> CALL.matcher(code).find())
                .toList();
    }

    private static String squeezed(String text) {
        return text.replaceAll("\\s+", "");
    }

    @Test
    void everyLineOfCodeIsInATest() {
        String tests = squeezed(TESTS.text());
        List<String> lines = linesOfCode(PAGE.text());
        assertThat(lines).as("lines of code in %s", PAGE).hasSizeGreaterThan(15);
        assertThat(lines.stream().filter(line -> !tests.contains(squeezed(line))))
                .as("lines of code that no test of %s has", TESTS)
                .isEmpty();
    }

    @Test
    void everyLineOfATableLeadsToAPage() {
        assertThat(PAGE.text()
                        .lines()
                        .filter(line ->
                                line.startsWith("| ") && !linesOfCode(line).isEmpty()))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(line).contains(".md"));
    }
}
