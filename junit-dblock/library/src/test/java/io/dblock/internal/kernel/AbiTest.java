// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.journal.RequestOperations;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares {@link Abi} and {@link Errno} with what a C compiler makes of the headers. */
class AbiTest {
    private static final Path HEADER =
            Path.of("..", "..", "dblock-kmod").toAbsolutePath().normalize();

    /** Our names of members, where they are not the header's in capitals. */
    private static final Map<String, String> MEMBERS = Map.of("CREATE_SIZE_BYTES", "size", "CHANGE_SIZE_BYTES", "size");

    private static final Pattern OPERATION = Pattern.compile("^#define DBLOCK_OP_(\\w+)\\s+\\d+");

    private static final List<String> STRUCTURES =
            List.of("VERSION", "CREATE", "TARGET", "CHANGE", "INFO", "LIST", "REQUEST", "ANSWER", "SEGMENT", "SERVE");

    @TempDir
    Path directory;

    @Test
    void everyNumberAndOffsetIsTheHeaders() throws Exception {
        Map<String, String> expressions = new LinkedHashMap<>();
        for (Field field : Abi.class.getDeclaredFields()) {
            if (field.getType() == int.class || field.getType() == long.class) {
                expressionFor(field.getName()).ifPresent(c -> expressions.put(field.getName(), c));
            }
        }
        assertThat(expressions).hasSizeGreaterThan(80);

        Map<String, Long> real = evaluate(expressions);

        for (Map.Entry<String, Long> entry : real.entrySet()) {
            Field field = Abi.class.getDeclaredField(entry.getKey());
            field.setAccessible(true);
            assertThat(((Number) field.get(null)).longValue())
                    .as("Abi.%s against \"%s\"", entry.getKey(), expressions.get(entry.getKey()))
                    .isEqualTo(entry.getValue());
        }
    }

    @Test
    void everyFlagOfADeviceIsTheHeaders() throws Exception {
        Map<String, String> expressions = new LinkedHashMap<>();
        for (DeviceParameters.Flag flag : DeviceParameters.Flag.values()) {
            expressions.put(flag.name(), "DBLOCK_F_" + flag.name());
        }
        expressions.put("ALL", "DBLOCK_F_ALL");

        Map<String, Long> real = evaluate(expressions);

        long all = 0;
        for (DeviceParameters.Flag flag : DeviceParameters.Flag.values()) {
            assertThat(flag.bit()).as(flag.name()).isEqualTo(real.get(flag.name()));
            all |= flag.bit();
        }
        assertThat(all).as("flags this library does not know").isEqualTo(real.get("ALL"));
    }

    /** The one table of operations has all of them, each at its number. */
    @Test
    void everyOperationIsTheHeaders() throws Exception {
        Map<String, String> expressions = new LinkedHashMap<>();
        try (Stream<String> lines = Files.lines(HEADER.resolve("dblock.h"))) {
            lines.map(OPERATION::matcher)
                    .filter(Matcher::find)
                    .forEach(matcher -> expressions.put(matcher.group(1), "DBLOCK_OP_" + matcher.group(1)));
        }

        Map<String, Long> real = evaluate(expressions);

        Map<String, Long> ours = new LinkedHashMap<>();
        for (Operation operation : Operation.values()) {
            int number = RequestOperations.number(operation);
            assertThat(RequestOperations.of(number)).isEqualTo(operation);
            ours.put(operation.name(), (long) number);
        }
        assertThat(ours).isEqualTo(real);
        assertThat(RequestOperations.isKnown(ours.size())).isFalse();
        assertThat(RequestOperations.isKnown(-1)).isFalse();
        for (Field field : Batch.class.getDeclaredFields()) {
            if (field.getName().startsWith("OP_")) {
                assertThat(((Number) field.get(null)).longValue())
                        .as(field.getName())
                        .isEqualTo(real.get(field.getName().substring(3)));
            }
        }
    }

    @Test
    void everyErrorNumberIsTheSystems() throws Exception {
        Map<String, String> expressions = new LinkedHashMap<>();
        for (Errno errno : Errno.values()) {
            expressions.put(errno.name(), errno.name());
        }

        Map<String, Long> real = evaluate(expressions);

        for (Errno errno : Errno.values()) {
            assertThat((long) errno.number()).as(errno.name()).isEqualTo(real.get(errno.name()));
        }
    }

    private static java.util.Optional<String> expressionFor(String name) {
        switch (name) {
            case "MAGIC", "READ", "WRITE" -> {
                return java.util.Optional.empty(); // parts of the ioctl numbers, which are compared as a whole
            }
            case "WHAT_SIZE", "WHAT_READ_ONLY" -> {
                return java.util.Optional.of(name.replace("WHAT", "DBLOCK_CHANGE"));
            }
            case "QUEUE_ANY" -> {
                return java.util.Optional.of("(int)DBLOCK_QUEUE_ANY");
            }
            default -> {}
        }
        for (String structure : STRUCTURES) {
            String type = "struct dblock_" + structure.toLowerCase(java.util.Locale.ROOT);
            if (name.equals(structure + "_SIZE")) {
                return java.util.Optional.of("sizeof(" + type + ")");
            }
            if (name.startsWith(structure + "_") && !name.equals("SERVE_END")) {
                String member = MEMBERS.getOrDefault(
                        name, name.substring(structure.length() + 1).toLowerCase(java.util.Locale.ROOT));
                return java.util.Optional.of("offsetof(" + type + ", " + member + ")");
            }
        }
        return java.util.Optional.of("DBLOCK_" + name);
    }

    private Map<String, Long> evaluate(Map<String, String> expressions) throws Exception {
        StringBuilder program = new StringBuilder(
                """
                #include <errno.h>
                #include <stddef.h>
                #include <stdio.h>
                #include "dblock.h"
                int main(void)
                {
                """);
        expressions.forEach(
                (name, c) -> program.append("\tprintf(\"%s %%lld\\n\", (long long)(%s));%n".formatted(name, c)));
        program.append("\treturn 0;\n}\n");
        Path source = Files.writeString(directory.resolve("abi.c"), program);
        Path binary = directory.resolve("abi");
        Command.Result compiled;
        try {
            compiled = Command.run(
                    List.of("cc", "-Wall", "-Werror", "-I" + HEADER, "-o", binary.toString(), source.toString()));
        } catch (io.dblock.DblockException e) {
            throw new AssertionError(
                    "This test needs a C compiler: apt-get install gcc libc6-dev, dnf install gcc glibc-devel", e);
        }
        assertThat(compiled.exit()).as(compiled.output()).isZero();
        Map<String, Long> values = new LinkedHashMap<>();
        for (String line :
                Command.run(List.of(binary.toString())).output().lines().toList()) {
            String[] parts = line.split(" ", 2);
            values.put(parts[0], Long.parseLong(parts[1]));
        }
        assertThat(values.keySet()).isEqualTo(expressions.keySet());
        return values;
    }
}
