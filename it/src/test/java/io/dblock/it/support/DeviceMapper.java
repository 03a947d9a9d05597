// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** A device that the kernel's device mapper makes of others, removed when closed. */
public final class DeviceMapper implements AutoCloseable {

    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final String name;

    private DeviceMapper(String name) {
        this.name = name;
    }

    /**
     * Makes one.
     *
     * @param targets the modules of its targets, such as {@code dm_flakey}; dm_mod has linear and error
     * @param table as in {@code man dmsetup}, a line for each target
     */
    public static DeviceMapper create(String table, String... targets) {
        Commands.run("modprobe", "dm_mod");
        for (String target : targets) {
            Commands.run("modprobe", target);
        }
        String name = "it" + ProcessHandle.current().pid() + "-" + NUMBERS.incrementAndGet();
        try {
            Path file = Files.createTempFile("table", ".dm");
            try {
                Files.writeString(file, table + "\n");
                dmsetup("create", name, file);
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        DeviceMapper made = new DeviceMapper(name);
        Poll.until(made.path() + " to appear", Duration.ofSeconds(20), () -> Files.exists(made.path()));
        return made;
    }

    /** Its node. */
    public Path path() {
        return Path.of("/dev/mapper", name);
    }

    /** Sends its target a message. */
    public void message(Object... words) {
        Object[] command = new Object[words.length + 3];
        command[0] = "message";
        command[1] = name;
        command[2] = 0;
        System.arraycopy(words, 0, command, 3, words.length);
        dmsetup(command);
    }

    // A guest has no udev to make the nodes; where there is one, both make the same.
    private static void dmsetup(Object... words) {
        Object[] command = new Object[words.length + 3];
        command[0] = "env";
        command[1] = "DM_DISABLE_UDEV=1";
        command[2] = "dmsetup";
        System.arraycopy(words, 0, command, 3, words.length);
        Commands.run(command);
    }

    @Override
    public void close() {
        dmsetup("remove", "--retry", name);
    }
}
