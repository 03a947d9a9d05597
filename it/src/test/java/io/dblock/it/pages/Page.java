// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Markdown file of this project. A new one is found by itself. */
record Page(Path file, String text) {
    /** This project's directory; the tests of a Maven module run in the module's own. */
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final Pattern FENCED = Pattern.compile("^```(\\w*)\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern HEADING = Pattern.compile("^#+ +(.*?) *$", Pattern.MULTILINE);
    /** With a text in brackets, as a picture, or in HTML. */
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]*)\\)|(?:src|href|srcset)=\"([^\"]*)\"");

    private static final Pattern CODE = Pattern.compile("`[^`\n]*`");
    private static final Pattern NO_LETTER = Pattern.compile("[^\\p{L}\\p{N}_ -]");
    private static final Pattern LINK_IN_HEADING = Pattern.compile("\\[([^]]*)\\]\\([^)]*\\)");

    /** A fenced block: what it says it is, such as {@code java}, and what it has. */
    record Block(String language, String text) {}

    static List<Page> all() {
        try (Stream<Path> files =
                Files.find(ROOT, 6, (file, attributes) -> file.toString().endsWith(".md") && isSource(file))) {
            return files.sorted().map(Page::of).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isSource(Path file) {
        for (Path part : ROOT.relativize(file)) {
            if (part.toString().equals("target") || part.toString().startsWith(".")) {
                return false;
            }
        }
        return true;
    }

    static Page of(Path file) {
        try {
            return new Page(file, Files.readString(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    List<Block> blocks() {
        List<Block> blocks = new ArrayList<>();
        Matcher matcher = FENCED.matcher(text);
        while (matcher.find()) {
            blocks.add(new Block(matcher.group(1), matcher.group(2)));
        }
        return blocks;
    }

    /** Where its links lead, as they are written. */
    List<String> links() {
        List<String> links = new ArrayList<>();
        Matcher matcher = LINK.matcher(CODE.matcher(prose()).replaceAll(""));
        while (matcher.find()) {
            links.add(matcher.group(1) == null ? matcher.group(2) : matcher.group(1));
        }
        return links;
    }

    /** The names of its headings in links, as GitHub makes them: the second of two equal ones ends in {@code -1}. */
    List<String> anchors() {
        List<String> anchors = new ArrayList<>();
        Map<String, Integer> seen = new HashMap<>();
        Matcher matcher = HEADING.matcher(prose());
        while (matcher.find()) {
            String heading = LINK_IN_HEADING.matcher(matcher.group(1)).replaceAll("$1");
            String anchor = NO_LETTER
                    .matcher(heading.toLowerCase(Locale.ROOT))
                    .replaceAll("")
                    .replace(' ', '-');
            int earlier = seen.merge(anchor, 1, Integer::sum) - 1;
            anchors.add(earlier == 0 ? anchor : anchor + "-" + earlier);
        }
        return anchors;
    }

    private String prose() {
        return FENCED.matcher(text).replaceAll("");
    }

    @Override
    public String toString() {
        return ROOT.relativize(file).toString();
    }
}
