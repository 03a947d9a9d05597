// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.ConfigurationSource;
import org.apache.logging.log4j.core.config.xml.XmlConfiguration;
import org.junit.jupiter.api.Test;

/**
 * Log4j's rolling appender closes its file and moves it to the archive, which is on another disk and has no room for it. Up to
 * 2.24.3 the appender does not open its file again: every further event is lost until the archive has room, and the program
 * does not notice (https://github.com/apache/logging-log4j2/issues/2592). Since 2.25.0 the appender goes on with its file.
 */
class Log4jIT {

    @DblockDevice(size = "16MiB", filesystem = EXT4)
    BlockDevice logs;

    @DblockDevice(size = "4MiB", filesystem = EXT4)
    BlockDevice archive;

    @Test
    void version2243LosesEventsWhileTheArchiveIsFull() throws Exception {
        // 17 events are more than 16 KiB: the next one is to go to a new file.
        assertThat(lostEvents("2.24.3")).containsExactlyElementsOf(events(17, 50));
    }

    @Test
    void version2250KeepsAllEvents() throws Exception {
        assertThat(lostEvents("2.25.0")).isEmpty();
    }

    private List<String> lostEvents(String version) throws Exception {
        archive.mount();
        archive.fill(0);
        try (Engine log4j = Engine.of("log4j", version);
                Log log = log4j.create(Log.class, RollingLog.class)) {
            log.open(logs.mount(), archive.mount());
            events(0, 50).forEach(log::write);
            archive.free();
            events(50, 100).forEach(log::write);
        }
        List<String> kept = new ArrayList<>(lines(logs));
        kept.addAll(lines(archive));
        return events(0, 100).stream().filter(event -> !kept.contains(event)).toList();
    }

    /** Events that take a thousand bytes each in a file, with these numbers. */
    private static List<String> events(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(i -> String.format("event %03d %s", i, ".".repeat(989)))
                .toList();
    }

    private static List<String> lines(BlockDevice disk) throws IOException {
        List<String> lines = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(disk.mount(), "*.log")) {
            for (Path file : files) {
                lines.addAll(Files.readAllLines(file));
            }
        }
        return lines;
    }

    /** What the test knows of Log4j. */
    public interface Log extends AutoCloseable {
        void open(Path directory, Path archive) throws IOException;

        void write(String event);

        @Override
        void close();
    }

    static final class RollingLog implements Log {
        private static final String CONFIGURATION =
                """
                <Configuration status="OFF" shutdownHook="disable">
                  <Appenders>
                    <RollingFile name="file" fileName="%s/app.log" filePattern="%s/app-%%i.log">
                      <PatternLayout pattern="%%m%%n"/>
                      <SizeBasedTriggeringPolicy size="16KB"/>
                      <DefaultRolloverStrategy max="100"/>
                    </RollingFile>
                  </Appenders>
                  <Loggers>
                    <Root level="INFO"><AppenderRef ref="file"/></Root>
                  </Loggers>
                </Configuration>
                """;

        private final LoggerContext context = new LoggerContext("test");

        @Override
        public void open(Path directory, Path archive) throws IOException {
            byte[] xml = CONFIGURATION.formatted(directory, archive).getBytes(UTF_8);
            context.start(new XmlConfiguration(context, new ConfigurationSource(new ByteArrayInputStream(xml))));
        }

        @Override
        public void write(String event) {
            context.getLogger("test").info(event);
        }

        @Override
        public void close() {
            context.stop();
        }
    }
}
