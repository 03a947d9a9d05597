// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.ProcFs;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A guest of User Mode Linux: its kernel and its programs are processes of this host, with this user's rights. If the
 * host's kernel supports it, they can write only to what is shared with the guest. Frames go through the guest's serial
 * line, which is a pair of pipes. The guest is killed when the thread that started it ends, so start it from a thread that
 * lives as long as the process.
 */
final class UserModeProcess implements Guest {

    /** The guest's kernel handles each system call and page fault of its programs by seccomp, not the slower ptrace(2). */
    private static final String FAST = "seccomp=on";

    /** The type of a file system whose files are only in memory. */
    private static final String MEMORY_TYPE = "tmpfs";

    /**
     * The largest payload of an input frame. The guest's serial line has a buffer of 4096 bytes. When it is nearly full, its
     * driver stops reading and never starts again, so that not even a signal for the command gets through. So input frames
     * under way are kept well below that size.
     */
    private static final int INPUT_FRAME_SIZE = 1000;

    private static final int INPUT_FRAMES = 3;

    private static final String STARTER = "uml-start.c";

    private final GuestDirectory directory;
    private final GuestDirectory memory;
    private final Path console;
    private final Process process;
    private final MappingWatch mappings;

    private UserModeProcess(
            GuestDirectory directory, GuestDirectory memory, Path console, Process process, MappingWatch mappings) {
        this.directory = directory;
        this.memory = memory;
        this.console = console;
        this.process = process;
        this.mappings = mappings;
    }

    /** Returns the program that starts the guest's kernel. Compiles it if it is not in this directory. */
    static Path starter(Path cache) throws IOException {
        return CompiledProgram.of(STARTER, cache, MachineType.ofThisHost());
    }

    /**
     * Starts a guest.
     *
     * @param shares the directories of the host that the guest may write to
     * @param console the file for the messages of the guest's kernel
     * @param messages gets a line for each limitation
     * @throws VmException if the guest cannot be started
     */
    static UserModeProcess start(
            GuestImage image,
            VmSettings settings,
            GuestConfiguration configuration,
            List<Path> shares,
            Path console,
            Consumer<String> messages) {
        GuestDirectory directory = null;
        GuestDirectory memory = null;
        Process process = null;
        try {
            long memoryMiB = settings.memoryMiB(image.machine());
            directory = GuestDirectory.create();
            // The guest has its own directory there, so that it cannot write to other files.
            Path place = memoryDirectory(memoryMiB);
            memory = GuestDirectory.createBelow(place);
            if (!Files.getFileStore(place).type().equals(MEMORY_TYPE)) {
                messages.accept(
                        "the guest's memory is a file in " + place + ", which this host writes to its disk all the"
                                + " while; a " + MEMORY_TYPE + " of " + memoryMiB
                                + " MiB that is not mounted noexec, named with TMPDIR, avoids that (docker: --tmpfs /tmp:exec)");
            }
            Path initramfs = directory.writeInitramfs(image, configuration);
            List<Path> writable = new ArrayList<>(List.of(directory.path(), memory.path()));
            writable.addAll(shares);
            List<String> command = new ArrayList<>(starterCommand(
                    starter(VmSetup.cache()), ProcessHandle.current().pid(), console, writable));
            command.addAll(command(image.kernel(), initramfs, directory.path(), settings));
            ProcessBuilder builder =
                    new ProcessBuilder(command).directory(directory.path().toFile());
            builder.environment().put("TMPDIR", memory.path().toString());
            process = builder.start();
            // The starter's standard error ends when the kernel runs, or cannot be run.
            for (String line : new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList()) {
                if (line.startsWith("error: ")) {
                    throw new VmException("cannot start the guest: " + line.substring("error: ".length()));
                }
                messages.accept(line);
            }
            return new UserModeProcess(
                    directory,
                    memory,
                    console,
                    process,
                    new MappingWatch(process.pid(), settings.mappings(), messages));
        } catch (IOException e) {
            end(process, directory, memory);
            throw new VmException("cannot start the guest: " + e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            end(process, directory, memory);
            throw e;
        }
    }

    static List<String> starterCommand(Path starter, long parent, Path console, List<Path> writable) {
        List<String> command = new ArrayList<>(List.of(starter.toString(), Long.toString(parent), console.toString()));
        writable.forEach(directory -> command.add(directory.toString()));
        command.add("--");
        return command;
    }

    static List<String> command(Path kernel, Path initramfs, Path directory, VmSettings settings) {
        List<String> command = new ArrayList<>();
        command.add(kernel.toString());
        command.addAll(
                List.of("mem=" + settings.memoryMiB(MachineType.ofThisHost()) + "M", "initrd=" + initramfs, FAST));
        command.addAll(
                List.of("ssl0=fd:3,fd:4", "con=null", "con0=null,fd:2", "uml_dir=" + directory + "/", "umid=guest"));
        command.addAll(List.of("quiet", "loglevel=5", "panic=-1", "watchdog_thresh=60"));
        // A kernel of one processor would ignore it, but without it the starter keeps the guest to one of the host's.
        if (isMultiprocessor(kernel)) {
            command.add("ncpus=" + settings.cpus());
        }
        if (!settings.cmdline().isEmpty()) {
            command.addAll(List.of(settings.cmdline().split("\\s+", -1)));
        }
        return command;
    }

    /** Returns whether the kernel can have several processors; true if its configuration is not beside it. */
    private static boolean isMultiprocessor(Path kernel) {
        try {
            return Files.readAllLines(kernel.resolveSibling(UserModeKernel.CONFIGURATION))
                    .contains("CONFIG_SMP=y");
        } catch (IOException e) {
            return true;
        }
    }

    /**
     * Returns the directory for the file that is the guest's memory. The guest's kernel maps the file as executable, and the
     * file grows to the size of the memory. On a disk, the host keeps writing back changes: 11 GiB in 80 s were measured for
     * a program with random writes to 1 GiB.
     */
    private static Path memoryDirectory(long memoryMiB) throws IOException {
        Set<Path> candidates = new LinkedHashSet<>(List.of(Path.of("/dev/shm")));
        String named = System.getenv("TMPDIR");
        if (named != null && !named.isEmpty()) {
            candidates.add(Path.of(named));
        }
        candidates.addAll(List.of(Path.of("/tmp"), Path.of("/var/tmp")));
        List<String> why = new ArrayList<>();
        for (Path candidate : candidates) {
            String refusal = refusal(candidate, memoryMiB);
            if (refusal.isEmpty()) {
                return candidate;
            }
            why.add(candidate + " " + refusal);
        }
        throw new VmException("no directory for the guest's memory of " + memoryMiB + " MiB: " + String.join(", ", why)
                + ". Name one with TMPDIR, or give the guest less with " + VmSettings.MEMORY + ".");
    }

    private static String refusal(Path directory, long memoryMiB) throws IOException {
        if (!Files.isDirectory(directory) || !Files.isWritable(directory)) {
            return "cannot be written to";
        }
        FileStore store = Files.getFileStore(directory);
        long free = store.getUsableSpace() >> 20;
        if (free < memoryMiB) {
            return "has " + free + " MiB free";
        }
        List<String> options = new ProcFs(Path.of("/proc")).mountOptions(directory.toRealPath());
        return options.contains("noexec") ? "is mounted noexec" : "";
    }

    @Override
    public InputStream fromGuest() {
        return new BufferedInputStream(process.getInputStream(), 1 << 17);
    }

    @Override
    public WritableByteChannel toGuest() {
        OutputStream pipe = process.getOutputStream();
        WritableByteChannel buffered = Channels.newChannel(pipe);
        return new WritableByteChannel() {
            @Override
            public int write(ByteBuffer bytes) throws IOException {
                int written = buffered.write(bytes);
                pipe.flush();
                return written;
            }

            @Override
            public boolean isOpen() {
                return buffered.isOpen();
            }

            @Override
            public void close() throws IOException {
                buffered.close();
            }
        };
    }

    @Override
    public int inputFrameSize() {
        return INPUT_FRAME_SIZE;
    }

    @Override
    public int inputFrames() {
        return INPUT_FRAMES;
    }

    @Override
    public boolean waitFor(Duration limit) throws InterruptedException {
        return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public String messages() {
        return "User Mode Linux "
                + (process.isAlive() ? "still runs" : "ended with status " + process.exitValue() + lastLine());
    }

    private String lastLine() {
        try {
            String[] lines = Files.readString(console, StandardCharsets.ISO_8859_1)
                    .strip()
                    .split("\n", -1);
            return ": " + lines[lines.length - 1].strip();
        } catch (IOException e) {
            return ", and what it said cannot be read (" + e.getMessage() + ")";
        }
    }

    @Override
    public Optional<String> danger() {
        return mappings.check();
    }

    @Override
    public void kill() {
        process.destroyForcibly();
    }

    @Override
    public void close() {
        end(process, directory, memory);
    }

    private static void end(Process process, GuestDirectory... directories) {
        if (process != null) {
            process.destroyForcibly();
            try {
                process.waitFor(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        for (GuestDirectory directory : directories) {
            if (directory != null) {
                directory.close();
            }
        }
    }
}
