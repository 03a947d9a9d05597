// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * Runs one command in a guest, on this process's own standard streams. For one use by one thread, which must live as long
 * as the process (see {@link QemuProcess} and {@link UserModeProcess}).
 *
 * <p>Each frame from the guest is checked before its content is passed on. Besides the command's own end, these end the
 * run: a damaged stream, a guest that is gone, silent, too slow to boot or {@linkplain Guest#danger() in danger}, and the
 * end of this process or its parent.
 */
final class GuestRun {

    /**
     * The property with the process id of this process's parent, from {@code bin/java} of a {@link JvmHome}: while this JVM
     * starts, the parent may end.
     */
    static final String PARENT = "dblock.vm.parent";

    private static final int STDIN_CREDIT = 256 * 1024;
    private static final int KERNEL_LINES = 40;
    private static final int TROUBLE_LINES = 60;
    private static final Duration STOP_LIMIT = Duration.ofSeconds(10);
    private static final int SIGTERM = 15;
    /** After this time without output, the user is told that the guest still runs; then after twice the time, and so on. */
    private static final Duration QUIET = Duration.ofSeconds(20);

    private final GuestImage image;
    private final Accelerator accelerator;
    private final VmSettings settings;
    private final PortForwarder ports;
    private final Consumer<String> messages;
    private final InputStream stdin;
    private final OutputStream stdout;
    private final OutputStream stderr;
    private final CountDownLatch finished = new CountDownLatch(1);

    private boolean parentGone;
    private volatile boolean stopping;
    private volatile Attempt current;

    /**
     * Creates a run, which does not start yet.
     *
     * @param ports the forwarded ports; the caller closes them after the run
     */
    GuestRun(
            GuestImage image,
            Accelerator accelerator,
            VmSettings settings,
            PortForwarder ports,
            Consumer<String> messages) {
        this(
                image,
                accelerator,
                settings,
                ports,
                messages,
                new FileInputStream(FileDescriptor.in),
                new FileOutputStream(FileDescriptor.out),
                new FileOutputStream(FileDescriptor.err));
    }

    /** Creates a run on other streams than this process's. */
    GuestRun(
            GuestImage image,
            Accelerator accelerator,
            VmSettings settings,
            PortForwarder ports,
            Consumer<String> messages,
            InputStream stdin,
            OutputStream stdout,
            OutputStream stderr) {
        this.image = image;
        this.accelerator = accelerator;
        this.settings = settings;
        this.ports = ports;
        this.messages = messages;
        this.stdin = stdin;
        this.stdout = stdout;
        this.stderr = stderr;
    }

    /**
     * Runs the command to its end and returns the exit status for this process: the command's own (128 + N if signal N
     * ended it), or one of {@link ExitStatus}.
     *
     * @param shares directories that the guest may write to, each a real path, parents before children
     * @param log the file for the messages of the guest's kernel
     */
    int run(GuestConfiguration configuration, List<Path> shares, Path log) {
        // Another process may get the parent's pid later, but this handle stays that of the parent.
        Optional<ProcessHandle> parent = ProcessHandle.current().parent();
        if (isOrphan(Long.getLong(PARENT), parent)) {
            messages.accept("the process that started this one has ended, so no guest is started");
            return ExitStatus.NOT_STARTED;
        }
        Thread hook = new Thread(this::stop, "dblock-vm-stop");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            Outcome outcome = attempt(configuration, shares, log, parent);
            if (outcome.mayTryAgain() && !stopping && !parentGone) {
                messages.accept("the guest did not start (" + outcome.problem() + "), trying once more");
                outcome = attempt(configuration, shares, log, parent);
            }
            return report(outcome, log);
        } finally {
            finished.countDown();
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException ignored) {
                // The JVM is shutting down: the hook runs, and sees that the run has finished.
            }
        }
    }

    /** Returns whether the process with the id {@code startedBy}, if known, is no longer the parent. */
    static boolean isOrphan(Long startedBy, Optional<ProcessHandle> parent) {
        return startedBy != null && parent.isPresent() && parent.get().pid() != startedBy;
    }

    /** The outcome of one boot; {@code problem} is null if the command ended and the guest sent its status. */
    record Outcome(boolean started, int status, String kernelTrouble, String problem, int problemStatus) {

        static Outcome exited(int status, String kernelTrouble) {
            return new Outcome(true, status, kernelTrouble, null, 0);
        }

        static Outcome failed(boolean started, String problem, int problemStatus) {
            return new Outcome(started, 0, "", problem, problemStatus);
        }

        /** Returns whether the command certainly did not start. A damaged stream is not trusted about that. */
        boolean mayTryAgain() {
            return problem != null && !started && problemStatus == ExitStatus.NOT_STARTED;
        }
    }

    private Outcome attempt(
            GuestConfiguration configuration, List<Path> shares, Path log, Optional<ProcessHandle> parent) {
        try (Guest guest = start(configuration, shares, log)) {
            return follow(guest, parent);
        } catch (DblockException e) {
            return Outcome.failed(false, e.getMessage(), ExitStatus.NOT_STARTED);
        }
    }

    private Guest start(GuestConfiguration configuration, List<Path> shares, Path log) {
        return accelerator == Accelerator.UML
                ? UserModeProcess.start(image, settings, configuration, shares, log, messages)
                : QemuProcess.start(image, accelerator, settings, configuration, shares, log);
    }

    /** Passes on the output of a guest until its command has ended or the boot has failed. */
    Outcome follow(Guest guest, Optional<ProcessHandle> parent) {
        try {
            Attempt attempt = new Attempt(guest);
            current = attempt;
            return attempt.run(parent);
        } finally {
            current = null;
        }
    }

    private int report(Outcome outcome, Path log) {
        if (outcome.problem() != null) {
            messages.accept(outcome.problem());
            // The kernel's lines may explain why a guest died, but neither a damaged stream nor an end on request.
            if (outcome.problemStatus() != ExitStatus.DAMAGED_STREAM && !stopping && !parentGone) {
                kernelLines(log);
            }
            return outcome.problemStatus();
        }
        if (!outcome.kernelTrouble().isEmpty()) {
            messages.accept("the guest's kernel reported trouble while the command ran (kernel log: " + log + "):");
            String[] lines = outcome.kernelTrouble().stripTrailing().split("\n", -1);
            for (int i = 0; i < Math.min(lines.length, TROUBLE_LINES); i++) {
                messages.accept("  " + lines[i]);
            }
            if (lines.length > TROUBLE_LINES) {
                messages.accept("  ... and " + (lines.length - TROUBLE_LINES) + " more lines");
            }
            return outcome.status() == 0 ? ExitStatus.KERNEL_TROUBLE : outcome.status();
        }
        return outcome.status();
    }

    private void kernelLines(Path log) {
        try {
            String[] lines = Files.readString(log, StandardCharsets.ISO_8859_1)
                    .stripTrailing()
                    .split("\r?\n", -1);
            messages.accept("last kernel lines (all of them: " + log + "):");
            for (int i = Math.max(0, lines.length - KERNEL_LINES); i < lines.length; i++) {
                messages.accept("  " + lines[i]);
            }
        } catch (IOException e) {
            messages.accept("no kernel lines: " + e);
        }
    }

    /** Handles a signal such as SIGTERM: sends SIGTERM to the command, and kills the guest if it has not ended in 10 s. */
    void stop() {
        stopping = true;
        Attempt attempt = current;
        if (attempt != null && finished.getCount() > 0) {
            // A guest that hangs takes no input, and whoever writes to it waits for that.
            Thread signal = new Thread(() -> attempt.signal(SIGTERM), "dblock-vm-signal");
            signal.setDaemon(true);
            signal.start();
            try {
                if (!finished.await(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                    messages.accept("the command did not end within " + STOP_LIMIT.toSeconds()
                            + " s of SIGTERM, killing its guest");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            attempt.guest.close();
        }
    }

    /** One boot. The reader thread owns the stream from the guest and both output streams. */
    private final class Attempt {

        private final Guest guest;
        private final FrameWriter toGuest;
        private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        private final Object credit = new Object();

        private final long began = System.nanoTime();
        private final Semaphore inputFrames;

        /** Whether the guest was told that standard output is closed. Used by the reader thread only. */
        private boolean stdoutClosed;

        private int stdinCredit = STDIN_CREDIT;
        private volatile boolean started;
        private volatile boolean passingOn;
        private volatile long lastFrame = System.nanoTime();
        /** When the user last saw output. */
        private volatile long lastSeen = System.nanoTime();
        /** The length of the next silence that the user is told of, in nanoseconds. */
        private volatile long toldAfter = QUIET.toNanos();

        Attempt(Guest guest) {
            this.guest = guest;
            this.toGuest = new FrameWriter(guest.toGuest());
            this.inputFrames = new Semaphore(guest.inputFrames());
        }

        Outcome run(Optional<ProcessHandle> parent) {
            Thread reader = new Thread(this::read, "dblock-vm-reader");
            reader.setDaemon(true);
            reader.start();
            long bootDeadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(settings.bootTimeoutSeconds());
            long silence = TimeUnit.SECONDS.toNanos(settings.silenceTimeoutSeconds());
            try {
                while (true) {
                    try {
                        return outcome.get(100, TimeUnit.MILLISECONDS);
                    } catch (TimeoutException e) {
                        long now = System.nanoTime();
                        if (parent.isPresent() && !parent.get().isAlive()) {
                            parentGone = true;
                            return failed("the process that started this one has ended, and so does the guest");
                        }
                        Optional<String> danger = guest.danger();
                        if (danger.isPresent()) {
                            return failed(danger.get());
                        }
                        if (!started && now > bootDeadline) {
                            return failed("the guest did not start the command within " + settings.bootTimeoutSeconds()
                                    + " s (" + VmSettings.BOOT_TIMEOUT + " sets the limit)");
                        }
                        if (now - lastSeen > toldAfter) {
                            messages.accept((started ? "the command runs" : "the guest boots")
                                    + ", and has said nothing for " + TimeUnit.NANOSECONDS.toSeconds(toldAfter) + " s");
                            toldAfter *= 2;
                        }
                        if (started && !passingOn && now - lastFrame > silence) {
                            return failed("no sign of life from the guest for " + settings.silenceTimeoutSeconds()
                                    + " s (" + VmSettings.SILENCE_TIMEOUT + " sets the limit), killed it");
                        }
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return failed("interrupted");
            } catch (ExecutionException e) {
                return failed("the launcher failed: " + e.getCause());
            }
        }

        private Outcome failed(String problem) {
            return Outcome.failed(started, problem, started ? ExitStatus.GUEST_LOST : ExitStatus.NOT_STARTED);
        }

        private void read() {
            try {
                FrameReader reader = new FrameReader(guest.fromGuest());
                while (!outcome.isDone()) {
                    Frame frame = reader.next();
                    lastFrame = System.nanoTime();
                    if (frame == null) {
                        outcome.complete(ended(reader.position()));
                    } else {
                        handle(frame);
                    }
                }
            } catch (DamagedStreamException e) {
                outcome.complete(Outcome.failed(
                        started,
                        "the stream from the guest is damaged, nothing of it counts: " + e.getMessage(),
                        ExitStatus.DAMAGED_STREAM));
            } catch (IOException e) {
                outcome.complete(failed("cannot read from the guest: " + e));
            } catch (RuntimeException | Error e) {
                outcome.completeExceptionally(e);
            }
        }

        private Outcome ended(long position) {
            boolean gone = false;
            try {
                gone = guest.waitFor(Duration.ofSeconds(3));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            if (!started) {
                return failed("the guest ended before the command was started; " + guest.messages());
            }
            return failed((gone ? "the guest ended" : "the stream from the guest ended after " + position + " bytes")
                    + " without saying how the command ended; " + guest.messages());
        }

        private void handle(Frame frame) throws IOException {
            switch (frame.type()) {
                case HELLO, HEARTBEAT -> {}
                case STARTED -> {
                    started = true;
                    messages.accept(
                            String.format(Locale.ROOT, "booted after %.1f s", (System.nanoTime() - began) / 1e9));
                    seen();
                    Thread pump = new Thread(this::pumpStdin, "dblock-vm-stdin");
                    pump.setDaemon(true);
                    pump.start();
                    ports.start(toGuest, guest.inputFrameSize(), inputFrames);
                }
                case STDOUT -> passOnStdout(frame.payload());
                case STDERR -> passOnStderr(frame.payload());
                case LOG -> messages.accept(frame.text());
                case ERROR ->
                    outcome.complete(Outcome.failed(
                            started,
                            "in the guest: " + frame.text(),
                            started ? ExitStatus.GUEST_LOST : ExitStatus.NOT_STARTED));
                case CREDIT -> {
                    synchronized (credit) {
                        stdinCredit += frame.int32(0);
                        credit.notifyAll();
                    }
                }
                case TAKEN -> inputFrames.release();
                case CONNECTION_REFUSED, CONNECTION_OUT, CONNECTION_OUT_END, CONNECTION_IN_CREDIT, CONNECTION_CLOSED ->
                    ports.handle(frame);
                case EXIT -> {
                    String trouble = new String(frame.payload(), 8, frame.payload().length - 8, StandardCharsets.UTF_8);
                    // This comes first: the command has ended this way even if the acknowledgement fails.
                    outcome.complete(Outcome.exited(frame.int32(0), trouble));
                    tell(FrameType.ACK);
                }
                default -> throw new DamagedStreamException("a frame of type " + frame.type() + " came from the guest");
            }
        }

        /** Sends a frame without content. If that fails, the guest is gone; its last frames may still say how it ended. */
        private void tell(FrameType type) {
            try {
                toGuest.write(type, new byte[0]);
            } catch (IOException ignored) {
                // The reader thread reports the end of the stream.
            }
        }

        private void seen() {
            lastSeen = System.nanoTime();
            toldAfter = QUIET.toNanos();
        }

        private void passOnStdout(byte[] bytes) {
            passingOn = true;
            seen();
            try {
                stdout.write(bytes);
            } catch (IOException e) {
                // The reader of standard output is gone. The command gets a broken pipe, as it would on the host.
                if (!stdoutClosed) {
                    stdoutClosed = true;
                    tell(FrameType.CLOSE_STDOUT);
                }
            } finally {
                lastFrame = System.nanoTime();
                passingOn = false;
            }
        }

        private void passOnStderr(byte[] bytes) {
            passingOn = true;
            seen();
            try {
                stderr.write(bytes);
            } catch (IOException ignored) {
                // Standard error is closed, so nothing can be reported.
            } finally {
                lastFrame = System.nanoTime();
                passingOn = false;
            }
        }

        private void pumpStdin() {
            byte[] buffer = new byte[guest.inputFrameSize()];
            try {
                while (true) {
                    int n = stdin.read(buffer);
                    if (n < 0) {
                        tell(FrameType.STDIN_EOF);
                        return;
                    }
                    synchronized (credit) {
                        while (stdinCredit < n) {
                            credit.wait();
                        }
                        stdinCredit -= n;
                    }
                    inputFrames.acquire();
                    toGuest.write(FrameType.STDIN, buffer, 0, n);
                }
            } catch (IOException e) {
                // The guest is gone, which the reader thread reports, or standard input cannot be read.
                tell(FrameType.STDIN_EOF);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        void signal(int number) {
            try {
                if (started) {
                    toGuest.write(FrameType.SIGNAL, Frame.int32Payload(number));
                } else {
                    guest.kill();
                }
            } catch (IOException ignored) {
                // The guest is gone, and with it the command.
            }
        }
    }
}
