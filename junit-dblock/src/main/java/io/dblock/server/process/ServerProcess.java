// SPDX-License-Identifier: Apache-2.0
package io.dblock.server.process;

import io.dblock.DblockException;
import io.dblock.kernel.Command;
import io.dblock.kernel.ControlSession;
import io.dblock.kernel.DeviceInfo;
import io.dblock.kernel.DeviceParameters;
import io.dblock.kernel.ServerThread;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.proc.ProcFs;
import io.dblock.server.DeviceServer;
import io.dblock.server.FilterSpec;
import io.dblock.server.ServedDevice;
import io.dblock.server.StoreSpec;
import io.dblock.server.Watchdog;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * The process that serves the devices of this JVM, seen from here. There is one at a time; it is started on first use, and
 * anew if it has died. It ends with this JVM.
 */
public final class ServerProcess implements DeviceServer {
    private static final Duration START = Duration.ofMinutes(3);
    private static final Duration STOP = Duration.ofSeconds(20);
    /** Not more of the heap than this at first, so that a server costs little; it grows with its journals. */
    private static final String INITIAL_HEAP = "-Xms24m";
    /**
     * Copies memory 16 or 32 bytes at a time. HotSpot does that on processors it knows; on others, such as QEMU's, 8 bytes. It
     * does not start with an option that it does not know, so it gets this only where it is known to have it.
     */
    private static final String WIDE_COPIES = "-XX:+UseUnalignedLoadStores";

    private static final int NEWEST_WITH_WIDE_COPIES = 25;
    /** The environment variable with further options of its JVM, separated by blanks. */
    private static final String OPTIONS = "DBLOCK_SERVER_OPTIONS";

    private static ServerProcess current;

    private final Process process;
    private final Connection connection;
    private final TestSide test = new TestSide();

    private ServerProcess(Process process) {
        this.process = process;
        connection = new Connection(
                process.getInputStream(),
                process.getOutputStream(),
                TestCommands.class,
                "The server process (pid " + process.pid() + ")",
                this::state);
        connection.atEnd(test::end);
    }

    /**
     * The one there is; started if there is none.
     *
     * @throws DblockException if it cannot be started; says why
     */
    public static synchronized ServerProcess instance() {
        if (current == null || !current.connection.isOpen()) {
            if (current != null) {
                current.end();
            }
            current = start();
        }
        return current;
    }

    /** Its pid, if it runs. */
    public static synchronized Optional<Long> pid() {
        return current == null || !current.process.isAlive() ? Optional.empty() : Optional.of(current.process.pid());
    }

    /** Ends it if there is one. Its devices end with it. */
    public static synchronized void stop() {
        if (current != null) {
            current.end();
            current = null;
        }
    }

    /** Starts it, if there is none, while this JVM does something else. What goes wrong is told to who needs it next. */
    public static void startAhead() {
        if (pid().isPresent()) {
            return;
        }
        Thread thread = new Thread(
                () -> {
                    try {
                        instance();
                    } catch (DblockException e) {
                        // It is tried again, and fails again, for somebody who can be told.
                    }
                },
                "junit-dblock start of the server process");
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * Has the server process watch a device that this JVM answers itself: it sees when all threads of this one are stuck.
     * Returns when it does, since this JVM may be stuck soon. If it cannot, standard error has a line that says so.
     *
     * @param description who answers it, a line each
     * @param reports takes what is found out, see {@link Watchdog.Subject#report}
     * @return what ends it
     */
    public static Watchdog.Watch watch(DeviceInfo device, List<String> description, Consumer<String> reports) {
        try {
            ServerProcess server = instance();
            server.test.addReports(device.id(), reports);
            server.commands().watch(device.id(), description);
            return () -> server.test.removeReports(device.id());
        } catch (DblockException e) {
            System.err.println("junit-dblock: " + device.name() + " is not watched from outside of this JVM: " + e);
            return () -> {};
        }
    }

    private static ServerProcess start() {
        List<String> command = command();
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                // Not where the test runs: that may be on a disk of this very server.
                .directory(new File("/"));
        // An agent or an option that is meant for the test's JVM is not meant for this one.
        builder.environment().keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"));
        ServerProcess started = new ServerProcess(launch(builder));
        boolean done = false;
        try {
            started.connection.start(started.test);
            started.commands(START).hello();
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
     * Starts it from a thread that has PR_SET_IO_FLUSHER set, which a child inherits: all of its threads have it then, the
     * garbage collector's included.
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
        List<String> command = new ArrayList<>(List.of(
                // In a mount namespace of its own, so that it never is the last to hold its own disk mounted.
                "unshare",
                "--mount",
                "--propagation",
                "private",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                INITIAL_HEAP,
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                // Its file would be mapped into memory, and may lie on one of the disks.
                "-XX:-UsePerfData"));
        if (System.getProperty("os.arch").equals("amd64") && Runtime.version().feature() <= NEWEST_WITH_WIDE_COPIES) {
            command.add(WIDE_COPIES);
        }
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add(ControlSession.JVM_OPTION);
        // After ours, so that they win.
        Pattern.compile("\\s+")
                .splitAsStream(Optional.ofNullable(System.getenv(OPTIONS)).orElse(""))
                .filter(option -> !option.isEmpty())
                .forEach(command::add);
        command.addAll(List.of("-cp", classPath(), ServerMain.class.getName()));
        command.add(Long.toString(ProcessHandle.current().pid()));
        return command;
    }

    /** Only what it needs: a test's class path may be long. */
    private static String classPath() {
        Set<String> places = new LinkedHashSet<>();
        for (Class<?> type : List.of(ServerMain.class, com.sun.jna.Native.class)) {
            CodeSource source = type.getProtectionDomain().getCodeSource();
            try {
                if (source != null && Files.exists(Path.of(source.getLocation().toURI()))) {
                    places.add(Path.of(source.getLocation().toURI()).toString());
                    continue;
                }
            } catch (URISyntaxException | IllegalArgumentException e) {
                // A place that is not a file: then the whole class path has to do.
            }
            return System.getProperty("java.class.path");
        }
        return String.join(File.pathSeparator, places);
    }

    /** For errors. */
    private String state() {
        if (!process.isAlive()) {
            int status = process.exitValue();
            return "It has ended with status " + status
                    + (status > 128 ? " (killed by signal " + (status - 128) + ")" : "")
                    + ". Its devices fail all I/O; the next device gets a new server.";
        }
        return "It is in state " + stateOf(process.pid())
                + ". If it was stopped, let it go on (kill -CONT), or end it (kill -KILL): its devices then fail.";
    }

    /** As ps(1) shows it, such as S, T (stopped) or Z (dead); X if there is no such process. */
    static char stateOf(long pid) {
        return new ProcFs(Path.of("/proc"))
                .task(pid, pid)
                .map(ProcFs.Task::state)
                .orElse('X');
    }

    private void end() {
        connection.close();
        boolean interrupted = false;
        try {
            if (!process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("junit-dblock: the server process (pid " + process.pid() + ") has not ended within "
                        + STOP.toSeconds() + " s; it is killed. " + state());
                process.destroyForcibly();
                process.waitFor(STOP.toMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            interrupted = true;
            process.destroyForcibly();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    long pidOfThis() {
        return process.pid();
    }

    ServerCommands commands() {
        return commands(Command.timeout());
    }

    ServerCommands commands(Duration limit) {
        return connection.remote(ServerCommands.class, limit);
    }

    boolean isOpen() {
        return connection.isOpen();
    }

    TestSide test() {
        return test;
    }

    /** A throwable that the server has sent; the very object if it was the test's own code that threw it. */
    Throwable toThrowable(Failure failure) {
        return connection.toThrowable(failure);
    }

    @Override
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        StoreSpec absolute = new StoreSpec(
                store.size(),
                store.logicalBlock(),
                store.image().map(Path::toAbsolutePath),
                store.mode(),
                store.zones());
        return RemoteDevice.make(this, () -> commands().create(parameters, filters, absolute));
    }

    @Override
    public void joinPower(List<ServedDevice> devices) {
        commands().joinPower(numbers(devices));
    }

    @Override
    public List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors) {
        return commands().cutPower(numbers(devices), survivors);
    }

    private List<Long> numbers(List<ServedDevice> devices) {
        List<Long> numbers = new ArrayList<>();
        for (ServedDevice device : devices) {
            if (!(device instanceof RemoteDevice remote) || remote.server() != this) {
                throw new IllegalArgumentException(device.created().name() + " is served by another process. Allowed:"
                        + " devices of one placement; give them all the same.");
            }
            numbers.add(remote.number());
        }
        return numbers;
    }

    @Override
    public String toString() {
        return "server process " + process.pid();
    }
}
