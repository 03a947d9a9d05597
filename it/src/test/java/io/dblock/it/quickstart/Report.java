// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.quickstart;

/** What the quickstart did, for a person to read. */
final class Report {

    private Report() {}

    static void print(String... namesAndValues) {
        StringBuilder text = new StringBuilder(System.lineSeparator());
        for (int i = 0; i < namesAndValues.length; i += 2) {
            text.append(String.format("  %-12s %s%n", namesAndValues[i], namesAndValues[i + 1]));
        }
        System.out.println(text);
    }
}
