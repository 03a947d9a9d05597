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
 * The failed tests that pages show: each fails, with the message that is on the page. Those that leave a picture on a page leave
 * this one. When the picture has another structure now, copy the new one, whose path the failure has, over the old.
 */
class FailedTestIT {
    private static final Path SOURCES = Path.of("src/test/java/io/dblock/it/docs");
    private static final Path README = Path.of("../README.md");
    private static final Path CRASH = Path.of("../junit-dblock/docs/crash.md");
    private static final Path JOURNAL = Path.of("../junit-dblock/docs/journal.md");
    private static final Path DRAWINGS = Path.of("../junit-dblock/docs/drawings");
    private static final Pattern OUTPUT =
            Pattern.compile("^```text\n((?:A power cut|Expecting) .*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern PICTURE = Pattern.compile("^A picture: (.*)$", Pattern.MULTILINE);
    /** In the id of a state, a hash. */
    private static final Pattern HASH = Pattern.compile("~[0-9a-f]{4}\\b");

    /** Not every kernel says it. */
    private static final Pattern PRIORITY = Pattern.compile(" ioprio \\S+/[0-9]");

    private static final Pattern NUMBER = Pattern.compile("[0-9]+([.][0-9]+)?");
    private static final Pattern COLOUR_OR_NUMBER = Pattern.compile("(\"#[0-9a-f]+\")|" + NUMBER.pattern());

    @TempDir
    Path dir;

    @Test
    void withoutItsFirstSyncTheLedgerFailsAsReadmeShows() throws Exception {
        try (URLClassLoader without = without("channel.force(false); // the entry is durable", "LedgerTest")) {
            leaves(failsAsShown(without.loadClass("LedgerTest"), README), "failed-test.svg");
        }
    }

    @Test
    void sqliteFailsAsThePageOnCrashTestsShows() throws Exception {
        leaves(failsAsShown(SqliteExample.class, CRASH), "failed-sqlite.svg");
    }

    @Test
    void withoutItsSyncACommitFailsAsThePageOnTheJournalShows() throws Exception {
        try (URLClassLoader without = without("channel.force(false);", "DirectCommitTest")) {
            Failed unused = failsAsShown(without.loadClass("DirectCommitTest"), JOURNAL);
        }
    }

    /** The message of a failed test, and the directory of what it leaves. */
    private record Failed(String message, Path artifacts) {}

    private static Failed failsAsShown(Class<?> test, Path page) throws Exception {
        Events events = EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(test))
                .execute()
                .testEvents();
        events.assertStatistics(statistics -> statistics.started(1).failed(1));

        String message = events.filter(event -> event.getType() == EventType.FINISHED)
                .map(event ->
                        event.getRequiredPayload(TestExecutionResult.class).getThrowable())
                .flatMap(Optional::stream)
                .findFirst()
                .orElseThrow()
                .getMessage();
        System.out.println(message);
        var output = OUTPUT.matcher(Files.readString(page));
        assertThat(output.find())
                .as("the output of the failed test in %s", page)
                .isTrue();
        List<String> shown = output.group(1)
                .lines()
                .map(FailedTestIT::withoutNumbers)
                .filter(line -> !line.equals("..."))
                .toList();
        assertThat(withoutNumbers(message)).as("the message, numbers apart").contains(shown);

        return new Failed(message, artifacts(events));
    }

    private static void leaves(Failed test, String picture) throws Exception {
        assertThat(test.artifacts().resolve("journal.txt")).content().contains("acknowledged", "WRITE");
        assertThat(test.artifacts().resolve("device.txt")).content().contains("seed: ", "unflushed writes:");
        assertThat(test.artifacts().resolve("picture.svg")).exists();
        var named = PICTURE.matcher(test.message());
        assertThat(named.find()).as("a picture of the state").isTrue();
        Path drawn = Path.of(named.group(1));
        assertThat(shapes(Files.readString(DRAWINGS.resolve(picture))))
                .as("what %s consists of, numbers apart; the new one is %s", picture, drawn)
                .isEqualTo(shapes(Files.readString(drawn)));
    }

    /** Returns this class of a page without the line that has this code. */
    private URLClassLoader without(String code, String name) throws Exception {
        Path shown = SOURCES.resolve(name + ".java");
        String source = Files.readString(shown);
        assertThat(source).as("%s", shown).containsOnlyOnce(code);
        Path file = dir.resolve(name + ".java");
        Files.writeString(
                file,
                source.replaceFirst(" *" + Pattern.quote(code) + ".*\n", "").replaceFirst("package .*;", ""));
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
        return new URLClassLoader(new URL[] {dir.toUri().toURL()}, getClass().getClassLoader());
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
        String plain =
                PRIORITY.matcher(HASH.matcher(text.strip()).replaceAll("~0")).replaceAll("");
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
