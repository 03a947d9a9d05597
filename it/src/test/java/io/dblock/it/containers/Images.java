// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import java.time.Duration;
import java.util.List;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.JdbcDatabaseContainer;
import org.testcontainers.utility.DockerImageName;

/** The images that it/src/images makes, and containers of them. */
final class Images {
    static final String DEBIAN = "dblock/debian";
    static final DockerImageName POSTGRES =
            DockerImageName.parse("dblock/postgres").asCompatibleSubstituteFor("postgres");
    /** For a database on an emulated machine. */
    static final Duration LIMIT = Duration.ofMinutes(10);

    private Images() {}

    /** Returns a container that does nothing until it is killed. */
    static GenericContainer<?> idle() {
        return shell("exec sleep infinity");
    }

    static GenericContainer<?> shell(String script) {
        return new GenericContainer<>(DEBIAN).withCommand("sh", "-c", script);
    }

    /** Returns a container of Testcontainers' PostgreSQL module, which is in another package in version 2. */
    static JdbcDatabaseContainer<?> postgres() {
        for (String name : List.of(
                "org.testcontainers.postgresql.PostgreSQLContainer",
                "org.testcontainers.containers.PostgreSQLContainer")) {
            try {
                JdbcDatabaseContainer<?> container = Class.forName(name)
                        .asSubclass(JdbcDatabaseContainer.class)
                        .getConstructor(DockerImageName.class)
                        .newInstance(POSTGRES);
                container.withStartupTimeout(LIMIT);
                return container;
            } catch (ClassNotFoundException e) {
                // The other one, then.
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("Cannot make a " + name + ": " + e, e);
            }
        }
        throw new AssertionError("Testcontainers has no PostgreSQLContainer");
    }
}
