// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.DblockException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * The accelerator for a guest, and the reason: KVM if a guest runs on it, else User Mode Linux, else emulation. A
 * {@code /dev/kvm} that can be opened proves nothing, because some hosts have it and still cannot run a guest. So a tiny
 * guest is tried once, and the result is kept for this host kernel, processor, QEMU and guest kernel.
 *
 * @param accelerator the accelerator
 * @param reason the reason for the user, as the end of a sentence
 */
record AcceleratorChoice(Accelerator accelerator, String reason) {

    private static final Duration PROBE_LIMIT = Duration.ofSeconds(20);
    private static final Path DEVICE = Path.of("/dev/kvm");

    /**
     * Returns the accelerator for this image.
     *
     * @throws VmException if the user asked for one that is not possible
     */
    static AcceleratorChoice choose(GuestImage image, VmSettings settings, Path cache, Consumer<String> progress) {
        Optional<Accelerator> wanted = settings.accelerator();
        if (wanted.isPresent() && image.isProgram() != (wanted.get() == Accelerator.UML)) {
            throw new VmException(VmSettings.ACCEL + "=" + wanted.get().name().toLowerCase(Locale.ROOT)
                    + " does not run the kernel " + image.kernel() + ", which was prepared: "
                    + (image.isProgram() ? "that is a program" : "that is no program")
                    + ". Run 'setup' again with this setting.");
        }
        if (image.isProgram()) {
            return new AcceleratorChoice(
                    Accelerator.UML,
                    wanted.isPresent()
                            ? "asked for with " + VmSettings.ACCEL
                            : whyNoKvm().orElse("KVM did not run a guest here, or this kernel was asked for"));
        }
        if (!image.machine().isThisHosts()) {
            return new AcceleratorChoice(
                    Accelerator.TCG, "its processor, " + image.machine().architecture() + ", is not this host's");
        }
        if (wanted.equals(Optional.of(Accelerator.TCG))) {
            return new AcceleratorChoice(Accelerator.TCG, "asked for with " + VmSettings.ACCEL);
        }
        AcceleratorChoice choice = whyNoKvm()
                .map(reason -> new AcceleratorChoice(Accelerator.TCG, reason))
                .orElseGet(() -> tried(image, settings, cache, progress));
        if (wanted.isPresent() && choice.accelerator() != Accelerator.KVM) {
            throw new VmException(VmSettings.ACCEL + "=kvm: " + choice.reason() + ". "
                    + new GuestSpeed()
                            .faster(Accelerator.UML)
                            .orElse("Leave the setting out: what is fastest here is chosen by itself."));
        }
        return choice;
    }

    /** Returns KVM if a guest runs on it, else emulation. Uses the result of an earlier try, or tries now. */
    private static AcceleratorChoice tried(
            GuestImage image, VmSettings settings, Path cache, Consumer<String> progress) {
        try {
            Path answer = cache.resolve("kvm-" + Initramfs.shortHash(identity(image)) + ".txt");
            if (Files.exists(answer)) {
                return parse(Files.readString(answer).strip());
            }
            progress.accept("trying once whether KVM runs a guest here (at most " + PROBE_LIMIT.toSeconds() + " s)");
            AcceleratorChoice choice = probe(image, settings);
            Files.createDirectories(cache);
            Path temporary = Files.createTempFile(cache, ".kvm", ".txt");
            Files.writeString(temporary, choice.accelerator() + " " + choice.reason() + "\n");
            Files.move(temporary, answer, StandardCopyOption.ATOMIC_MOVE);
            return choice;
        } catch (IOException e) {
            throw new VmException("cannot remember in " + cache + " whether KVM works: " + e.getMessage(), e);
        }
    }

    /** Returns why KVM is not possible; empty if it has to be tried. */
    static Optional<String> whyNoKvm() {
        if (!Files.exists(DEVICE)) {
            return Optional.of("there is no /dev/kvm");
        }
        return Files.isReadable(DEVICE) && Files.isWritable(DEVICE)
                ? Optional.empty()
                : Optional.of("this user may not open /dev/kvm");
    }

    private static AcceleratorChoice parse(String line) {
        String[] parts = line.split(" ", 2);
        return new AcceleratorChoice(Accelerator.valueOf(parts[0]), parts.length > 1 ? parts[1] : "tried before");
    }

    private static byte[] identity(GuestImage image) throws IOException {
        String cpu = Files.readAllLines(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1).stream()
                .filter(line -> line.startsWith("model name") || line.startsWith("CPU part"))
                .findFirst()
                .orElse("");
        return (Files.readString(Path.of("/proc/version"), StandardCharsets.ISO_8859_1)
                        + cpu
                        + Files.size(image.qemu().orElseThrow())
                        + Files.getLastModifiedTime(image.qemu().orElseThrow())
                        + image.release())
                .getBytes(StandardCharsets.UTF_8);
    }

    private static AcceleratorChoice probe(GuestImage image, VmSettings settings) throws IOException {
        Path console = Files.createTempFile("dblock-vm-probe", ".log");
        GuestConfiguration configuration =
                new GuestConfiguration().add("mode", "probe").add("kind", "qemu");
        image.insert().forEach(module -> configuration.add("module", module));
        try (QemuProcess qemu =
                QemuProcess.start(image, Accelerator.KVM, settings, configuration, List.of(), console)) {
            CompletableFuture<Frame> hello = new CompletableFuture<>();
            Thread reader = new Thread(
                    () -> {
                        try {
                            hello.complete(new FrameReader(qemu.fromGuest()).next());
                        } catch (IOException e) {
                            hello.completeExceptionally(e);
                        }
                    },
                    "dblock-vm-probe");
            reader.setDaemon(true);
            reader.start();
            Frame frame = hello.get(PROBE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            if (frame != null && frame.type() == FrameType.HELLO) {
                return new AcceleratorChoice(Accelerator.KVM, "a guest was tried and ran");
            }
            qemu.waitFor(Duration.ofSeconds(2));
            return failed("it ended early; " + firstLine(qemu.messages()));
        } catch (TimeoutException e) {
            return failed("its kernel was not up within " + PROBE_LIMIT.toSeconds() + " s");
        } catch (ExecutionException e) {
            return failed(firstLine(String.valueOf(e.getCause().getMessage())));
        } catch (DblockException e) {
            return failed(firstLine(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmException("interrupted while KVM was tried", e);
        } finally {
            Files.deleteIfExists(console);
        }
    }

    private static AcceleratorChoice failed(String why) {
        return new AcceleratorChoice(Accelerator.TCG, "KVM did not run a guest when tried: " + why);
    }

    private static String firstLine(String text) {
        String line =
                text.split("\n", 2)[0].split("; ", 2)[0].replaceFirst("^(QEMU: )?qemu-system-[^:]*: *(error: *)?", "");
        return line.length() > 160 ? line.substring(0, 160) + "..." : line;
    }
}
