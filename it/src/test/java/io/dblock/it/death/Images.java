// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Commands;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/** Filesystems made once; each round has copies of them. */
record Images(Path ext4, Path xfs) {

    private static final long EXT4_SIZE = 24L << 20;
    private static final long XFS_SIZE = 300L << 20;

    static Images make() throws IOException {
        Path directory = Files.createTempDirectory("deaths");
        Path ext4 = empty(directory.resolve("ext4"), EXT4_SIZE);
        Commands.run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", ext4);
        Path xfs = empty(directory.resolve("xfs"), XFS_SIZE);
        Commands.run("mkfs.xfs", "-q", "-f", xfs);
        return new Images(ext4, xfs);
    }

    private static Path empty(Path file, long size) throws IOException {
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(size);
        }
        return file;
    }
}
