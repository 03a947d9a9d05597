// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.ProcFs;
import io.dblock.internal.kernel.ServerThread;
import io.dblock.internal.module.CacheDirectory;
import io.dblock.internal.module.JvmOptions;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.module.ServerArchive;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.StoreSpec;
import io.dblock.internal.watchdog.Watchdog;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * A server process of this JVM. The static methods use the current one: it is started on first use, and replaced if it has
 * died or does not answer. The devices of a replaced process stay with it. All server processes end with this JVM. Safe for
 * use by several threads.
 */
public final class ServerProcess {
    private static final Duration START = Duration.ofMinutes(3);
    private static final Duration STOP = Duration.ofSeconds(20);
    /**
     * The initial heap is small, and grows with the journals. It is not touched at the start, since a page that is missing
     * later is taken without waiting for a disk, see {@link #launch}.
     */
    private static final String INITIAL_HEAP = "-Xms8m";
    /** The log tags about archives. JDK 24 added one that older JDKs refuse. */
    private static final String ARCHIVE_TAGS = Runtime.version().feature() < 24 ? "cds*=off" : "cds*=off,aot*=off";

    /** The environment variable with further JVM options of the server process, separated by blanks. */
    private static final String OPTIONS = "DBLOCK_SERVER_OPTIONS";

    /** How long an idle process may send nothing. It would answer at once, but a check may come at the wrong moment. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private static final Duration EXIT_STATUS = Duration.ofSeconds(1);
    private static final Duration LOOK = Duration.ofMillis(200);
    private static final ProcFs PROC = new ProcFs(Path.of("/proc"));
    private static final ServerPool POOL = new ServerPool(() -> start(command()));

    private final Process process;
    private final Peer state = new State();
    private final RemoteServer server;

    private ServerProcess(Process process) {
        this.process = process;
        server = new RemoteServer(
                process.getInputStream(),
                process.getOutputStream(),
                process.pid(),
                state,
                ModuleLoader::openSession,
                this::kill);
    }

    /**
     * Makes a device on the current server process. Starts a new process if there is none, or if it has died or does not
     * answer.
     *
     * @throws DblockException if the process cannot be started, or the device cannot be made; says why
     */
    public static ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        if (pid().isEmpty()) {
            // Both take long, and neither needs the other.
            startAhead();
            ModuleLoader.ensureLoaded();
        }
        return POOL.make(server -> server.create(parameters, filters, store));
    }

    /** Returns the pid of the current process; empty if it does not run. Does not wait for one that is being started. */
    public static Optional<Long> pid() {
        return POOL.pid();
    }

    /** Ends all server processes of this JVM, and their devices with them. */
    public static void stop() {
        POOL.stop();
    }

    /** Starts a process in the background if none runs. If that fails, the next call that needs a process fails. */
    public static void startAhead() {
        POOL.startAhead();
    }

    /**
     * Makes the server process watch a device that this JVM serves itself, because only another process can see that all
     * threads of this JVM are stuck. The watch has begun when this returns, since this JVM may get stuck at once. If the
     * device cannot be watched, prints a line to standard error.
     *
     * @param description what answers the requests, one line each
     * @param reports takes the reports, see {@link Watchdog.Subject#report}
     * @return the watch; closing it ends it
     */
    public static Watchdog.Watch watch(DeviceInfo device, List<String> description, Consumer<String> reports) {
        try {
            return POOL.make(server -> server.watch(device.id(), description, reports));
        } catch (DblockException e) {
            System.err.println("junit-dblock: " + device.name() + " is not watched from outside of this JVM: " + e);
            return () -> {};
        }
    }

    /** Starts a process by this command, which is {@link #command()} except in unit tests. */
    static ServerProcess start(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                // The working directory of the test may be on a disk of this server process.
                .directory(new File("/"));
        // Agents and options of the test JVM are not meant for the server process.
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
        ServerProcess started = new ServerProcess(launch(builder));
        boolean done = false;
        try {
            started.server.start(START);
            done = true;
            return started;
        } catch (DblockException e) {
            throw new DblockException(
                    "The server process could not be started. " + e.getMessage()
                            + " What it printed is on standard error; the command was: " + String.join(" ", command)
                            + ". To serve devices from the test's JVM instead, give them placement TEST_JVM, or set"
                            + " junit.dblock.placement=TEST_JVM.",
                    e);
        } finally {
            if (!done) {
                started.end();
            }
        }
    }

    /**
     * Starts the process from a thread that has PR_SET_IO_FLUSHER set. A child inherits the flag, so all threads of the
     * process have it, including those of the garbage collector.
     */
    private static Process launch(ProcessBuilder builder) {
        Process[] started = new Process[1];
        IOException[] failure = new IOException[1];
        Thread thread = new Thread(
                () -> {
                    ServerThread.avoidWritebackRecursion();
                    try {
                        started[0] = builder.start();
                    } catch (IOException e) {
                        failure[0] = e;
                    }
                },
                "junit-dblock launcher");
        thread.start();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (started[0] == null) {
            throw new DblockException(
                    "The server process could not be started: " + failure[0]
                            + ". It needs the program unshare of util-linux (\"apt-get install util-linux\").",
                    failure[0]);
        }
        return started[0];
    }

    private static List<String> command() {
        // Its own mount namespace ensures that the process never is the last one that keeps its own disk mounted.
        List<String> command = new ArrayList<>(List.of("unshare", "--mount", "--propagation", "private"));
        command.addAll(jvm());
        return command;
    }

    /** Returns the command without unshare. The last argument is the pid of this JVM. */
    static List<String> jvm() {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                INITIAL_HEAP,
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                // The file of performance data would be mapped into memory, and may be on one of the disks.
                "-XX:-UsePerfData"));
        int jdk = Runtime.version().feature();
        command.addAll(JvmOptions.wideCopies(jdk));
        command.addAll(JvmOptions.fastStart(jdk, Runtime.getRuntime().availableProcessors()));
        command.add("--enable-native-access=ALL-UNNAMED");
        // JNA need not ask ldconfig where libraries are: what this process calls, its JVM has loaded.
        command.add("-Djna.platform.library.path=/lib");
        // Standard output is the connection. A bad archive is not worth a warning: the JVM then starts without it.
        command.addAll(List.of("-Xlog:disable", "-Xlog:all=warning," + ARCHIVE_TAGS + ":stderr"));
        List<String> classPath = classPath();
        archive(classPath).ifPresent(archive -> command.add("-XX:SharedArchiveFile=" + archive));
        command.add(ControlSession.JVM_OPTION);
        // The user's options come last, so that they override ours.
        Pattern.compile("\\s+")
                .splitAsStream(Optional.ofNullable(System.getenv(OPTIONS)).orElse(""))
                .filter(option -> !option.isEmpty())
                .forEach(command::add);
        command.addAll(List.of("-cp", String.join(File.pathSeparator, classPath), ServerMain.class.getName()));
        command.add(Long.toString(ProcessHandle.current().pid()));
        return command;
    }

    /** Returns the class path with only what the process needs, because a test's class path may be long. */
    private static List<String> classPath() {
        Set<String> places = new LinkedHashSet<>();
        for (Class<?> type : List.of(ServerMain.class, com.sun.jna.Native.class)) {
            CodeSource source = type.getProtectionDomain().getCodeSource();
            try {
                if (source != null && Files.exists(Path.of(source.getLocation().toURI()))) {
                    places.add(Path.of(source.getLocation().toURI()).toString());
                    continue;
                }
            } catch (URISyntaxException | IllegalArgumentException e) {
                // The place is not a file, so use the whole class path.
            }
            return List.of(System.getProperty("java.class.path"));
        }
        return List.copyOf(places);
    }

    private static Optional<Path> archive(List<String> classPath) {
        try {
            return ServerArchive.place(
                            CacheDirectory.root(),
                            Path.of(System.getProperty("java.home")),
                            classPath.stream().map(Path::of).toList())
                    .filter(Files::isReadable);
        } catch (DblockException | InvalidPathException e) {
            return Optional.empty();
        }
    }

    /** Returns the state as ps(1) shows it, such as S, T (stopped) or Z (dead); X if there is no such process. */
    static char stateOf(long pid) {
        return PROC.task(pid, pid).map(ProcFs.Task::state).orElse('X');
    }

    private static boolean isStopped(char state) {
        return state == 'T' || state == 't';
    }

    private static boolean isDead(char state) {
        return state == 'Z' || state == 'X' || state == 'x';
    }

    /** The state of the process, found out without a call to it. */
    private final class State implements Peer {
        private final AtomicBoolean awaited = new AtomicBoolean();

        @Override
        public String name() {
            return "The server process (pid " + process.pid() + ")";
        }

        @Override
        public Liveness liveness() {
            if (!process.isAlive()) {
                return Liveness.GONE;
            }
            char state = stateOf(process.pid());
            if (isStopped(state)) {
                return Liveness.STOPPED;
            }
            if (isDead(state)) {
                return Liveness.GONE;
            }
            return isBusy() ? Liveness.BUSY : Liveness.IDLE;
        }

        private boolean isBusy() {
            return PROC.tasks(process.pid()).stream().anyMatch(task -> task.state() == 'R' || task.state() == 'D');
        }

        @Override
        public String describe() {
            String then = " Its devices fail all I/O; the next device gets a new server.";
            if (hasEnded()) {
                int status = process.exitValue();
                return "It has ended with status " + status
                        + (status > 128 ? " (killed by signal " + (status - 128) + ")" : "") + "." + then;
            }
            long pid = process.pid();
            char state = stateOf(pid);
            return switch (liveness()) {
                case GONE -> "It is dead (state " + state + "), and a thread of it still waits in the kernel." + then;
                case STOPPED ->
                    "It is stopped (state " + state + "). Let it go on (kill -CONT " + pid + "), or end it (kill -KILL "
                            + pid + "): its devices then fail all I/O. The next device gets a new server.";
                case BUSY, IDLE ->
                    "It is in state " + state + "; \"jstack " + pid
                            + "\" says what it does. If need be, end it (kill -KILL " + pid
                            + "): its devices then fail all I/O, and the next device gets a new server.";
            };
        }

        /**
         * Returns whether the process has an exit status. Waits for it once: a process that has closed its files gets one
         * within a moment, unless one of its threads waits in the kernel.
         */
        private boolean hasEnded() {
            boolean first = (liveness() == Liveness.GONE || !server.isOpen()) && awaited.compareAndSet(false, true);
            try {
                return first ? process.waitFor(EXIT_STATUS.toMillis(), TimeUnit.MILLISECONDS) : !process.isAlive();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return !process.isAlive();
            }
        }

        @Override
        public Duration patience() {
            return PATIENCE;
        }
    }

    RemoteServer server() {
        return server;
    }

    Peer state() {
        return state;
    }

    long processId() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Returns whether the process can get another device. Calls it only if there is a reason for doubt. */
    boolean answers() {
        if (!server.isOpen() || server.isGivenUp()) {
            return false;
        }
        if (server.answers() && canAnswer()) {
            return true;
        }
        try {
            server.commands().hello();
            return true;
        } catch (DblockException e) {
            return false;
        }
    }

    /** Returns whether the process is neither stopped nor dead. Must be cheap, because it is called for each device. */
    private boolean canAnswer() {
        char now = stateOf(process.pid());
        return !isStopped(now) && !isDead(now);
    }

    /** Gives the process up: it gets no further devices, and is killed once it has no users. */
    void giveUp() {
        server.giveUp();
    }

    /** Kills the process. Does not wait for its end, because a thread of it may wait in the kernel. */
    void kill() {
        server.disconnect();
        process.destroyForcibly();
    }

    /**
     * Ends the process and waits for its end. The process destroys its devices and exits when its standard input ends. It is
     * killed if it is stopped or has not ended within 20 s.
     */
    void end() {
        server.disconnect();
        boolean interrupted = false;
        try {
            long deadline = System.nanoTime() + STOP.toNanos();
            boolean ended = false;
            boolean canEnd = true;
            while (!ended && canEnd && System.nanoTime() < deadline) {
                canEnd = canAnswer();
                ended = process.waitFor(LOOK.toMillis(), TimeUnit.MILLISECONDS);
            }
            if (!ended) {
                System.err.println("junit-dblock: the server process (pid " + process.pid()
                        + ") does not end and is killed. " + state.describe());
                process.destroyForcibly();
                if (!process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS)) {
                    System.err.println("junit-dblock: the server process (pid " + process.pid()
                            + ") was killed and has not ended within " + STOP.toSeconds() + " s. " + state.describe());
                }
            }
        } catch (InterruptedException e) {
            interrupted = true;
            process.destroyForcibly();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public String toString() {
        return server.toString();
    }
}
