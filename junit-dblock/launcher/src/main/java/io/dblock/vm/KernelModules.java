// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The modules of a kernel, from {@code modules.dep} and {@code modules.builtin}: which files must be inserted for a module
 * to work, and in which order. Immutable.
 */
final class KernelModules {

    private final Path directory;
    private final Map<String, Path> files = new HashMap<>();
    private final Map<String, List<String>> dependencies = new HashMap<>();
    private final Set<String> builtin = new HashSet<>();

    private KernelModules(Path directory) {
        this.directory = directory;
    }

    /**
     * Reads both files in {@code directory} ({@code .../lib/modules/<release>}). In a kernel without modules they are
     * missing or empty.
     */
    static KernelModules read(Path directory) throws IOException {
        KernelModules modules = new KernelModules(directory);
        Path dep = directory.resolve("modules.dep");
        if (Files.exists(dep)) {
            for (String line : Files.readAllLines(dep)) {
                int colon = line.indexOf(':');
                if (colon < 0) {
                    continue;
                }
                String name = nameOf(line.substring(0, colon));
                modules.files.put(name, directory.resolve(line.substring(0, colon)));
                List<String> needs = new ArrayList<>();
                for (String other : line.substring(colon + 1).trim().split(" +", -1)) {
                    if (!other.isEmpty()) {
                        needs.add(nameOf(other));
                    }
                }
                modules.dependencies.put(name, needs);
            }
        }
        Path builtin = directory.resolve("modules.builtin");
        if (Files.exists(builtin)) {
            for (String line : Files.readAllLines(builtin)) {
                modules.builtin.add(nameOf(line));
            }
        }
        return modules;
    }

    /** Returns whether the module is a file or part of the kernel image. */
    boolean has(String name) {
        return files.containsKey(name) || builtin.contains(name);
    }

    /**
     * Returns the files to insert for these modules to work, each once and after those it depends on. Modules in the kernel
     * image are left out. A kernel that lists no modules is assumed to have all of them in its image.
     *
     * @throws IOException if a module is neither a file nor part of the kernel image
     */
    List<Path> closure(List<String> names) throws IOException {
        if (files.isEmpty() && builtin.isEmpty()) {
            return List.of();
        }
        Set<String> ordered = new LinkedHashSet<>();
        for (String name : names) {
            visit(name, ordered, new HashSet<>());
        }
        List<Path> result = new ArrayList<>();
        for (String name : ordered) {
            result.add(files.get(name));
        }
        return result;
    }

    private void visit(String name, Set<String> ordered, Set<String> path) throws IOException {
        if ((builtin.contains(name) && !files.containsKey(name)) || ordered.contains(name)) {
            return;
        }
        if (!files.containsKey(name)) {
            throw new IOException(
                    "the kernel of " + directory + " has no module " + name
                            + ": the guest cannot run on it (Debian's 'cloud' kernels lack 9p, for example); choose another one");
        }
        if (!path.add(name)) {
            throw new IOException(directory.resolve("modules.dep") + ": module " + name + " depends on itself");
        }
        for (String other : dependencies.get(name)) {
            visit(other, ordered, path);
        }
        path.remove(name);
        ordered.add(name);
    }

    /** Returns the module's name as the kernel reports it: without directory and suffix, with underscores for hyphens. */
    static String nameOf(String file) {
        String name = file.substring(file.lastIndexOf('/') + 1).trim();
        int suffix = name.indexOf(".ko");
        return (suffix < 0 ? name : name.substring(0, suffix)).replace('-', '_');
    }
}
