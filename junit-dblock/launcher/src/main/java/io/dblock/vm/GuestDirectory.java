// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/**
 * The files of one guest that runs: made for it, gone with it. What killed launchers left is removed by later ones. Not safe
 * for use by several threads.
 */
final class GuestDirectory implements AutoCloseable {

    private static final Path PARENT = Path.of("/tmp");
    private static final String PREFIX = "dblock-vm-";
    /** A launcher that was just killed may have a guest that is about to notice. */
    private static final Duration OLD = Duration.ofHours(1);

    private static final String MESSAGES = "messages";

    private final Path path;

    private GuestDirectory(Path path) {
        this.path = path;
    }

    static GuestDirectory create() throws IOException {
        // A short path: the name of a socket may have 107 bytes.
        return createBelow(PARENT);
    }

    static GuestDirectory createBelow(Path parent) throws IOException {
        removeLeavings(parent);
        return new GuestDirectory(Files.createTempDirectory(
                parent, PREFIX + ProcessHandle.current().pid() + "-"));
    }

    Path path() {
        return path;
    }

    Path resolve(String name) {
        return path.resolve(name);
    }

    /** Writes the archive that the guest's kernel unpacks: that of the image, and what this guest is told. */
    Path writeInitramfs(GuestImage image, GuestConfiguration configuration) throws IOException {
        Path file = resolve("initramfs");
        try (OutputStream out = Files.newOutputStream(file)) {
            Files.copy(image.initramfs(), out);
            CpioWriter archive = new CpioWriter(out);
            archive.directory("dblock", 0755);
            archive.file("dblock/guest.conf", 0600, configuration.toBytes());
            archive.close();
        }
        return file;
    }

    /** Where the program that runs the guest says what is wrong. */
    Path messages() {
        return resolve(MESSAGES);
    }

    /** What it said, in one line. */
    String readMessages() {
        try {
            String text = new String(Files.readAllBytes(messages()), StandardCharsets.UTF_8);
            return text.isBlank() ? "it said nothing" : text.strip().replace("\n", "; ");
        } catch (IOException e) {
            return "its messages cannot be read (" + e.getMessage() + ")";
        }
    }

    @Override
    public void close() {
        delete(path);
    }

    /** What killed launchers left: their directories, once their process is gone for an hour. */
    private static void removeLeavings(Path parent) {
        Instant old = Instant.now().minus(OLD);
        try (DirectoryStream<Path> found = Files.newDirectoryStream(parent, PREFIX + "*-*")) {
            for (Path directory : found) {
                String pid = directory
                        .getFileName()
                        .toString()
                        .substring(PREFIX.length())
                        .split("-", -1)[0];
                if (pid.matches("[0-9]{1,18}")
                        && Files.isDirectory(directory)
                        && Files.getLastModifiedTime(directory).toInstant().isBefore(old)
                        && ProcessHandle.of(Long.parseLong(pid)).isEmpty()) {
                    delete(directory);
                }
            }
        } catch (IOException ignored) {
            // Somebody else's, or gone in the meantime: another run will see to it.
        }
    }

    private static void delete(Path directory) {
        try {
            FileTrees.delete(directory);
        } catch (IOException ignored) {
            // A few small files; the next run tries again.
        }
    }
}
