// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.it.support.Poll;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A {@link Victim}, from outside. */
final class VictimProcess implements AutoCloseable {

    /** For an order that a loaded emulated machine may take long for. */
    private static final Duration BOUND = Duration.ofMinutes(5);

    private static final Duration STACKS = Duration.ofSeconds(20);
    private static final Duration STACKS_END = Duration.ofSeconds(2);
    private static final int SHOWN = 4000;

    private final Process process;
    private final List<String> serverOptions;
    private final Path errors;
    private final BufferedWriter orders;
    private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();

    private VictimProcess(Process process, List<String> serverOptions, Path errors) {
        this.process = process;
        this.serverOptions = serverOptions;
        this.errors = errors;
        orders = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
        Thread reader = new Thread(this::read, "victim's answers");
        reader.setDaemon(true);
        reader.start();
    }

    static VictimProcess start(Images images, VictimClassPath.Options options) throws IOException {
        Path errors = Files.createTempFile("victim", ".err");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xshare:auto", "-Xmx48m"));
        command.addAll(options.victim());
        command.addAll(List.of(
                Victim.class.getName(), images.ext4().toString(), images.xfs().toString()));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
        builder.environment().put("DBLOCK_SERVER_OPTIONS", String.join(" ", options.server()));
        return new VictimProcess(builder.start(), options.server(), errors);
    }

    private void read() {
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line = reader.readLine();
            while (line != null) {
                answers.add(line);
                line = reader.readLine();
            }
        } catch (IOException e) {
            answers.add("failed to read its answer: " + e);
        }
    }

    /** Has it do something, and returns what it says of it. */
    String order(String order) throws IOException {
        tell(order);
        return answer(order);
    }

    /** Has it do something, without waiting for that. */
    void tell(String order) throws IOException {
        orders.write(order + "\n");
        orders.flush();
    }

    /** What it says of the order before. */
    String answer(String order) throws IOException {
        String answer;
        try {
            answer = answers.poll(BOUND.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("Interrupted while the victim was to " + order, e);
        }
        if (answer == null) {
            throw new AssertionError(
                    "The victim (process " + pid() + ") was to " + order + " and did not answer within " + BOUND
                            + ". Its errors:\n" + errors() + "\nIts threads:\n" + stacks());
        }
        if (!answer.startsWith("ok")) {
            throw new AssertionError("The victim (process " + pid() + ") was to " + order + " and answered: " + answer
                    + ". Its errors:\n" + errors());
        }
        return answer.substring(Math.min(3, answer.length()));
    }

    /** What its threads do, and its server's, as far as they can still say it. */
    private String stacks() throws IOException {
        StringBuilder text = new StringBuilder();
        List<Long> jvms = new ArrayList<>(Machine.serversOf(pid()));
        jvms.add(pid());
        for (long jvm : jvms) {
            text.append(Machine.kernelStacks(jvm));
            Kernel.signal(jvm, Kernel.SIGQUIT);
        }
        try {
            String line = answers.poll(STACKS.toMillis(), TimeUnit.MILLISECONDS);
            while (line != null) {
                text.append(line).append('\n');
                line = answers.poll(STACKS_END.toMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return text.toString();
    }

    String errors() throws IOException {
        String all = Files.readString(errors);
        return all.substring(Math.max(0, all.length() - SHOWN));
    }

    long pid() {
        return process.pid();
    }

    /** The options of its server's JVM. */
    List<String> serverOptions() {
        return serverOptions;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    void kill() {
        Kernel.signal(pid(), Kernel.SIGKILL);
    }

    void stop() {
        Kernel.signal(pid(), Kernel.SIGSTOP);
    }

    void goOn() {
        Kernel.signal(pid(), Kernel.SIGCONT);
    }

    void awaitEnd(Duration bound) {
        Poll.until("the victim (process " + pid() + ") to be gone", bound, () -> !process.isAlive());
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        awaitEnd(BOUND);
        Files.deleteIfExists(errors);
    }
}
