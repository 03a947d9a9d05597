// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A command for the guest. Its parts are bytes: in the C locale, a String cannot represent every argument or file name, and
 * the guest must get exactly what the launcher got.
 *
 * @param arguments the program and its arguments, not empty
 * @param environment {@code NAME=value} entries
 * @param directory the working directory, absolute
 * @param umask the umask in octal, as {@code /proc/self/status} shows it
 */
@SuppressWarnings("ArrayRecordComponent") // Commands are never compared.
record GuestCommand(List<byte[]> arguments, List<byte[]> environment, byte[] directory, String umask) {

    GuestCommand {
        arguments = List.copyOf(arguments);
        environment = List.copyOf(environment);
        if (arguments.isEmpty()) {
            throw new IllegalArgumentException("no command");
        }
    }

    /**
     * Returns a command with the environment, working directory and umask of this process.
     *
     * @param changes environment variables to set, or to remove if the value is null
     */
    static GuestCommand ofThisProcess(List<byte[]> arguments, Map<String, String> changes) {
        try {
            return new GuestCommand(
                    arguments,
                    changed(split(Files.readAllBytes(Path.of("/proc/self/environ"))), changes),
                    bytes(Files.readSymbolicLink(Path.of("/proc/self/cwd"))),
                    umaskOfThisProcess());
        } catch (IOException e) {
            throw new VmException("cannot read this process's own environment from /proc/self: " + e.getMessage(), e);
        }
    }

    /** Returns this command with other arguments, and with changes of its environment as {@link #ofThisProcess} has them. */
    GuestCommand with(List<byte[]> otherArguments, Map<String, String> changes) {
        return new GuestCommand(otherArguments, changed(environment, changes), directory, umask);
    }

    private static List<byte[]> changed(List<byte[]> entries, Map<String, String> changes) {
        Map<String, byte[]> environment = new LinkedHashMap<>();
        for (byte[] entry : entries) {
            // ISO-8859-1 keeps every byte, and only the name is compared.
            String text = new String(entry, StandardCharsets.ISO_8859_1);
            int equals = text.indexOf('=');
            if (equals > 0) {
                environment.put(text.substring(0, equals), entry);
            }
        }
        changes.forEach((name, value) -> {
            if (value == null) {
                environment.remove(name);
            } else {
                environment.put(name, (name + "=" + value).getBytes(StandardCharsets.UTF_8));
            }
        });
        return List.copyOf(environment.values());
    }

    /**
     * Returns the last {@code count} arguments of this process, byte for byte.
     *
     * @param decoded these arguments as main() got them; used if /proc does not have them
     */
    static List<byte[]> lastArgumentsOfThisProcess(int count, List<String> decoded) {
        List<byte[]> fallback = new ArrayList<>();
        for (String argument : decoded) {
            fallback.add(argument.getBytes(StandardCharsets.UTF_8));
        }
        try {
            List<byte[]> all = split(Files.readAllBytes(Path.of("/proc/self/cmdline")));
            return all.size() < count ? fallback : all.subList(all.size() - count, all.size());
        } catch (IOException e) {
            return fallback;
        }
    }

    private static String umaskOfThisProcess() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"), StandardCharsets.ISO_8859_1)) {
            if (line.startsWith("Umask:")) {
                return line.substring("Umask:".length()).trim();
            }
        }
        return "0022";
    }

    /** Splits records that each end with a NUL. */
    static List<byte[]> split(byte[] records) {
        List<byte[]> parts = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < records.length; i++) {
            if (records[i] == 0) {
                parts.add(Arrays.copyOfRange(records, start, i));
                start = i + 1;
            }
        }
        return parts;
    }

    /** Returns the bytes of an absolute path, independent of this JVM's locale. */
    static byte[] bytes(Path path) {
        String raw = path.toUri().getRawPath();
        if (raw.length() > 1 && raw.endsWith("/")) {
            raw = raw.substring(0, raw.length() - 1);
        }
        byte[] result = new byte[raw.length()];
        int n = 0;
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            if (c == '%') {
                result[n++] = (byte) Integer.parseInt(raw.substring(i + 1, i + 3), 16);
                i += 2;
            } else {
                result[n++] = (byte) c;
            }
        }
        return Arrays.copyOf(result, n);
    }
}
