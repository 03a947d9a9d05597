// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * Where JVMs with tests share a kernel, one runs at a time: tests count its devices, unload the module and read its log. So the build may
 * start several, each of which mostly has a guest of its own.
 */
public final class OneAtATime implements LauncherSessionListener {

    private static final Duration LIMIT = Duration.ofHours(2);

    private final Path file;
    private FileChannel channel;

    /** Of all those of this build. */
    public OneAtATime() {
        this(Path.of("target", "one-at-a-time.lock").toAbsolutePath());
    }

    OneAtATime(Path file) {
        this.file = file;
    }

    @Override
    public void launcherSessionOpened(LauncherSession session) {
        // Each guest has a kernel of its own.
        if (System.getenv("DBLOCK_GUEST") == null) {
            open();
        }
    }

    @Override
    public void launcherSessionClosed(LauncherSession session) {
        close();
    }

    void open() {
        try {
            Files.createDirectories(file.getParent());
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            Poll.until("other tests of this build, which have a lock on " + file + ", to end", LIMIT, this::locked);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot open " + file, e);
        }
    }

    private boolean locked() throws IOException {
        FileLock lock = channel.tryLock();
        return lock != null;
    }

    /** Lets the next one go on; so does the end of this process. */
    void close() {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot close " + file, e);
        }
    }
}
