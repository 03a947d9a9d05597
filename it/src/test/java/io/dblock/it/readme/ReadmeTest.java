// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.readme;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Every Java example in README is code of this package, which is compiled and run. */
class ReadmeTest {

    private static final Path SOURCES = Path.of("src/test/java/io/dblock/it/readme");
    private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
    private static final Pattern REGION =
            Pattern.compile("// README:(?!end)\\w+\n(.*?)\n *// README:end", Pattern.DOTALL);

    @Test
    void everyJavaExampleInReadmeIsRunAsATest() throws Exception {
        List<String> regions = new ArrayList<>();
        try (Stream<Path> files = Files.list(SOURCES)) {
            files.map(ReadmeTest::read).forEach(source -> regions.addAll(all(REGION, source)));
        }
        List<String> blocks = all(BLOCK, read(Path.of("../README.md")));
        assertThat(blocks).as("Java blocks in README.md").isNotEmpty();
        assertThat(regions).as("regions marked README: below %s", SOURCES).containsExactlyInAnyOrderElementsOf(blocks);
    }

    private static List<String> all(Pattern pattern, String text) {
        List<String> found = new ArrayList<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(1).stripIndent().strip());
        }
        return found;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
