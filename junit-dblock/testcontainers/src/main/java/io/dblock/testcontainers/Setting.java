// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** A setting of a database that decides whether what it acknowledges survives a power cut. */
interface Setting {

    /** Returns the setting as it is, if it is unsafe. */
    Optional<String> unsafe(Launch launch);

    /**
     * Returns the launch with the setting turned on, even where a file in the image says otherwise.
     *
     * @throws IllegalStateException if it cannot be turned on; the message says why
     */
    Launch turnOn(Launch launch);

    /** The values that programs take for true. */
    Set<String> TRUE = Set.of("on", "true", "yes", "1");

    /**
     * An option of the command. The command line overrules configuration files.
     *
     * @param style how it is written
     * @param name its name
     * @param safe the safe values, in lower case
     * @param safeByDefault whether the database is safe without the option
     * @param value the safe value to set; empty to remove the option only
     */
    record Argument(Option.Style style, String name, Set<String> safe, boolean safeByDefault, Optional<String> value)
            implements Setting {

        /** An option that is set. */
        static Argument set(Option.Style style, String name, Set<String> safe, boolean safeByDefault, String value) {
            return new Argument(style, name, safe, safeByDefault, Optional.of(value));
        }

        /** An option that is removed unless it has a safe value. */
        static Argument removed(Option.Style style, String name, Set<String> safe) {
            return new Argument(style, name, safe, true, Optional.empty());
        }

        @Override
        public Optional<String> unsafe(Launch launch) {
            List<Option> options = Option.find(launch, style, name);
            if (options.isEmpty()) {
                return safeByDefault ? Optional.empty() : Optional.of(name + " (not set)");
            }
            // The last one counts.
            String now = options.get(options.size() - 1).value().orElse("");
            return safe.contains(now.toLowerCase(Locale.ROOT))
                    ? Optional.empty()
                    : Optional.of(now.isEmpty() ? name : name + "=" + now);
        }

        @Override
        public Launch turnOn(Launch launch) {
            Launch without = Option.without(launch, Option.find(launch, style, name));
            if (value.isEmpty()) {
                return unsafe(launch).isEmpty() ? launch : without;
            }
            if (!Option.find(launch, style, name).isEmpty() && unsafe(launch).isEmpty()) {
                return launch; // The test's own choice among safe values.
            }
            return without.withArguments(style.set(name, value.get()));
        }
    }

    /**
     * An option with values that nothing can be done about.
     *
     * @param name its name
     * @param unsafe the unsafe values, in lower case
     * @param why why they are unsafe
     */
    record Forbidden(String name, Set<String> unsafe, String why) implements Setting {

        @Override
        public Optional<String> unsafe(Launch launch) {
            return Option.find(launch, Option.Style.SPACED, name).stream()
                    .map(option -> option.value().orElse(""))
                    .filter(value -> unsafe.contains(value.toLowerCase(Locale.ROOT)))
                    .map(value -> name + "=" + value)
                    .findFirst();
        }

        @Override
        public Launch turnOn(Launch launch) {
            unsafe(launch).ifPresent(setting -> {
                throw new IllegalStateException(setting + " " + why);
            });
            return launch;
        }
    }

    /**
     * An environment variable that the image's scripts turn into a setting.
     *
     * @param name its name
     * @param value the safe value
     */
    record Variable(String name, String value) implements Setting {

        @Override
        public Optional<String> unsafe(Launch launch) {
            String now = launch.environment().get(name);
            if (value.equals(now)) {
                return Optional.empty();
            }
            return Optional.of(now == null ? name + " (not set)" : name + "=" + now);
        }

        @Override
        public Launch turnOn(Launch launch) {
            return launch.withVariable(name, value);
        }
    }

    /**
     * System properties in an environment variable with options of a JVM.
     *
     * @param variable the name of the variable
     * @param property the property that decides
     * @param safe its safe values
     * @param options the options that set it to a safe value, and what has to go with it
     */
    record SystemProperty(String variable, String property, Set<String> safe, String options) implements Setting {

        @Override
        public Optional<String> unsafe(Launch launch) {
            String now = null;
            for (String option : launch.environment().getOrDefault(variable, "").split("\\s+", -1)) {
                if (option.startsWith("-D" + property + "=")) {
                    now = option.substring(property.length() + 3);
                }
            }
            if (now != null && safe.contains(now)) {
                return Optional.empty();
            }
            return Optional.of(now == null ? property + " (not set)" : property + "=" + now);
        }

        @Override
        public Launch turnOn(Launch launch) {
            if (unsafe(launch).isEmpty()) {
                return launch;
            }
            String now = launch.environment().getOrDefault(variable, "");
            // The last one counts.
            return launch.withVariable(variable, (now + " " + options).trim());
        }
    }

    /**
     * The program that a command has to be of, so that its options are the database's.
     *
     * @param programs the names of the program
     */
    record Program(Set<String> programs) implements Setting {

        @Override
        public Optional<String> unsafe(Launch launch) {
            boolean known = launch.program().map(programs::contains).orElse(!isShell(launch));
            return known ? Optional.empty() : Optional.of(launch + ", whose settings are not known");
        }

        /** Returns whether the arguments are those of a shell, as Testcontainers' modules have them at times. */
        private static boolean isShell(Launch launch) {
            List<String> command = launch.command();
            return command.size() > 1
                    && command.get(0).equals("-c")
                    && command.get(1).matches("[^= ]* .*");
        }

        @Override
        public Launch turnOn(Launch launch) {
            unsafe(launch).ifPresent(setting -> {
                throw new IllegalStateException(setting + ". Known: options, or a command that begins with one of "
                        + programs.stream().sorted().toList());
            });
            return launch;
        }
    }
}
