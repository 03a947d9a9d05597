// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
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
 * A guest whose kernel is a program of this host, User Mode Linux: it and its programs are processes here, with this user's
 * rights. Frames go through its serial line, which is a pair of pipes. It dies with the thread that started it, so start it from
 * one that lives as long as the process; its own processes die with it.
 */
final class UserModeLinux implements Guest {

    /** The kernel runs each system call and each page fault of its programs; without this option, by ptrace(2). */
    private static final String FAST = "seccomp=on";

    /** Files of this are nowhere else. */
    private static final String MEMORY_TYPE = "tmpfs";

    private final GuestDirectory directory;
    private final Process process;
    private final MappingWatch mappings;

    private UserModeLinux(GuestDirectory directory, Process process, MappingWatch mappings) {
        this.directory = directory;
        this.process = process;
        this.mappings = mappings;
    }

    /**
     * Starts it.
     *
     * @param console where its kernel's messages go
     * @throws VmException if it cannot be started
     */
    static UserModeLinux start(
            GuestImage image,
            VmSettings settings,
            GuestConfiguration configuration,
            Path console,
            Consumer<String> messages) {
        GuestDirectory directory = null;
        try {
            directory = GuestDirectory.create();
            Path initramfs = directory.writeInitramfs(image, configuration);
            long memoryMiB = settings.memoryMiB(image.machine());
            ProcessBuilder builder = new ProcessBuilder(command(image.kernel(), initramfs, directory.path(), settings))
                    .directory(directory.path().toFile())
                    .redirectError(console.toFile());
            Path memory = memoryDirectory(memoryMiB);
            if (!Files.getFileStore(memory).type().equals(MEMORY_TYPE)) {
                messages.accept(
                        "the guest's memory is a file in " + memory + ", which this host writes to its disk all the"
                                + " while; a " + MEMORY_TYPE + " of " + memoryMiB
                                + " MiB that is not mounted noexec, named with TMPDIR, avoids that (docker: --tmpfs /tmp:exec)");
            }
            builder.environment().put("TMPDIR", memory.toString());
            Process process = builder.start();
            return new UserModeLinux(
                    directory, process, new MappingWatch(process.pid(), settings.mappings(), messages));
        } catch (IOException e) {
            if (directory != null) {
                directory.close();
            }
            throw new VmException("cannot start the guest: " + e.getMessage(), e);
        } catch (RuntimeException | Error e) {
            if (directory != null) {
                directory.close();
            }
            throw e;
        }
    }

    static List<String> command(Path kernel, Path initramfs, Path directory, VmSettings settings) {
        List<String> command = new ArrayList<>();
        // See QemuProcess. What the kernel prints before it has a console must not get among the frames.
        command.addAll(List.of("setsid", "setpriv", "--pdeathsig", "KILL"));
        command.addAll(List.of("sh", "-c", "exec \"$@\" 3<&0 4>&1 </dev/null >&2", "sh"));
        command.add(kernel.toString());
        command.addAll(
                List.of("mem=" + settings.memoryMiB(MachineType.ofThisHost()) + "M", "initrd=" + initramfs, FAST));
        command.addAll(List.of("ssl0=fd:3,fd:4", "con=null", "uml_dir=" + directory + "/", "umid=guest"));
        command.addAll(List.of("quiet", "loglevel=5", "panic=-1", "watchdog_thresh=60"));
        // Of no effect on a kernel that is made for one.
        command.add("ncpus=" + settings.cpus());
        if (!settings.cmdline().isEmpty()) {
            command.addAll(List.of(settings.cmdline().split("\\s+", -1)));
        }
        return command;
    }

    /**
     * Where the file is that its memory is. The kernel maps it, executable, and the file grows to the memory's size. On a disk,
     * the host writes back what changes in it: measured, 11 GiB in 80 s of a program that writes here and there in 1 GiB.
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
        return mountOptions(directory).contains("noexec") ? "is mounted noexec" : "";
    }

    private static List<String> mountOptions(Path directory) throws IOException {
        Path real = directory.toRealPath();
        Path point = null;
        List<String> options = List.of();
        for (String line :
                Files.readAllLines(Path.of("/proc/self/mounts"), java.nio.charset.StandardCharsets.ISO_8859_1)) {
            String[] fields = line.split(" ", -1);
            Path mounted = Path.of(fields[1]);
            if (real.startsWith(mounted) && (point == null || mounted.startsWith(point))) {
                point = mounted;
                options = List.of(fields[3].split(",", -1));
            }
        }
        return options;
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
    public boolean waitFor(Duration limit) throws InterruptedException {
        return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public String messages() {
        return "User Mode Linux " + (process.isAlive() ? "still runs" : "ended with status " + process.exitValue());
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
        process.destroyForcibly();
        try {
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        directory.close();
    }
}
