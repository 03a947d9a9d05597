// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.module;

import io.dblock.vm.VmSetup;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the module's own tests run on.
 *
 * @param kernel the beginning of a release, and behind a slash its architecture, if that is not this host's; or the path of
 *     an image
 * @param programs the architecture of the test programs: the kernel's, or a 32-bit one that a 64-bit kernel also runs
 * @param part which of the programs, as run.sh has it with -p: 1/2 is every second one
 */
record Cell(String kernel, String programs, String part) {

    /** With all programs. */
    static final String WHOLE = "1/1";

    /** The distribution's, that the module is built for where nothing else is asked for. */
    static final String DISTRIBUTION = "6.12,6.1";

    private static final Pattern TEXT =
            Pattern.compile("([^/:]+)(?:/([a-z0-9]+)(?:\\+([a-z0-9]+))?)?(?::([1-9]/[1-9]))?");

    /** Those of {@code dblock.kernels}, or these if it is empty. */
    static List<Cell> chosen(String others) {
        String kernels = System.getProperty("dblock.it.kernels", "");
        return all(kernels.isBlank() ? others : kernels);
    }

    /**
     * From {@code RELEASE}, {@code RELEASE/ARCHITECTURE}, {@code RELEASE/ARCHITECTURE+PROGRAMS}, each with {@code :PART/PARTS}
     * behind it or without, or the path of an image of this host's architecture, split by commas.
     */
    static List<Cell> all(String texts) {
        return Arrays.stream(texts.split(",", -1)).map(Cell::of).toList();
    }

    private static Cell of(String text) {
        if (text.strip().startsWith("/")) {
            return new Cell(text.strip(), VmSetup.architecture(), WHOLE);
        }
        Matcher matcher = TEXT.matcher(text.strip());
        if (!matcher.matches()) {
            throw new IllegalArgumentException("dblock.kernels: '" + text
                    + "' is no RELEASE[/ARCHITECTURE[+PROGRAMS]][:PART/PARTS], nor the path of an image");
        }
        String own = VmSetup.architecture();
        String architecture = matcher.group(2) == null ? own : matcher.group(2);
        String release = matcher.group(1);
        return new Cell(
                architecture.equals(own) ? release : release + "/" + architecture,
                matcher.group(3) == null ? architecture : matcher.group(3),
                matcher.group(4) == null ? WHOLE : matcher.group(4));
    }

    /** For names of files. */
    String name() {
        return fileName(kernel) + "-" + programs + (part.equals(WHOLE) ? "" : "-" + part.replace("/", "of"));
    }

    /** A part of a file name that tells kernels apart: the release, or the directory and name of an image. */
    static String fileName(String kernel) {
        Path path = Path.of(kernel);
        return path.isAbsolute() ? path.getParent().getFileName() + "-" + path.getFileName() : kernel.replace('/', '-');
    }

    @Override
    public String toString() {
        return "kernel " + kernel + ", " + programs + " programs" + (part.equals(WHOLE) ? "" : ", part " + part);
    }
}
