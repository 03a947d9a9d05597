// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.LeakException;
import io.dblock.junit.DblockParameters;
import io.dblock.junit.DblockTempDirFactory;
import java.io.File;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** A suite that knows nothing of devices has its temporary directories on them, by one parameter. */
class TempDirTest {
    private static AutoCloseable leaked;

    @AfterEach
    void nothingIsLeft() throws Exception {
        if (leaked != null) {
            leaked.close();
            leaked = null;
        }
        Fixture.assertNothingIsLeft();
    }

    private static EngineTestKit.Builder suite(Class<?> testClass) {
        return Fixture.engine(testClass)
                .configurationParameter(TempDir.DEFAULT_FACTORY_PROPERTY_NAME, DblockTempDirFactory.class.getName());
    }

    static class Suite {
        @TempDir
        static Path shared;

        @TempDir
        File own;

        @RepeatedTest(2)
        void writesFiles(@TempDir Path parameter) throws Exception {
            for (Path dir : List.of(shared, own.toPath(), parameter)) {
                Fixture.NOTES.add(Files.getFileStore(dir).type());
                Path file = Files.writeString(Files.createTempFile(dir, "a", "b"), "content");
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
                Files.createDirectories(dir.resolve("some/more/directories"));
            }
            Fixture.NOTES.add(
                    Fixture.disks().size() + " disks, " + shared.toFile().list().length + " shared files");
        }
    }

    @Test
    void allItsDirectoriesAreOnDevicesOfTheirOwn() {
        Fixture.succeed(suite(Suite.class), 2);
        assertThat(Fixture.NOTES)
                .containsExactly(
                        "ext4",
                        "ext4",
                        "ext4",
                        "3 disks, 2 shared files",
                        "ext4",
                        "ext4",
                        "ext4",
                        "3 disks, 3 shared files");
    }

    @Test
    void theDevicesOptionsAreParameters() {
        Fixture.succeed(suite(Suite.class).configurationParameter(DblockParameters.FILESYSTEM, "xfs"), 2);
        assertThat(Fixture.NOTES).contains("xfs").doesNotContain("ext4");
    }

    static class Small {
        @TempDir
        Path dir;

        @Test
        void fills() throws Exception {
            Fixture.NOTES.add(Long.toString(Files.getFileStore(dir).getTotalSpace() >> 20));
        }
    }

    @Test
    void thereIsRoomForASuiteAndTheSizeCanBeChosen() {
        Fixture.succeed(suite(Small.class), 1);
        assertThat(Long.parseLong(Fixture.NOTES.get(0))).isBetween(800L, 1024L);
        Fixture.succeed(suite(Small.class).configurationParameter(DblockParameters.SIZE, "16MiB"), 1);
        assertThat(Long.parseLong(Fixture.NOTES.get(0))).isLessThan(16);
    }

    @TestMethodOrder(MethodOrderer.MethodName.class)
    static class Leaking {
        @TempDir
        Path dir;

        @Test
        void first() throws Exception {
            leaked = FileChannel.open(dir.resolve("log"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        }

        @Test
        void second() throws Exception {
            Files.writeString(dir.resolve("log"), "paid");
        }
    }

    @Test
    void anOpenFileFailsItsTestIsNamedAndHarmsNoOther() {
        EngineExecutionResults results = suite(Leaking.class).execute();
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        assertThat(Fixture.failures(results))
                .singleElement()
                .extracting(Throwable::getCause)
                .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.throwable(LeakException.class))
                .hasMessageContaining("@TempDir field dir of TempDirTest.Leaking")
                .hasMessageContaining("this JVM")
                .hasMessageContaining("log");
    }
}
