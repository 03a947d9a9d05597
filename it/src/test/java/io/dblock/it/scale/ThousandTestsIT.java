// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.internal.remote.ServerProcess;
import java.io.FileInputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/**
 * Many tests in one JVM, each with a disk and a filesystem of its own, leave nothing behind: no file descriptor, no thread,
 * no memory, here, in the server process or in the kernel.
 *
 * <p>How many is set by {@code -Ddblock.scale.tests}; a thousand of them one after the other and a thousand eight at a time:
 *
 * <pre>{@code
 * mvn verify -Ddblock.skip.others=true -Ddblock.device.tests=io/dblock/it/scale/ThousandTestsIT.java
 *     -Ddblock.device.more.tests=io/dblock/it/scale/ThousandTestsIT.java -Ddblock.scale.tests=1000
 * }</pre>
 */
class ThousandTestsIT {
    private static final int TESTS = Integer.getInteger("dblock.scale.tests", 32);
    /** What the first ones load, compile and fill is not the others' leak. */
    private static final int WARM_UP = Math.min(50, TESTS / 2);
    /** Of how many parts of the whole a table is printed. */
    private static final int PARTS = TESTS >= 500 ? 4 : 1;

    @ParameterizedTest(name = "{0} at a time")
    @ValueSource(ints = {1, 8})
    void aThousandTestsLeaveNothingBehind(int parallel) {
        run(WARM_UP, parallel);
        long server = ServerProcess.pid().orElseThrow();
        Usage before = Usage.now();
        int done = 0;
        Growth growth = null;
        for (int part = 1; part <= PARTS; part++) {
            long start = System.nanoTime();
            int tests = run(TESTS / PARTS, parallel);
            double millis = (System.nanoTime() - start) / 1e6 / tests;
            done += tests;
            growth = Growth.since(before, done);
            System.out.printf("  %d tests, %d at a time, %.0f ms each%n%s", tests, parallel, millis, growth.table());
        }
        assertThat(growth.leaks()).isEmpty();
        assertThat(ServerProcess.pid()).as("the server process, all the time").contains(server);
    }

    /** Returns how many it were: at least so many. */
    private static int run(int tests, int parallel) {
        int done = 0;
        while (done < tests) {
            EngineExecutionResults results = EngineTestKit.engine("junit-jupiter")
                    .selectors(selectClass(TestWithADisk.class))
                    .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                    .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
                    .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                    .configurationParameter(
                            "junit.jupiter.execution.parallel.config.fixed.parallelism", Integer.toString(parallel))
                    .execute();
            results.testEvents().failed().stream()
                    .flatMap(event -> event.getRequiredPayload(TestExecutionResult.class).getThrowable().stream())
                    .findFirst()
                    .ifPresent(failure -> {
                        throw new AssertionError("One of the tests has failed", failure);
                    });
            results.testEvents().assertStatistics(stats -> stats.succeeded(TestWithADisk.TESTS));
            done += TestWithADisk.TESTS;
        }
        return done;
    }

    /** The measurement itself: what is left on purpose is found. */
    @Test
    void whatTestsLeaveBehindIsFound() throws Exception {
        int tests = 16;
        run(1, 1);
        Usage before = Usage.now();
        List<AutoCloseable> left = new ArrayList<>();
        List<Object> kept = new ArrayList<>();
        CountDownLatch over = new CountDownLatch(1);
        try {
            for (int test = 0; test < tests; test++) {
                left.add(new FileInputStream("/dev/null"));
                kept.add(new byte[1 << 20]);
                kept.add(ByteBuffer.allocateDirect(2 << 20));
                Thread thread = new Thread(() -> await(over), "left behind " + test);
                thread.start();
                left.add(thread::join);
            }
            for (int disk = 0; disk < 8; disk++) {
                BlockDevice device = BlockDevice.builder()
                        .size("32MiB")
                        .filesystem(Filesystem.EXT4)
                        .create();
                left.add(device);
                device.mount();
            }
            List<String> leaks = Growth.between(before, Usage.now(), tests).leaks();
            assertThat(kept).as("all that was held until now").hasSize(2 * tests);
            assertThat(leaks)
                    .anyMatch(leak -> leak.startsWith("file descriptors of the test's JVM has grown"))
                    .anyMatch(leak -> leak.startsWith("threads of the test's JVM "))
                    .anyMatch(leak -> leak.startsWith("heap of the test's JVM "))
                    .anyMatch(leak -> leak.startsWith("memory of the test's JVM "))
                    .anyMatch(leak -> leak.startsWith("dblock disks has grown by 8"))
                    .anyMatch(leak ->
                            leak.startsWith("mounts has grown by 16")) // the disk and what covers its mount point
                    .anyMatch(leak -> leak.startsWith("file descriptors of the server "))
                    .anyMatch(leak -> leak.startsWith("kernel: unreclaimable slab "));
            System.out.println("  left behind on purpose, and found:\n"
                    + String.join("\n", leaks).indent(4));
        } finally {
            over.countDown();
            kept.clear();
            for (AutoCloseable one : left) {
                one.close();
            }
        }
    }

    private static void await(CountDownLatch over) {
        try {
            over.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
