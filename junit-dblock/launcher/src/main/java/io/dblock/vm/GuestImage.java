// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

/**
 * The files that a guest boots from.
 *
 * @param machine the architecture of the guest
 * @param release the kernel's release, as {@code uname -r} prints it in the guest
 * @param kernel the kernel image, or the program of User Mode Linux
 * @param modules the directory with {@code modules.dep}
 * @param initramfs the base archive: init and the modules that it inserts
 * @param insert the paths of these modules in the archive, in order
 * @param qemu the QEMU binary; empty for User Mode Linux
 * @param root the file tree that the guest sees and cannot change: this host's own, if the guest can run its programs
 */
record GuestImage(
        MachineType machine,
        String release,
        Path kernel,
        Path modules,
        Path initramfs,
        List<String> insert,
        Optional<Path> qemu,
        Path root) {

    private static final String PREFIX = "guest.";

    /** Returns whether the root is not this host's, so that the guest sees only shared directories of the host. */
    boolean hasItsOwnRoot() {
        return !root.equals(Path.of("/"));
    }

    /** Returns whether the kernel is a program of this host: User Mode Linux. */
    boolean isProgram() {
        return qemu.isEmpty();
    }

    /** Returns the image as lines of a properties file. */
    String toProperties() {
        StringWriter out = new StringWriter();
        line(out, "machine", machine.architecture());
        line(out, "release", release);
        line(out, "kernel", kernel.toString());
        line(out, "modules", modules.toString());
        line(out, "initramfs", initramfs.toString());
        line(out, "insert", String.join(" ", insert));
        qemu.ifPresent(path -> line(out, "qemu", path.toString()));
        line(out, "root", root.toString());
        return out.toString();
    }

    private static void line(StringWriter out, String key, String value) {
        out.write(PREFIX + key + "=" + value.replace("\\", "\\\\") + "\n");
    }

    static GuestImage of(Properties properties, Path source) {
        String insert = required(properties, "insert", source);
        return new GuestImage(
                MachineType.of(required(properties, "machine", source)),
                required(properties, "release", source),
                Path.of(required(properties, "kernel", source)),
                Path.of(required(properties, "modules", source)),
                Path.of(required(properties, "initramfs", source)),
                insert.isBlank() ? List.of() : List.of(insert.split(" ", -1)),
                Optional.ofNullable(properties.getProperty(PREFIX + "qemu")).map(Path::of),
                Path.of(required(properties, "root", source)));
    }

    static Properties read(Path file) {
        Properties properties = new Properties();
        try (Reader in = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            properties.load(in);
        } catch (IOException e) {
            throw new VmException("cannot read " + file + ": " + e.getMessage() + "; run 'setup' again", e);
        }
        return properties;
    }

    private static String required(Properties properties, String key, Path source) {
        String value = properties.getProperty(PREFIX + key);
        if (value == null) {
            throw new VmException(
                    source + " has no '" + PREFIX + key + "': made by another version? Run 'setup' again");
        }
        return value;
    }

    /** Checks that all files still exist; a cleared cache is the usual reason why one does not. */
    void check() {
        List<Path> files = new ArrayList<>(List.of(kernel, modules, initramfs, root));
        qemu.ifPresent(files::add);
        for (Path file : files) {
            if (!Files.exists(file)) {
                throw new VmException("the guest needs " + file + ", which is not there any more; run 'setup' again");
            }
        }
    }
}
