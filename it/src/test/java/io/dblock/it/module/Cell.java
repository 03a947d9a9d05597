// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import io.dblock.vm.VmSetup;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the module's own tests run on.
 *
 * @param kernel the beginning of a release, and behind a slash its architecture, if that is not this host's
 * @param programs the architecture of the test programs: the kernel's, or a 32-bit one that a 64-bit kernel also runs
 */
record Cell(String kernel, String programs) {

    private static final Pattern TEXT = Pattern.compile("([^/]+)(?:/([a-z0-9]+)(?:\\+([a-z0-9]+))?)?");

    /** From {@code RELEASE}, {@code RELEASE/ARCHITECTURE} or {@code RELEASE/ARCHITECTURE+PROGRAMS}, split by commas. */
    static List<Cell> all(String texts) {
        return Arrays.stream(texts.split(",", -1)).map(Cell::of).toList();
    }

    private static Cell of(String text) {
        Matcher matcher = TEXT.matcher(text.strip());
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "dblock.kernels: '" + text + "' is no RELEASE[/ARCHITECTURE[+PROGRAMS]]");
        }
        String own = VmSetup.architecture();
        String architecture = matcher.group(2) == null ? own : matcher.group(2);
        String release = matcher.group(1);
        return new Cell(
                architecture.equals(own) ? release : release + "/" + architecture,
                matcher.group(3) == null ? architecture : matcher.group(3));
    }

    /** For names of files. */
    String name() {
        return kernel.replace('/', '-') + "-" + programs;
    }

    @Override
    public String toString() {
        return "kernel " + kernel + ", " + programs + " programs";
    }
}
