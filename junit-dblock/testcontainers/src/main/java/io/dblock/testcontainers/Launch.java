// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a container starts its database with.
 *
 * @param command the command, or the arguments of the image's entrypoint
 * @param environment the environment variables
 */
record Launch(List<String> command, Map<String, String> environment) {

    Launch {
        command = List.copyOf(command);
        environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    }

    /** Returns the program's name without its directory; empty if the command begins with an option or is empty. */
    Optional<String> program() {
        if (command.isEmpty() || command.get(0).startsWith("-")) {
            return Optional.empty();
        }
        return Optional.of(command.get(0).replaceAll(".*/", ""));
    }

    Launch withCommand(List<String> newCommand) {
        return new Launch(newCommand, environment);
    }

    /** Returns this launch with arguments at the end of the command. */
    Launch withArguments(String... arguments) {
        List<String> longer = new ArrayList<>(command);
        Collections.addAll(longer, arguments);
        return withCommand(longer);
    }

    Launch withVariable(String name, String value) {
        Map<String, String> changed = new LinkedHashMap<>(environment);
        changed.put(name, value);
        return new Launch(command, changed);
    }

    @Override
    public String toString() {
        return "the command " + command;
    }
}
