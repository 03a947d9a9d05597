// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The JVM of these tests has the option that it needs. */
class BorrowedFileTest {
    @TempDir
    Path directory;

    private int fd;

    @BeforeEach
    void openFile() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "0123456789");
        fd = Libc.INSTANCE.open(file.toString(), Linux.O_RDONLY | Linux.O_CLOEXEC);
        assertThat(fd).isNotNegative();
    }

    @AfterEach
    void closeFile() {
        // A number that is closed already would be an error here.
        assertThat(Libc.INSTANCE.close(fd)).isZero();
    }

    private String read(FileChannel channel) throws Exception {
        ByteBuffer buffer = ByteBuffer.allocateDirect(4);
        assertThat(channel.read(buffer, 2)).isEqualTo(4);
        byte[] bytes = new byte[4];
        buffer.flip().get(bytes);
        return new String(bytes, java.nio.charset.StandardCharsets.US_ASCII);
    }

    @Test
    void isReadByTheJdk() throws Exception {
        FileChannel channel = BorrowedFile.channel(fd).orElseThrow();
        assertThat(read(channel)).isEqualTo("2345");
    }

    @Test
    void staysOpenWhenItsChannelIsClosed() throws Exception {
        FileChannel channel = BorrowedFile.channel(fd).orElseThrow();
        channel.close();
        assertThat(read(BorrowedFile.channel(fd).orElseThrow())).isEqualTo("2345");
    }

    @Test
    void staysOpenWhenAnInterruptClosesItsChannel() throws Exception {
        FileChannel channel = BorrowedFile.channel(fd).orElseThrow();
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> read(channel)).isInstanceOf(ClosedByInterruptException.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(channel.isOpen()).isFalse();
        assertThat(read(BorrowedFile.channel(fd).orElseThrow())).isEqualTo("2345");
    }
}
