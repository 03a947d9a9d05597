// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.engines;

import static io.dblock.Filesystem.EXT4;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.DSYNC;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.camunda.zeebe.journal.Journal;
import io.camunda.zeebe.journal.JournalRecord;
import io.camunda.zeebe.journal.file.SegmentedJournal;
import io.camunda.zeebe.util.buffer.DirectBufferWriter;
import io.dblock.BlockDevice;
import io.dblock.it.support.ClassPath;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

/**
 * The journal of the workflow engine Zeebe writes to mapped memory. Up to 8.0 a segment is a sparse file, so a full disk is
 * noticed when the kernel finds no block for a page: by SIGBUS, which Java turns into an InternalError where it can, and dies of
 * elsewhere (https://github.com/camunda/camunda/issues/8099). Since 8.1.0 a segment has all its space when it is made, and the
 * next one is refused with an exception of Zeebe's own.
 */
class ZeebeIT {
    private static final int SEGMENT = 8 << 20;
    private static final int RECORD = 1024;

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void version122GetsASignalInTheMiddleOfASegment() throws Exception {
        String said = appendOnAFullDisk("1.2.2");

        assertThat(said).contains("java.lang.InternalError").doesNotContain("OutOfDiskSpace");
        assertThat(appended(said)).isLessThan(SEGMENT / 2);
    }

    @Test
    void version810FillsTheSegmentAndSaysWhatIsMissing() throws Exception {
        String said = appendOnAFullDisk("8.1.0");

        assertThat(said)
                .contains("JournalException$OutOfDiskSpace: Not enough space to allocate a new journal segment");
        assertThat(appended(said)).isBetween(SEGMENT * 9L / 10, (long) SEGMENT);
    }

    private static long appended(String said) {
        Matcher bytes = Pattern.compile("(\\d+) bytes, then ").matcher(said);
        assertThat(bytes.find()).as(said).isTrue();
        return Long.parseLong(bytes.group(1));
    }

    /** In a JVM of its own, which may not survive it. */
    private String appendOnAFullDisk(String version) {
        Path jars = Path.of(System.getProperty("dblock.it.engines"), "zeebe-journal-" + version, "*");
        Path tests = ClassPath.placeOf(ZeebeIT.class);
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        return Commands.tryRun(java, "-cp", jars + File.pathSeparator + tests, Appends.class.getName(), disk.mount())
                .output();
    }

    /** Appends to a journal on a full disk until that fails, and prints how many bytes were appended, and the error. */
    static final class Appends {
        private Appends() {}

        public static void main(String[] args) throws Exception {
            Path directory = Path.of(args[0]);
            Journal journal = SegmentedJournal.builder()
                    .withDirectory(directory.resolve("journal").toFile())
                    .withMaxSegmentSize(SEGMENT)
                    .withFreeDiskSpace(0)
                    .build();
            fill(directory.resolve("ballast"));
            Method append = append();
            DirectBuffer data = new UnsafeBuffer(new byte[RECORD]);
            Object record =
                    append.getParameterTypes()[0] == DirectBuffer.class ? data : new DirectBufferWriter().wrap(data);
            long appended = 0;
            Throwable error = null;
            while (error == null) {
                try {
                    append.invoke(journal, record);
                    appended += RECORD;
                } catch (InvocationTargetException e) {
                    error = e.getCause();
                } catch (InternalError e) {
                    error = e; // may come a little later than the signal
                }
            }
            System.out.println(appended + " bytes, then " + error);
        }

        /** As {@code disk.fill(0)} does; this process has no device. */
        private static void fill(Path file) {
            try (FileChannel channel = FileChannel.open(file, CREATE_NEW, WRITE, DSYNC)) {
                while (true) {
                    channel.write(ByteBuffer.allocate(1 << 16));
                }
            } catch (IOException e) {
                // There is no space left.
            }
        }

        /** Takes a buffer in 1.2.2, and what writes to a buffer in 8.1.0. */
        private static Method append() {
            return Arrays.stream(Journal.class.getMethods())
                    .filter(method -> method.getName().equals("append") && method.getParameterCount() == 1)
                    .filter(method -> method.getParameterTypes()[0] != JournalRecord.class)
                    .findAny()
                    .orElseThrow();
        }
    }
}
