// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/** The artifact files of one declaration's device: their directory and their content. */
final class ArtifactFiles {
    private static final Namespace NAMESPACE = Namespace.create(ArtifactFiles.class);
    private static final System.Logger LOGGER = System.getLogger(ArtifactFiles.class.getName());
    private static final String JOURNAL = "journal.txt";
    private static final String PICTURE = "picture.svg";
    private static final String DEVICE = "device.txt";
    private static final int MAX_NAME = 80;
    /** Matches characters that are not allowed in file names everywhere, and blanks. */
    private static final Pattern ODD = Pattern.compile("[^A-Za-z0-9._()@$+-]+");

    private static final Pattern INVOCATION = Pattern.compile("#([0-9]+)\\]$");

    private final Path directory;
    private final String title;

    private ArtifactFiles(Path directory, String title) {
        this.directory = directory;
        this.title = title;
    }

    /**
     * Returns the files of a declaration in this context, under {@code root}. No two live declarations have the same
     * files.
     */
    static ArtifactFiles of(Path root, Declaration declaration, ExtensionContext context) {
        String test = context.getTestClass().map(Class::getName).orElse("no class");
        Path place = root.resolve(fileName(test));
        String title = context.getTestClass().map(Class::getSimpleName).orElse(test);
        if (context.getTestMethod().isPresent()) {
            String method = context.getRequiredTestMethod().getName();
            Matcher invocation = INVOCATION.matcher(context.getUniqueId());
            String number = invocation.find() ? "-" + invocation.group(1) : "";
            place = place.resolve(fileName(method + number));
            title += "." + method + number;
        }
        String name = declaration.name();
        Path free = ContextStores.computeIfAbsent(
                        context.getRoot().getStore(NAMESPACE), Places.class, key -> new Places(), Places.class)
                .claim(place.resolve(fileName(name)), context.getUniqueId() + declaration);
        return new ArtifactFiles(free, title + ": " + name);
    }

    private static String fileName(String text) {
        String name = ODD.matcher(text).replaceAll("_");
        return name.length() <= MAX_NAME
                ? name
                : name.substring(0, MAX_NAME - 9) + "-" + Integer.toHexString(text.hashCode());
    }

    /** Records which declaration owns which directory. Without it, overloaded methods would share one. Thread-safe. */
    private static final class Places {
        private final Map<Path, String> owners = new HashMap<>();

        synchronized Path claim(Path place, String owner) {
            Path free = place;
            for (int i = 2; !owners.computeIfAbsent(free, key -> owner).equals(owner); i++) {
                free = place.resolveSibling(place.getFileName() + "~" + i);
            }
            return free;
        }
    }

    /** Removes the files of an earlier run, so that they are not taken for this run's. */
    void clear() {
        try {
            for (String file : List.of(JOURNAL, PICTURE, DEVICE)) {
                Files.deleteIfExists(directory.resolve(file));
            }
            if (Files.isDirectory(directory)) {
                Files.delete(directory);
            }
        } catch (IOException e) {
            LOGGER.log(System.Logger.Level.WARNING, "Cannot clear " + directory + " of an earlier run's files: " + e);
        }
    }

    /**
     * Writes the files. Returns the report entry: where the files are, or why they could not be written. Exceptions of
     * the device are passed on.
     */
    Map<String, String> write(BlockDevice device, Declaration declaration) {
        Map<String, String> entry = new LinkedHashMap<>();
        try {
            Files.createDirectories(directory);
            device.journal().writeTo(directory.resolve(JOURNAL));
            device.journal().writePicture(directory.resolve(PICTURE), title + " (" + device.name() + ")");
            Files.writeString(directory.resolve(DEVICE), describe(device, declaration));
            entry.put("junit-dblock.artifacts", directory.toAbsolutePath().toString());
        } catch (IOException | UncheckedIOException e) {
            String failure = "could not be written to " + directory.toAbsolutePath() + ": " + e;
            LOGGER.log(System.Logger.Level.WARNING, "The artifacts of " + declaration + " " + failure);
            entry.put("junit-dblock.artifacts", failure);
        }
        return entry;
    }

    private static String describe(BlockDevice device, Declaration declaration) {
        StringBuilder text = new StringBuilder();
        text.append("device: ")
                .append(device.name())
                .append(" of ")
                .append(declaration)
                .append('\n');
        text.append("spec: ").append(device.spec()).append('\n');
        text.append("seed: ").append(device.seed());
        text.append(" (to have it again: configuration parameter ").append(DblockParameters.SEED);
        text.append(", or seed in the declaration)\n");
        text.append("power: ").append(device.powered() ? "on" : "off").append('\n');
        text.append("journal: ").append(device.journal().requests().size()).append(" requests kept, ");
        text.append(device.journal().dropped()).append(" entries dropped, ");
        text.append(device.journal().flushEpoch()).append(" flushes\n");
        list(text, "fault rules, in the order in which they were armed", rules(device));
        list(text, "unflushed writes", unflushed(device));
        list(text, "incidents", device.incidents());
        list(text, "thrown by its handler", device.handlerFailures());
        return text.toString();
    }

    private static void list(StringBuilder text, String what, List<?> lines) {
        text.append(what).append(lines.isEmpty() ? ": none\n" : ":\n");
        lines.forEach(line -> text.append("  ").append(line).append('\n'));
    }

    private static List<String> rules(BlockDevice device) {
        return device.faults().history().stream()
                .map(fault -> fault.rule() + ": " + fault.hits() + " hits" + (fault.isArmed() ? "" : ", removed"))
                .toList();
    }

    private static List<?> unflushed(BlockDevice device) {
        try {
            return device.unflushed();
        } catch (IllegalStateException e) {
            return List.of("not known: " + e.getMessage());
        }
    }
}
