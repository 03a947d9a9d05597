// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/** Containers of Testcontainers' modules, none of which is started. Their classes are in other packages in version 2. */
final class Modules {
    private Modules() {}

    /** Returns a container of each class of that name that there is. */
    static List<GenericContainer<?>> containers(String name, String image) {
        List<GenericContainer<?>> containers = Stream.of(
                        "containers", "postgresql", "mysql", "mariadb", "mongodb", "cassandra", "kafka")
                .flatMap(one -> type("org.testcontainers." + one + "." + name))
                .<GenericContainer<?>>flatMap(type -> make(type, image))
                .toList();
        if (containers.isEmpty()) {
            throw new AssertionError("Testcontainers has no " + name + " for " + image + " any more");
        }
        return containers;
    }

    private static Stream<Class<?>> type(String name) {
        try {
            return Stream.of(Class.forName(name));
        } catch (ClassNotFoundException e) {
            return Stream.of();
        }
    }

    /** Makes a container, unless its class is for other images. */
    private static Stream<GenericContainer<?>> make(Class<?> type, String image) {
        try {
            return Stream.of((GenericContainer<?>)
                    type.getConstructor(DockerImageName.class).newInstance(DockerImageName.parse(image)));
        } catch (InvocationTargetException e) {
            return Stream.of();
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot make a " + type.getName() + ": " + e, e);
        }
    }

    /** Returns what Testcontainers starts this container with. */
    static Launch launch(GenericContainer<?> container) {
        return new Launch(Arrays.asList(container.getCommandParts()), Map.copyOf(container.getEnvMap()));
    }
}
