// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.scale;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.internal.remote.ServerProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/** A disk much larger than this machine's memory and its disks costs what is written to it. */
class HugeDeviceIT {
    private static final String SIZE = "16TiB";
    private static final long BYTES = 16L << 40;
    /** In KiB. The zeroed log of XFS alone has two gigabytes; 12 MiB were seen. */
    private static final long MOST = 64 << 10;

    @Test
    void sixteenTebibytesWithXfs() throws Exception {
        try (BlockDevice disk =
                BlockDevice.builder().size(SIZE).filesystem(Filesystem.XFS).create()) {
            long before = memory();
            disk.format();
            Path file = disk.mount().resolve("file");
            Files.writeString(file, "in sixteen tebibytes");
            disk.remount();

            assertThat(file).hasContent("in sixteen tebibytes");
            assertThat(Files.getFileStore(file).getTotalSpace()).isBetween(BYTES * 9 / 10, BYTES);
            long grown = memory() - before;
            System.out.printf("  the server has grown by %d KiB%n", grown);
            assertThat(grown).as("KiB of memory").isLessThan(MOST);
        }
    }

    @Test
    void itsLastBlockIsItsOwn() throws Exception {
        try (BlockDevice disk = BlockDevice.builder().size(SIZE).create();
                FileChannel channel =
                        FileChannel.open(disk.path(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap("first".getBytes(US_ASCII)), 0);
            channel.write(ByteBuffer.wrap("last!".getBytes(US_ASCII)), BYTES - 5);
            channel.force(true);
            disk.dropCaches();

            assertThat(text(channel, 0)).isEqualTo("first");
            assertThat(text(channel, BYTES - 5)).isEqualTo("last!");
        }
    }

    private static String text(FileChannel channel, long at) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(5);
        channel.read(buffer, at);
        return new String(buffer.array(), US_ASCII);
    }

    /** Of the server process, in KiB. */
    private static long memory() throws IOException {
        long server = ServerProcess.pid().orElseThrow();
        return Files.readAllLines(Path.of("/proc", Long.toString(server), "status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
