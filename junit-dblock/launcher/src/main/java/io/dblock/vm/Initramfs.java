// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import io.dblock.internal.kernel.Command;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;

/**
 * Builds the base archive of a guest: our init, compiled on this machine, and the modules that it needs to mount the
 * host's file tree. The cache keeps archives by the hash of their input. Safe against other processes that build the same
 * one.
 */
final class Initramfs {

    /** The modules that the guest needs to mount the host's file tree, which has all other modules. */
    private static final List<String> NEEDED = List.of("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay");

    private static final Duration TOOL_LIMIT = Duration.ofMinutes(2);
    private static final String SOURCE = "guest-init.c";

    /**
     * A base archive.
     *
     * @param file the archive
     * @param insert paths, in the archive, of the modules to insert, in order
     */
    record Base(Path file, List<String> insert) {}

    private Initramfs() {}

    /**
     * Returns the base archive for a kernel. Builds it if it is not in the cache.
     *
     * @param cache the directory for init and the archive; created if missing
     * @throws VmException if the kernel lacks a module or a tool of the host is missing
     */
    static Base build(Path cache, GuestKernel kernel) {
        String release = kernel.release();
        try {
            Files.createDirectories(cache);
            List<Path> files = kernel.program()
                    ? List.of()
                    : KernelModules.read(kernel.modules()).closure(NEEDED);
            List<String> insert = new ArrayList<>();
            StringBuilder key = new StringBuilder(release).append('\n');
            byte[] source = CompiledProgram.source(SOURCE);
            key.append(HexFormat.of().formatHex(digest(source)))
                    .append(CompiledProgram.FLAGS)
                    .append('\n');
            for (Path file : files) {
                insert.add("/dblock/modules/" + KernelModules.nameOf(file.toString()) + ".ko");
                key.append(file)
                        .append(' ')
                        .append(Files.size(file))
                        .append(' ')
                        .append(Files.getLastModifiedTime(file))
                        .append('\n');
            }
            String hash = shortHash(key.toString().getBytes(StandardCharsets.UTF_8));
            Path archive = cache.resolve("initramfs-" + release + "-" + hash + ".cpio");
            if (!Files.exists(archive)) {
                byte[] init = Files.readAllBytes(CompiledProgram.of(SOURCE, cache, kernel.machine()));
                Path temporary = Files.createTempFile(cache, ".initramfs", ".cpio");
                try {
                    write(temporary, init, files, insert);
                    Files.move(temporary, archive, StandardCopyOption.ATOMIC_MOVE);
                } finally {
                    Files.deleteIfExists(temporary);
                }
            }
            return new Base(archive, insert);
        } catch (IOException e) {
            throw new VmException(
                    "cannot build the guest's initramfs: " + e
                            + ". If the cache cannot be written, run 'setup' once where"
                            + " it can, or set DBLOCK_CACHE to a directory that can be written.",
                    e);
        }
    }

    private static void write(Path file, byte[] init, List<Path> modules, List<String> names) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioWriter archive = new CpioWriter(bytes)) {
            for (String directory : new TreeSet<>(List.of("dblock", "dblock/modules"))) {
                archive.directory(directory, 0755);
            }
            archive.file("init", 0755, init);
            for (int i = 0; i < modules.size(); i++) {
                archive.file(names.get(i).substring(1), 0644, uncompressed(modules.get(i)));
            }
        }
        Files.write(file, bytes.toByteArray());
    }

    /** Returns an uncompressed module. The kernel itself can decompress modules only since 5.17, and not in all builds. */
    private static byte[] uncompressed(Path module) throws IOException {
        String name = module.toString();
        if (name.endsWith(".ko")) {
            return Files.readAllBytes(module);
        }
        String tool =
                name.endsWith(".xz") ? "xz" : name.endsWith(".zst") ? "zstd" : name.endsWith(".gz") ? "gzip" : null;
        if (tool == null) {
            throw new IOException("module " + module + " is compressed in a way not known: .xz, .zst and .gz are");
        }
        Requirements.require(tool, MachineType.ofThisHost());
        Path copy = Files.createTempFile("dblock-vm", name.substring(name.lastIndexOf('/') + 1));
        Path plain = Path.of(copy.toString().substring(0, copy.toString().lastIndexOf('.')));
        try {
            Files.copy(module, copy, StandardCopyOption.REPLACE_EXISTING);
            Command.of(tool, "-d", "-f", "-k", "-q", copy.toString())
                    .within(TOOL_LIMIT)
                    .output();
            return Files.readAllBytes(plain);
        } finally {
            Files.deleteIfExists(copy);
            Files.deleteIfExists(plain);
        }
    }

    static String shortHash(byte[] bytes) {
        return HexFormat.of().formatHex(digest(bytes)).substring(0, 12);
    }

    private static byte[] digest(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
