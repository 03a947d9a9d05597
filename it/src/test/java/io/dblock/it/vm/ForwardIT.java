// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.it.support.Poll;
import io.dblock.vm.ExitStatus;
import io.dblock.vm.JvmHome;
import io.dblock.vm.VmOptions;
import io.dblock.vm.VmSetup;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Ports of this host that lead into a guest. */
class ForwardIT {

    private static final Path NOTHING = Path.of("/dev/null");
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

    /** A guest of each kind. */
    static Stream<String> kernels() {
        return Stream.of("uml", "6.12").filter(kernel -> !kernel.equals("uml") || VmSetup.canMakeUserModeKernels());
    }

    private static final Path CLASSES = Path.of("target/vm-it/forward-classes").toAbsolutePath();

    /** Echoes on one port; on another it never reads; and while there is a connection to the third, it prints dots. */
    private static final String SERVER =
            """
            import java.net.*;

            class Server {
                public static void main(String[] arguments) throws Exception {
                    InetAddress here = InetAddress.getByName("127.0.0.1");
                    ServerSocket echo = new ServerSocket(7001, 50, here);
                    ServerSocket deaf = new ServerSocket(7002, 50, here);
                    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("told")));
                    new Thread(() -> {
                        try {
                            Socket kept = deaf.accept();
                            synchronized (kept) {
                                kept.wait();
                            }
                        } catch (Exception e) {
                            e.printStackTrace();
                        }
                    }).start();
                    ServerSocket dots = new ServerSocket(7004, 50, here);
                    new Thread(() -> {
                        try (Socket wanted = dots.accept()) {
                            wanted.setSoTimeout(1);
                            while (true) {
                                try {
                                    if (wanted.getInputStream().read() < 0) {
                                        return;
                                    }
                                } catch (SocketTimeoutException e) {
                                    System.out.print(".".repeat(200000));
                                    System.out.flush();
                                }
                            }
                        } catch (Exception e) {
                            e.printStackTrace();
                        }
                    }).start();
                    System.out.println("listening");
                    while (true) {
                        Socket socket = echo.accept();
                        new Thread(() -> {
                            try (socket) {
                                socket.getInputStream().transferTo(socket.getOutputStream());
                            } catch (Exception e) {
                                e.printStackTrace();
                            }
                        }).start();
                    }
                }
            }
            """;

    private static final String DEBUGGED =
            """
            class Debugged {
                static int twice(int value) {
                    int result = 2 * value;
                    return result;
                }

                public static void main(String[] arguments) {
                    System.out.println("it is " + twice(21));
                }
            }
            """;

    @BeforeAll
    static void programsForTheGuest() throws IOException {
        Files.createDirectories(CLASSES);
        for (String source : List.of("Server", "Debugged")) {
            Path file =
                    Files.writeString(CLASSES.resolve(source + ".java"), source.equals("Server") ? SERVER : DEBUGGED);
            assertThat(ToolProvider.getSystemJavaCompiler()
                            .run(null, null, null, "-g", "-d", CLASSES.toString(), file.toString()))
                    .as("status of javac for " + file)
                    .isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void bytesGoBothWaysWhateverOtherConnectionsDo(String kernel) throws Exception {
        int echo = freePort();
        int deaf = freePort();
        int refused = freePort();
        int dots = freePort();
        Launcher launcher = new Launcher("forward-" + kernel);
        String ports = echo + ":7001," + deaf + ":7002," + refused + ":7003," + dots + ":7004";
        Process process = launcher.start(
                Map.of("DBLOCK_VM_FORWARD", ports),
                NOTHING,
                "vm",
                "run",
                "--kernel",
                kernel,
                "--",
                java(),
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                CLASSES.toString(),
                "Server");
        List<Socket> stuck = new ArrayList<>();
        try {
            awaitOutput(launcher, process, "listening");
            // One that nobody reads in the guest, and one whose echo nobody reads here.
            stuck.add(fill(new Socket(LOOPBACK, deaf)));
            stuck.add(fill(new Socket(LOOPBACK, echo)));
            // And standard output is busy.
            Socket talking = new Socket(LOOPBACK, dots);
            stuck.add(talking);
            Poll.until("dots", LIMIT, () -> launcher.output().contains("."));
            try (Socket nobody = new Socket(LOOPBACK, refused)) {
                nobody.setSoTimeout((int) LIMIT.toMillis());
                assertThatThrownBy(() -> nobody.getInputStream().read()).isInstanceOf(SocketException.class);
            }
            Poll.until("the line about port 7003", LIMIT, () -> launcher.errors()
                    .contains("port 7003 of the guest, to which port " + refused
                            + " of this host leads, took no connection: Connection refused"));
            List<CompletableFuture<byte[]>> echoes = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                byte[] bytes = random(i);
                echoes.add(CompletableFuture.supplyAsync(() -> echo(echo, bytes)));
            }
            for (int i = 0; i < 4; i++) {
                byte[] came = echoes.get(i).get(LIMIT.toSeconds(), TimeUnit.SECONDS);
                assertThat(came).as("echo " + i).isEqualTo(random(i));
            }
            talking.close();
            // Signals, the standard streams and the end go their way, too.
            process.destroy();
            Launcher.Result result = launcher.finish(process, "TERM");
            assertThat(result.output().replace(".", "")).isEqualTo("listening\ntold\n");
            assertThat(result.status()).as("128 + SIGTERM").isEqualTo(143);
        } finally {
            process.destroyForcibly();
            for (Socket socket : stuck) {
                socket.close();
            }
        }
    }

    @Test
    void aConnectionThatOutlivesTheCommandDoesNotHoldUpItsEnd() throws Exception {
        int echo = freePort();
        Launcher launcher = new Launcher("forward-outlived");
        Path connected = launcher.directory().resolve("target/connected");
        Files.deleteIfExists(connected);
        Process process = launcher.start(
                Map.of("DBLOCK_VM_FORWARD", echo + ":7001"),
                NOTHING,
                "vm",
                "run",
                "--kernel",
                VmSetup.canMakeUserModeKernels() ? "uml" : "6.12",
                "--",
                "sh",
                "-c",
                java() + " -cp " + CLASSES + " Server > /tmp/server 2>&1 &"
                        + " until grep -q listening /tmp/server; do sleep 0.1; done; echo listening;"
                        + " until [ -e target/connected ]; do sleep 0.1; done; exit 3");
        try {
            awaitOutput(launcher, process, "listening");
            try (Socket kept = new Socket(LOOPBACK, echo)) {
                kept.setSoTimeout((int) LIMIT.toMillis());
                kept.getOutputStream().write('x');
                assertThat(kept.getInputStream().read()).isEqualTo('x');
                Files.createFile(connected);
                Launcher.Result result = launcher.finish(process, "exit 3");
                assertThat(result.status()).as(result.errors()).isEqualTo(3);
                assertThatThrownBy(() -> kept.getInputStream().read()).isInstanceOf(SocketException.class);
            }
        } finally {
            process.destroyForcibly();
        }
    }

    /** Sends until nothing more goes. */
    private static Socket fill(Socket socket) throws Exception {
        Thread sender = new Thread(() -> {
            try {
                while (true) {
                    socket.getOutputStream().write(new byte[65536]);
                }
            } catch (IOException ignored) {
                // Closed, when the guest has ended.
            }
        });
        sender.setDaemon(true);
        sender.start();
        return socket;
    }

    private static byte[] random(int seed) {
        byte[] megabyte = new byte[1 << 20];
        new Random(seed).nextBytes(megabyte);
        return megabyte;
    }

    /** What comes back, to its end, of bytes that are sent at the same time. */
    private static byte[] echo(int port, byte[] bytes) {
        try (Socket socket = new Socket(LOOPBACK, port)) {
            socket.setSoTimeout((int) LIMIT.toMillis());
            CompletableFuture<Void> sent = CompletableFuture.runAsync(
                    () -> {
                        try {
                            socket.getOutputStream().write(bytes);
                            socket.shutdownOutput();
                        } catch (IOException e) {
                            throw new IllegalStateException(e);
                        }
                    },
                    command -> new Thread(command).start());
            byte[] came = socket.getInputStream().readAllBytes();
            sent.join();
            return came;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void aDebuggerAttachesToAJvmInTheGuest(String kernel) throws Exception {
        int port = freePort();
        Launcher launcher = new Launcher("debug-" + kernel);
        Process process = launcher.start(
                Map.of("DBLOCK_VM_FORWARD", Integer.toString(port)),
                NOTHING,
                "vm",
                "run",
                "--kernel",
                kernel,
                "--",
                java(),
                "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,address=" + port,
                "-cp",
                CLASSES.toString(),
                "Debugged");
        try {
            awaitOutput(launcher, process, "Listening for transport dt_socket at address: " + port);
            try (Jdb jdb = new Jdb(port, launcher.directory().resolve("jdb"))) {
                jdb.await("VM Started");
                jdb.say("stop at Debugged:4");
                jdb.await("Deferring breakpoint Debugged:4");
                jdb.say("cont");
                jdb.await("Breakpoint hit: \"thread=main\", Debugged.twice(), line=4");
                jdb.say("print result");
                jdb.await("result = 42");
                assertThat(launcher.output()).doesNotContain("it is");
                jdb.say("cont");
                jdb.await("The application exited");
                jdb.awaitEnd();
            }
            Launcher.Result result = launcher.finish(process, "a program that is debugged");
            assertThat(result.output()).endsWith("it is 42\n");
            assertThat(result.status()).as(result.errors()).isZero();
        } finally {
            process.destroyForcibly();
        }
    }

    /** As an IDE does it: Surefire tells its JVM to wait at port 5005, and that JVM is in the guest. */
    @Test
    void aDebuggerAttachesToSurefiresJvm() throws Exception {
        Path directory = Path.of("target/vm-it/surefire-debug").toAbsolutePath();
        List<String> progress = new ArrayList<>();
        VmOptions options = VmOptions.defaults().withHome(directory.resolve("jvm"));
        JvmHome home =
                VmSetup.prepare(VmSetup.canMakeUserModeKernels() ? options.withKernel("uml") : options, progress::add);
        assertThat(home.inGuest()).as(String.join("\n", progress)).isTrue();
        MavenProject project = new MavenProject(directory.resolve("project"), "<jvm>" + home.java() + "</jvm>", "");
        project.write(
                "src/test/java/WaitingTest.java",
                """
                import static org.junit.jupiter.api.Assertions.assertEquals;
                import org.junit.jupiter.api.Test;

                class WaitingTest {
                    @Test
                    void runsInTheGuest() {
                        String guest = System.getenv("DBLOCK_GUEST");
                        assertEquals("1", guest);
                    }
                }
                """);
        Path target = Files.createDirectories(project.directory().resolve("target"));
        Path output = directory.resolve("output");
        int port = freePort();
        ProcessBuilder builder = new ProcessBuilder(MavenProject.maven("-Dmaven.surefire.debug", "test"))
                .directory(project.directory().toFile())
                .redirectErrorStream(true)
                .redirectInput(NOTHING.toFile())
                .redirectOutput(output.toFile());
        builder.environment().put("DBLOCK_VM_FORWARD", port + ":5005");
        Process process = builder.start();
        try {
            Poll.until("Surefire's JVM that listens", LIMIT, () -> {
                String said = Files.readString(output, StandardCharsets.ISO_8859_1);
                assertThat(process.isAlive())
                        .as("Maven runs; it said:\n" + said)
                        .isTrue();
                return said.contains("Listening for transport dt_socket at address: 5005");
            });
            try (Jdb jdb = new Jdb(port, directory.resolve("jdb"))) {
                jdb.await("VM Started");
                jdb.say("stop at WaitingTest:8");
                jdb.await("Deferring breakpoint WaitingTest:8");
                jdb.say("cont");
                jdb.await("WaitingTest.runsInTheGuest(), line=8");
                jdb.say("print guest");
                jdb.await("guest = \"1\"");
                jdb.say("cont");
                jdb.await("The application exited");
                jdb.awaitEnd();
            }
            boolean ended = process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
            String said = Files.readString(output, StandardCharsets.ISO_8859_1);
            assertThat(ended)
                    .as("Maven ended after its test; it said:\n" + said)
                    .isTrue();
            assertThat(said).contains("Tests run: 1, Failures: 0, Errors: 0, Skipped: 0");
            assertThat(process.exitValue()).as(said).isZero();
            assertThat(target.resolve("surefire-reports/TEST-WaitingTest.xml")).exists();
        } finally {
            process.descendants().forEach(ProcessHandle::destroy);
            process.destroyForcibly();
        }
    }

    @Test
    void aPortInUseFailsAtOnce() throws Exception {
        try (ServerSocket other = new ServerSocket(0, 1, LOOPBACK)) {
            Launcher.Result result = new Launcher("forward-in-use")
                    .run(Map.of("DBLOCK_VM_FORWARD", other.getLocalPort() + ":5005"), NOTHING, "echo", "ran");
            assertThat(result.status()).isEqualTo(ExitStatus.NOT_STARTED);
            assertThat(result.output()).isEmpty();
            assertThat(result.errors())
                    .as("the one thing that is said")
                    .startsWith("junit-dblock: DBLOCK_VM_FORWARD=" + other.getLocalPort() + ":5005: port "
                            + other.getLocalPort() + " of this host (127.0.0.1) is in use by another program")
                    .hasLineCount(1);
        }
    }

    private static void awaitOutput(Launcher launcher, Process process, String text) {
        Poll.until("'" + text + "' from the guest", LIMIT, () -> {
            boolean said = launcher.output().contains(text);
            assertThat(said || process.isAlive())
                    .as("the guest runs; it said:\n" + launcher.errors())
                    .isTrue();
            return said;
        });
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin/java").toString();
    }

    private static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0, 1, LOOPBACK)) {
            return any.getLocalPort();
        }
    }
}
