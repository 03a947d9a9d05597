// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;

/** A program that keeps writing to a device of its own until it is killed. */
public final class Victim {

    private Victim() {}

    /** Prints the node and the mount point once it is under way. */
    public static void main(String[] args) throws Exception {
        BlockDevice disk =
                BlockDevice.builder().size("128MiB").filesystem(Filesystem.EXT4).create();
        Path file = disk.mount().resolve("file");
        ByteBuffer data = ByteBuffer.allocateDirect(256 << 10);
        Random random = new Random(1);
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ)) {
            for (long round = 0; ; round++) {
                data.clear();
                data.putLong(0, random.nextLong());
                channel.write(data, random.nextInt(200) * (long) data.capacity());
                if (round % 8 == 0) {
                    channel.force(false);
                }
                if (round == 16) {
                    System.out.println(disk.path() + " " + disk.mount());
                    System.out.flush();
                }
            }
        }
    }
}
