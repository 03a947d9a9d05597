// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the module's own tests came to on each kernel. Safe for use by several threads. */
final class Matrix {

    /** In the order of the table; empty: not run yet. */
    private final Map<Cell, String> rows = new LinkedHashMap<>();

    Matrix(List<Cell> cells) {
        cells.forEach(cell -> rows.put(cell, ""));
    }

    /** @param clean whether the run has ended with success */
    void add(Cell cell, Tap.Run run, boolean clean) {
        add(
                cell,
                run.kernel(),
                run.count(Tap.Outcome.PASSED),
                run.count(Tap.Outcome.FAILED),
                run.count(Tap.Outcome.SKIPPED),
                run.seconds(),
                clean ? "clean" : "FAILED");
    }

    /** It could not be run at all. */
    void addMissing(Cell cell, Exception why) {
        add(cell, "", 0, 0, 0, 0, "NOT RUN: " + why.getClass().getSimpleName());
    }

    private synchronized void add(
            Cell cell, String kernel, long passed, long failed, long skipped, long seconds, String state) {
        rows.put(
                cell,
                String.format(
                        "| %s | %s | %s | %d | %d | %d | %d | %s |%n",
                        cell.kernel(),
                        cell.programs() + (cell.part().equals(Cell.WHOLE) ? "" : ", part " + cell.part()),
                        kernel,
                        passed,
                        failed,
                        skipped,
                        seconds,
                        state));
    }

    /** In Markdown. */
    synchronized String table() {
        return String.format(
                        "| kernel | programs | its release and machine | passed | failed | skipped | seconds | state |%n"
                                + "|---|---|---|---|---|---|---|---|%n")
                + String.join("", rows.values());
    }
}
