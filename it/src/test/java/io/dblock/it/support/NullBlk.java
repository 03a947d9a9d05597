// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** One of the kernel's test devices, with memory, made through configfs. */
public final class NullBlk implements AutoCloseable {
    private static final Path CONFIGFS = Path.of("/sys/kernel/config");
    private static final Path ALL = CONFIGFS.resolve("nullb");

    private final Path own;
    private final Path node;

    private NullBlk(Path own, Path node) {
        this.own = own;
        this.node = node;
    }

    /** Loads the driver, without a device. */
    public static void load() {
        Commands.run("modprobe", "null_blk", "nr_devices=0");
        if (Files.notExists(ALL)) {
            Commands.run("mount", "-t", "configfs", "configfs", CONFIGFS);
        }
    }

    /** Unloads it, once its last device is gone. */
    public static void unload() {
        Poll.until(
                "null_blk to be unloaded",
                Duration.ofSeconds(30),
                () -> Commands.tryRun("modprobe", "-r", "null_blk").status() == 0);
    }

    /** Makes one. */
    public static NullBlk create(String name, int mib, int queues) throws IOException {
        Path own = Files.createDirectory(ALL.resolve(name));
        for (String line : new String[] {"size=" + mib, "memory_backed=1", "submit_queues=" + queues, "power=1"}) {
            String[] parts = line.split("=", 2);
            Files.writeString(own.resolve(parts[0]), parts[1]);
        }
        // Since Linux 6.0 it is called as its directory.
        return new NullBlk(
                own,
                Files.exists(Path.of("/sys/block", name))
                        ? Path.of("/dev", name)
                        : Path.of("/dev/nullb"
                                + Files.readString(own.resolve("index")).strip()));
    }

    public Path node() {
        return node;
    }

    /** Destroys it. */
    @Override
    public void close() throws IOException {
        Files.delete(own);
    }
}
