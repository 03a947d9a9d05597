// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.reporting.ReportEntry;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.EventType;
import org.junit.platform.testkit.engine.Events;

/**
 * What README says of its first example: without the line that syncs, the test fails, with this message, and leaves this picture.
 * When the picture has another structure now, copy the new one, whose path the failure has, over the old.
 */
class FailedTestIT {
    private static final String SYNC = "            channel.force(false);\n";
    private static final Path SOURCE = Path.of("src/test/java/io/dblock/it/docs/LedgerTest.java");
    private static final Path README = Path.of("../README.md");
    private static final Path PICTURE = Path.of("../junit-dblock/docs/drawings/failed-test.svg");
    private static final Pattern OUTPUT =
            Pattern.compile("^```text\n(Expecting .*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern NUMBER = Pattern.compile("[0-9]+([.][0-9]+)?");
    private static final Pattern COLOUR_OR_NUMBER = Pattern.compile("(\"#[0-9a-f]+\")|" + NUMBER.pattern());
    /** Not every kernel says it. */
    private static final Pattern PRIORITY = Pattern.compile(" ioprio \\S+/[0-9]");

    @TempDir
    Path dir;

    @Test
    void withoutTheSyncItFailsAsReadmeShows() throws Exception {
        Events events;
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {compileWithoutSync()}, getClass().getClassLoader())) {
            Class<?> broken = Class.forName("LedgerTest", true, loader);
            events = EngineTestKit.engine("junit-jupiter")
                    .selectors(selectClass(broken))
                    .execute()
                    .testEvents();
        }
        events.assertStatistics(statistics -> statistics.started(1).failed(1));

        String message = events.filter(event -> event.getType() == EventType.FINISHED)
                .map(event ->
                        event.getRequiredPayload(TestExecutionResult.class).getThrowable())
                .flatMap(Optional::stream)
                .findFirst()
                .orElseThrow()
                .getMessage();
        System.out.println(message);
        var output = OUTPUT.matcher(Files.readString(README));
        assertThat(output.find())
                .as("the output of the failed test in README.md")
                .isTrue();
        List<String> shown = output.group(1)
                .lines()
                .map(FailedTestIT::withoutNumbers)
                .filter(line -> !line.equals("..."))
                .toList();
        assertThat(withoutNumbers(message)).as("the message, numbers apart").contains(shown);

        Path directory = artifacts(events);
        assertThat(directory.resolve("journal.txt")).content().contains("commit", "WRITE");
        assertThat(directory.resolve("device.txt")).content().contains("seed: ", "unflushed writes:");
        Path picture = directory.resolve("picture.svg");
        assertThat(shapes(Files.readString(PICTURE)))
                .as("what %s consists of, numbers apart; the new one is %s", PICTURE, picture)
                .isEqualTo(shapes(Files.readString(picture)));
    }

    /** README's class without the line that it tells to leave out. */
    private URL compileWithoutSync() throws Exception {
        String source = Files.readString(SOURCE);
        assertThat(source).as("%s, which README shows", SOURCE).contains(SYNC);
        Path file = dir.resolve("LedgerTest.java");
        Files.writeString(file, source.replace(SYNC, "").replaceFirst("package .*;", ""));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assertThat(compiler)
                .as("the compiler of the JDK in %s", System.getProperty("java.home"))
                .isNotNull();
        StringWriter output = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            boolean compiled = compiler.getTask(
                            output,
                            files,
                            null,
                            List.of("-proc:none", "-cp", System.getProperty("java.class.path"), "-d", dir.toString()),
                            null,
                            files.getJavaFileObjects(file))
                    .call();
            assertThat(compiled).as(output.toString()).isTrue();
        }
        return dir.toUri().toURL();
    }

    private static Path artifacts(Events events) {
        return events.filter(event -> event.getType() == EventType.REPORTING_ENTRY_PUBLISHED)
                .map(event -> event.getRequiredPayload(ReportEntry.class).getKeyValuePairs())
                .flatMap(entry -> Optional.ofNullable(entry.get("junit-dblock.artifacts")).stream())
                .map(Path::of)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no artifacts were reported"));
    }

    private static String withoutNumbers(String text) {
        String plain = PRIORITY.matcher(text.strip()).replaceAll("");
        return NUMBER.matcher(plain)
                .replaceAll("0")
                .replaceAll("\\b[um]s\\b", "s")
                .replaceAll("\\s+", " ");
    }

    /**
     * The elements of a picture and how each looks, but for places, sizes and counts, and for the kinds of requests: all of these
     * depend on the version of mkfs, on the kernel, and on whether a request of the filesystem is under way at the end.
     */
    private static Set<String> shapes(String picture) {
        String plain = picture.replaceAll("<title>.*?</title>", "<title/>")
                .replaceAll("<g .*>", "<g>")
                .replaceAll("<rect .* y=\"36\" .*/>", "<rect of the legend/>")
                .replaceAll("<text .* y=\"45.0\" .*/text>", "<text of the legend/>");
        return new TreeSet<>(COLOUR_OR_NUMBER
                .matcher(plain)
                .replaceAll(match -> match.group(1) == null ? "0" : match.group(1))
                .lines()
                .toList());
    }
}
