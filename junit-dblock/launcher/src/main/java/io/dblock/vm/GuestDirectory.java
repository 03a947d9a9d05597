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
 * The files of one running guest, deleted when it ends. The directories of killed launchers are deleted by later ones. Not
 * thread-safe.
 */
final class GuestDirectory implements AutoCloseable {

    private static final Path PARENT = Path.of("/tmp");
    private static final String PREFIX = "dblock-vm-";
    /** The age from which directories are deleted: the guest of a launcher that was just killed may still be ending. */
    private static final Duration OLD = Duration.ofHours(1);

    private static final String MESSAGES = "messages";

    private final Path path;

    private GuestDirectory(Path path) {
        this.path = path;
    }

    static GuestDirectory create() throws IOException {
        // The path must be short, because the path of a socket has at most 107 bytes.
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

    /** Writes the archive that the guest's kernel unpacks: the archive of the image, and the configuration. */
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

    /** Returns the file for the messages of the program that runs the guest. */
    Path messages() {
        return resolve(MESSAGES);
    }

    /** Returns these messages in one line. */
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

    /** Deletes the directories of launchers that are gone, if they have not changed for an hour. */
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
            // It belongs to another user, or was just deleted. A later run tries again.
        }
    }

    private static void delete(Path directory) {
        try {
            FileTrees.delete(directory);
        } catch (IOException ignored) {
            // Only a few small files are left, and a later run tries again.
        }
    }
}
