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
 * The main class of the server process. Standard input and output are the connection to the test JVM. The process ends when
 * its standard input ends, or when the test JVM is dead while something still keeps the pipe open.
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
     * The test JVM that this process serves. It always counts as busy, so it gets the full limit of each call, even while a
     * debugger has stopped it. When it is dead, this process ends, see {@link #waitForDeath}.
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
     * Serves until the test JVM is gone.
     *
     * @param arguments the pid of the test JVM; or {@code rehearse}, to load the classes that serving needs and end
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments[0].equals("rehearse")) {
            Rehearsal.run();
            return;
        }
        long test = Long.parseLong(arguments[0]);
        InputStream in = new FileInputStream(FileDescriptor.in);
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        // Printed text must not get into the connection.
        System.setOut(System.err);
        // A terminal's Ctrl-C must end the test JVM only, which still needs its disks to unmount them.
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
     * Detaches all mounts of this module's disks, of all processes. The mount namespace of this process has begun with
     * copies of them, which would keep these disks busy.
     */
    private static void detachDiskMounts() {
        List<ProcFs.Mount> mounts = PROC.mounts("self");
        // Innermost first.
        Collections.reverse(mounts);
        for (ProcFs.Mount mount : mounts) {
            int result = mount.source().startsWith("/dev/dblock") ? Mounts.detach(mount.point()) : 0;
            if (result < 0 && result != -Errno.EINVAL.number() && result != -Errno.ENOENT.number()) {
                throw new DblockException(
                        "Cannot take the mount at " + mount.point() + " away: " + Errno.describe(-result) + ".");
            }
        }
    }

    /**
     * Waits until the process is dead. The end of standard input may never come, because a thread of a dead process that
     * still waits for a disk keeps the process's files open.
     */
    private static void waitForDeath(long pid, Optional<String> started) {
        while (started.isPresent() && PROC.startTime(pid).equals(started)) {
            try {
                Thread.sleep(LOOK.toMillis());
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** Destroys the devices, so that threads that wait for them get errors, and ends this process. */
    private static void end(CommandServer server) {
        Thread destroyer = new Thread(server::destroyAll, "junit-dblock end");
        destroyer.setDaemon(true);
        destroyer.start();
        try {
            destroyer.join(DESTROY.toMillis());
        } catch (InterruptedException e) {
            // Exit now: the kernel then destroys the devices.
        }
        OwnProcess.exit(0);
    }
}
