// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.mapped;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.Placement;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Duration;

/** A program that does what must not be done: it maps files of a disk which it serves itself. */
public final class MappedInOwnJvm {
    private static final int PAGES = 1536;

    private MappedInOwnJvm() {}

    /**
     * Prints the disk's name, works until it gets an error, and prints that.
     *
     * @param arguments the disk's request timeout in seconds
     */
    public static void main(String[] arguments) throws Exception {
        try (BlockDevice disk = BlockDevice.builder()
                .size("64MiB")
                .filesystem(Filesystem.EXT4)
                .placement(Placement.TEST_JVM)
                .requestTimeout(Duration.ofSeconds(Long.parseLong(arguments[0])))
                .create()) {
            System.out.println("disk " + disk.name());
            MappedFile content = new MappedFile(PAGES, 29);
            Path file = disk.mount().resolve("mapped");
            try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
                made.setLength(content.size());
            }
            content.write(file, 1);
            try (ForcedCollections collections = new ForcedCollections()) {
                readUntilItFails(disk, content, file);
                System.out.println("after " + collections.done() + " collections");
            }
            System.out.println("incidents " + disk.incidents().size());
            disk.incidents().forEach(System.out::println);
        }
        System.out.println("closed");
    }

    private static void readUntilItFails(BlockDevice disk, MappedFile content, Path file) throws Exception {
        try {
            for (; ; ) {
                disk.dropCaches();
                content.verify(file);
            }
        } catch (InternalError e) {
            // So does Java tell of a page that could not be read.
            System.out.println("error " + e);
        }
    }
}
