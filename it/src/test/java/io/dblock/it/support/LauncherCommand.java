// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The command of this build's launcher in a JVM of its own. */
public final class LauncherCommand {
    private LauncherCommand() {}

    /** Its class path: the one file with all it needs, as users have it. */
    public static String classPath() {
        return System.getProperty("dblock.it.launcher", System.getProperty("java.class.path"));
    }

    /** The java that runs these tests. */
    public static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /** It with these arguments. */
    public static List<String> of(String... arguments) {
        List<String> command = new ArrayList<>(List.of(java(), "-cp", classPath(), "io.dblock.cli.Main"));
        command.addAll(Arrays.asList(arguments));
        return command;
    }

    /** A command in a guest with this kernel. */
    public static List<String> inGuest(String kernel, List<String> guestCommand) {
        List<String> command = of("vm", "run", "--kernel", kernel, "--");
        command.addAll(guestCommand);
        return command;
    }
}
