// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One option in a command.
 *
 * @param from the index of its first argument
 * @param arguments how many arguments it takes up
 * @param value its value; empty if it is a flag
 */
record Option(int from, int arguments, Optional<String> value) {

    /** How a program writes its options. */
    enum Style {
        /** {@code -c name=value} or {@code --name=value}. */
        POSTGRES,
        /** {@code --name=value}; {@code --name value} is read, too. */
        ASSIGNED,
        /** {@code --name value}; {@code --name=value} is read, too. */
        SPACED;

        /** Returns the arguments that set an option. */
        String[] set(String name, String value) {
            return switch (this) {
                case POSTGRES -> new String[] {"-c", name + "=" + value};
                case ASSIGNED -> new String[] {"--" + name + "=" + value};
                case SPACED -> new String[] {"--" + name, value};
            };
        }
    }

    /** Returns the occurrences of an option in a command. Dashes and underscores in names are the same. */
    static List<Option> find(Launch launch, Style style, String name) {
        List<Option> found = new ArrayList<>();
        List<String> command = launch.command();
        for (int i = 0; i < command.size(); i++) {
            Optional<Option> option =
                    style == Style.POSTGRES ? postgres(command, i, name) : longOption(command, i, name);
            option.ifPresent(found::add);
        }
        return found;
    }

    private static Optional<Option> postgres(List<String> command, int index, String name) {
        String argument = command.get(index);
        if (argument.equals("-c") && index + 1 < command.size()) {
            return assigned(command.get(index + 1), index, 2, name);
        }
        if (argument.startsWith("--")) {
            return assigned(argument.substring(2), index, 1, name);
        }
        if (argument.startsWith("-c")) {
            return assigned(argument.substring(2), index, 1, name);
        }
        return argument.equals("-F") && name.equals("fsync")
                ? Optional.of(new Option(index, 1, Optional.of("off")))
                : Optional.empty();
    }

    private static Optional<Option> assigned(String assignment, int index, int arguments, String name) {
        String[] parts = assignment.split("=", 2);
        if (!sameName(parts[0], name)) {
            return Optional.empty();
        }
        return Optional.of(new Option(index, arguments, parts.length == 2 ? Optional.of(parts[1]) : Optional.empty()));
    }

    private static Optional<Option> longOption(List<String> command, int index, String name) {
        String argument = command.get(index);
        if (!argument.startsWith("--")) {
            return Optional.empty();
        }
        Optional<Option> option = assigned(argument.substring(2), index, 1, name);
        boolean followed = index + 1 < command.size() && !command.get(index + 1).startsWith("-");
        if (option.isPresent() && option.get().value().isEmpty() && followed) {
            return Optional.of(new Option(index, 2, Optional.of(command.get(index + 1))));
        }
        return option;
    }

    private static boolean sameName(String one, String other) {
        return normal(one).equals(normal(other));
    }

    private static String normal(String name) {
        return name.trim().replace('_', '-').toLowerCase(Locale.ROOT);
    }

    /** Returns the launch without any of these options. */
    static Launch without(Launch launch, List<Option> options) {
        List<String> rest = new ArrayList<>(launch.command());
        for (int i = options.size() - 1; i >= 0; i--) {
            Option option = options.get(i);
            rest.subList(option.from(), option.from() + option.arguments()).clear();
        }
        return launch.withCommand(rest);
    }
}
