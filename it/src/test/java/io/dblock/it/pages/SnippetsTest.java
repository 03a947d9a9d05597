// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.pages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;

/**
 * Every Java example of a page is a class of {@code io.dblock.it.docs}, with its imports, which is compiled and run on a real device.
 * With {@code -Ddblock.pages.write=true} the pages get what the classes have now.
 */
class SnippetsTest {
    private static final Path CLASSES = Path.of("src/test/java/io/dblock/it/docs");
    private static final Pattern CLASS = Pattern.compile("^class (\\w+)", Pattern.MULTILINE);

    @Test
    void everyExampleIsAClassThatIsRun() {
        SoftAssertions softly = new SoftAssertions();
        int examples = 0;
        for (Page page : Page.all()) {
            for (Page.Block block : page.blocks()) {
                if (!block.language().equals("java")) {
                    softly.assertThat(block.text()).as("a block of %s", page).doesNotContain("import io.dblock");
                    continue;
                }
                examples++;
                String name = name(page, block);
                Path source = CLASSES.resolve(name + ".java");
                softly.assertThat(source)
                        .as("the source of %s in %s", name, page)
                        .exists();
                if (Files.exists(source) && Boolean.getBoolean("dblock.pages.write")) {
                    write(page, block, source);
                } else if (Files.exists(source)) {
                    softly.assertThat(block.text())
                            .as(
                                    "%s in %s and in %s; -Ddblock.pages.write=true takes over the latter",
                                    name, page, source)
                            .isEqualTo(shown(source));
                }
            }
        }
        softly.assertThat(examples).as("Java examples in all pages").isGreaterThan(10);
        softly.assertAll();
    }

    @Test
    void everyClassIsShownAndRun() {
        List<String> shown = Page.all().stream()
                .flatMap(page -> page.blocks().stream()
                        .filter(block -> block.language().equals("java"))
                        .map(block -> name(page, block)))
                .distinct()
                .toList();
        TreeMap<String, String> sources = new TreeMap<>();
        for (Path source : sources()) {
            sources.put(source.getFileName().toString().replace(".java", ""), read(source));
        }
        String runners = sources.entrySet().stream()
                .filter(source -> source.getKey().endsWith("IT"))
                .map(source -> source.getValue())
                .collect(Collectors.joining());
        sources.keySet().removeIf(name -> name.endsWith("IT"));
        assertThat(shown)
                .as("classes in %s that pages show", CLASSES)
                .containsExactlyInAnyOrderElementsOf(sources.keySet());
        for (String name : shown) {
            if (name.endsWith("Example")) {
                assertThat(runners).as("what runs tests that are to fail").contains(name + ".class");
            } else {
                assertThat(name).as("what Failsafe runs").endsWith("Test");
            }
            assertThat(sources.get(name)).as(name).contains("@Test");
        }
    }

    private static String name(Page page, Page.Block block) {
        Matcher matcher = CLASS.matcher(block.text());
        assertThat(matcher.find())
                .as("a class in this block of %s:%n%s", page, block.text())
                .isTrue();
        return matcher.group(1);
    }

    private static String shown(Path source) {
        return read(source).replaceFirst("(?s)^.*?\npackage .*?;\n+", "");
    }

    private static void write(Page page, Page.Block block, Path source) {
        String text = Page.of(page.file()).text(); // with what was written before
        try {
            Files.writeString(page.file(), text.replace(block.text() + "```\n", shown(source) + "```\n"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Path> sources() {
        try (Stream<Path> files = Files.list(CLASSES)) {
            return files.sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(Path file) {
        return Page.of(file).text();
    }
}
