// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.kernel.Mounts;
import io.dblock.internal.kernel.OwnProcess;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.server.LocalServer;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * The server process: standard input and output are the connection to the test's JVM. It ends when its standard input does,
 * or when the test's JVM is dead although something still keeps the pipe open; nothing else ends it but a signal that cannot
 * be caught.
 */
public final class ServerMain {
    private static final ProcFs PROC = new ProcFs(Path.of("/proc"));
    private static final Duration LOOK = Duration.ofMillis(500);
    private static final Duration DESTROY = Duration.ofSeconds(10);

    private ServerMain() {}

    static Peer testJvm(long pid) {
        return new TestJvm(pid);
    }

    /**
     * The process that this one serves. It counts as busy, so that it has the whole time of a call, even if it is stopped: a
     * debugger stops it for as long as somebody looks at it. This process ends when it is dead, see {@link #waitForDeath}.
     */
    private record TestJvm(long pid) implements Peer {
        @Override
        public String name() {
            return "The test's JVM (pid " + pid + ")";
        }

        @Override
        public Liveness liveness() {
            return Liveness.BUSY;
        }

        @Override
        public String describe() {
            return "It is in state " + ServerProcess.stateOf(pid) + ".";
        }

        @Override
        public Duration patience() {
            return Command.timeout();
        }
    }

    /**
     * Serves until the test's JVM is gone.
     *
     * @param arguments its pid; or {@code rehearse}, to load what it takes to serve, and end
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments[0].equals("rehearse")) {
            Rehearsal.run();
            return;
        }
        long test = Long.parseLong(arguments[0]);
        InputStream in = new FileInputStream(FileDescriptor.in);
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        // Whoever prints something must not print it into the connection.
        System.setOut(System.err);
        // A terminal's Ctrl-C is for the test's JVM, which still needs its disks then to unmount them.
        OwnProcess.newSession();
        lockMemory();
        detachDiskMounts();
        Connection connection = new Connection(in, out, ServerCommands.class, new TestJvm(test));
        CommandServer server = new CommandServer(
                LocalServer.instance(),
                connection.remote(TestCommands.class, Command.timeout()),
                connection.references(),
                test,
                path -> Path.of("/proc", Long.toString(test), "root")
                        .resolve(Path.of("/").relativize(path)));
        Optional<String> started = PROC.startTime(test);
        connection.atEnd(() -> end(server));
        connection.start(server);
        waitForDeath(test, started);
        end(server);
    }

    private static void lockMemory() {
        OwnProcess.lockMemory()
                .ifPresent(why -> System.err.println("junit-dblock: the server process cannot lock its memory (" + why
                        + "). Where memory is short, its disks may answer late, and a swap area on one of them not at"
                        + " all. Give it CAP_IPC_LOCK and CAP_SYS_RESOURCE, as root has, or ulimit -l unlimited."));
    }

    /**
     * Takes all mounts of this module's disks away, of whichever process: a mount namespace of its own begins with copies of
     * them, which would keep those disks busy.
     */
    private static void detachDiskMounts() {
        List<ProcFs.Mount> mounts = PROC.mounts("self");
        // The innermost first.
        Collections.reverse(mounts);
        for (ProcFs.Mount mount : mounts) {
            int result = mount.source().startsWith("/dev/dblock") ? Mounts.detach(mount.point()) : 0;
            if (result < 0 && result != -Errno.EINVAL.number() && result != -Errno.ENOENT.number()) {
                throw new DblockException(
                        "Cannot take the mount at " + mount.point() + " away: " + Errno.describe(-result) + ".");
            }
        }
    }

    /** A thread of a dead process that still waits for a disk keeps the process's files open: so its state is looked at. */
    private static void waitForDeath(long pid, Optional<String> started) {
        while (started.isPresent() && PROC.startTime(pid).equals(started)) {
            try {
                Thread.sleep(LOOK.toMillis());
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** Nothing is left to be done for anybody: the disks fail, and nobody waits for this process. */
    private static void end(CommandServer server) {
        Thread destroyer = new Thread(server::destroyAll, "junit-dblock end");
        destroyer.setDaemon(true);
        destroyer.start();
        try {
            destroyer.join(DESTROY.toMillis());
        } catch (InterruptedException e) {
            // Then without: the kernel destroys them with this process.
        }
        OwnProcess.exit(0);
    }
}
