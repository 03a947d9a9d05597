// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.EventType;

/** Runs test classes within a test, and looks at the machine before and after. */
final class Fixture {
    /** What the inner tests say. */
    static final List<String> NOTES = new CopyOnWriteArrayList<>();

    private Fixture() {}

    static EngineTestKit.Builder engine(Class<?> testClass) {
        NOTES.clear();
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(testClass))
                .configurationParameter("junit.platform.output.capture.stdout", "false");
    }

    static List<Throwable> failures(EngineExecutionResults results) {
        return results.allEvents()
                .filter(event -> event.getType() == EventType.FINISHED)
                .map(event -> event.getRequiredPayload(TestExecutionResult.class))
                .map(TestExecutionResult::getThrowable)
                .flatMap(Optional::stream)
                .toList();
    }

    /** A zeroed block of 4096 bytes, aligned so that direct I/O takes it on any device. */
    static ByteBuffer block() {
        return ByteBuffer.allocateDirect(8192).alignedSlice(4096).slice(0, 4096);
    }

    /** Runs the tests, all of which have to succeed. */
    static void succeed(EngineTestKit.Builder engine, long tests) {
        succeed(engine.execute(), tests);
    }

    /** The same of tests that have run. */
    static void succeed(EngineExecutionResults results, long tests) {
        AssertionError error = new AssertionError("Tests failed within the test");
        failures(results).forEach(error::addSuppressed);
        if (error.getSuppressed().length > 0) {
            throw error;
        }
        results.testEvents().assertStatistics(stats -> stats.succeeded(tests));
    }

    /** Our disks, as the kernel sees them. */
    static List<String> disks() throws IOException {
        try (Stream<Path> disks = Files.list(Path.of("/sys/block"))) {
            return disks.map(disk -> disk.getFileName().toString())
                    .filter(name -> name.startsWith("dblock"))
                    .sorted()
                    .toList();
        }
    }

    /** Lines of the mount table with our disks in it. */
    static List<String> mounts() throws IOException {
        return mounts(line -> line.startsWith("/dev/dblock"));
    }

    private static List<String> mounts(Predicate<String> which) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                .filter(which)
                .toList();
    }

    static void assertNothingIsLeft() throws IOException {
        assertThat(disks()).as("disks left behind").isEmpty();
        assertThat(mounts(line -> line.startsWith("/dev/dblock") || line.contains("/run/junit-dblock/")))
                .as("mounts left behind")
                .isEmpty();
    }
}
