// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static io.dblock.testcontainers.Option.Style.ASSIGNED;
import static io.dblock.testcontainers.Option.Style.POSTGRES;
import static io.dblock.testcontainers.Option.Style.SPACED;
import static io.dblock.testcontainers.Setting.TRUE;

import io.dblock.testcontainers.Setting.Argument;
import io.dblock.testcontainers.Setting.Forbidden;
import io.dblock.testcontainers.Setting.Program;
import io.dblock.testcontainers.Setting.SystemProperty;
import io.dblock.testcontainers.Setting.Variable;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * The databases whose settings are known, a broker among them. Which one a container has is known by its class or the
 * name of its image: see {@link ContainerDisk#database(Database)} for others.
 */
@SuppressWarnings("ImmutableEnumChecker") // Its sets and lists are those of Set.of() and List.of().
public enum Database {
    /** PostgreSQL. Testcontainers' module starts it with {@code fsync=off}. */
    POSTGRESQL(
            Set.of("PostgreSQLContainer"),
            Set.of("postgres", "postgis", "pgvector", "timescaledb"),
            "/var/lib/postgresql/data",
            "PGDATA",
            "database system is ready to accept connections",
            List.of(
                    new Program(Set.of("postgres")),
                    Argument.set(POSTGRES, "fsync", TRUE, true, "on"),
                    Argument.set(POSTGRES, "full_page_writes", TRUE, true, "on"),
                    Argument.set(
                            POSTGRES,
                            "synchronous_commit",
                            Set.of("on", "true", "yes", "1", "local", "remote_write", "remote_apply"),
                            true,
                            "on"),
                    // With it, a flush that failed is tried again, and what it was to flush is taken for written.
                    Argument.removed(POSTGRES, "data_sync_retry", Set.of("off", "false", "no", "0")))),
    /** MySQL. Its own defaults are safe, and Testcontainers' module leaves them so. */
    MYSQL(
            Set.of("MySQLContainer"),
            Set.of("mysql"),
            "/var/lib/mysql",
            "",
            "Version: '.*port: [1-9]",
            innodb("mysqld", "mysqld_safe")),
    /** MariaDB. Its own defaults are safe, and Testcontainers' module leaves them so. */
    MARIADB(
            Set.of("MariaDBContainer"),
            Set.of("mariadb"),
            "/var/lib/mysql",
            "",
            "Version: '.*port: [1-9]",
            innodb("mariadbd", "mariadbd-safe", "mysqld", "mysqld_safe")),
    /**
     * MongoDB. Its journal is on by default, and since 6.1 cannot be turned off. A write is acknowledged before it is in
     * the journal unless the client asks for {@code j: true}, or for {@code w: "majority"} on a replica set.
     */
    MONGODB(
            Set.of("MongoDBContainer"),
            Set.of("mongo", "mongodb-community-server", "mongodb-enterprise-server"),
            "/data/db",
            "",
            "(?i)waiting for connections",
            List.of(
                    new Program(Set.of("mongod")),
                    Argument.removed(SPACED, "nojournal", Set.of()),
                    new Forbidden(
                            "storageEngine",
                            Set.of("inmemory", "ephemeralfortest", "devnull"),
                            "keeps nothing on a disk. Use wiredTiger."))),
    /**
     * Cassandra, 4.1 or later. By default it acknowledges a write up to ten seconds before its commit log is flushed;
     * turned on, it flushes before.
     */
    CASSANDRA(
            Set.of("CassandraContainer"),
            Set.of("cassandra"),
            "/var/lib/cassandra",
            "",
            "Starting listening for CQL clients",
            List.of(new SystemProperty(
                    "JVM_OPTS",
                    "cassandra.settings.commitlog_sync",
                    Set.of("batch", "group"),
                    // A period is refused beside it.
                    "-Dcassandra.config.allow_system_properties=true -Dcassandra.settings.commitlog_sync=batch"
                            + " -Dcassandra.settings.commitlog_sync_period=0ms"))),
    /**
     * Kafka. It relies on replicas and leaves flushes to the kernel, and Testcontainers' modules set the same; turned
     * on, it flushes each message before it acknowledges it.
     */
    KAFKA(
            Set.of("KafkaContainer", "ConfluentKafkaContainer"),
            Set.of("kafka", "kafka-native", "cp-kafka"),
            "/var/lib/kafka/data",
            "KAFKA_LOG_DIRS",
            "Kafka Server started|\\[KafkaServer id=\\d+\\] started",
            List.of(new Variable("KAFKA_LOG_FLUSH_INTERVAL_MESSAGES", "1"))),
    /**
     * Redis. By default it writes a dump now and then; turned on, it flushes its append-only file before it answers a
     * write.
     */
    REDIS(
            Set.of("RedisContainer", "RedisStackContainer"),
            Set.of("redis", "redis-stack", "redis-stack-server"),
            "/data",
            "",
            "Ready to accept connections",
            List.of(
                    new Program(Set.of("redis-server")),
                    Argument.set(SPACED, "appendonly", Set.of("yes"), false, "yes"),
                    Argument.set(SPACED, "appendfsync", Set.of("always"), false, "always"),
                    Argument.removed(SPACED, "no-appendfsync-on-rewrite", Set.of("no"))));

    private final Set<String> classes;
    private final Set<String> images;
    private final String directory;
    private final String variable;
    private final Pattern ready;
    private final List<Setting> settings;

    /**
     * @param classes the simple names of its container classes, which are in other packages in other versions
     * @param images the names of its images, without registry, repository and tag
     * @param directory where it keeps its data
     * @param variable the environment variable that says so; empty if there is none
     * @param ready what a line of its log has when it is ready
     */
    Database(
            Set<String> classes,
            Set<String> images,
            String directory,
            String variable,
            String ready,
            List<Setting> settings) {
        this.classes = classes;
        this.images = images;
        this.directory = directory;
        this.variable = variable;
        this.ready = Pattern.compile(ready);
        this.settings = settings;
    }

    private static List<Setting> innodb(String... programs) {
        return List.of(
                new Program(Set.of(programs)),
                Argument.set(ASSIGNED, "innodb-flush-log-at-trx-commit", Set.of("1"), true, "1"),
                Argument.set(ASSIGNED, "sync-binlog", Set.of("1"), true, "1"),
                Argument.removed(ASSIGNED, "skip-innodb-doublewrite", Set.of()),
                Argument.set(ASSIGNED, "innodb-doublewrite", TRUE, true, "ON"),
                Argument.removed(
                        ASSIGNED, "innodb-flush-method", Set.of("fsync", "o_dsync", "o_direct", "o_direct_no_fsync")));
    }

    /** Returns the database of a container: by its class, or else by the name of its image. */
    static Optional<Database> of(Class<?> container, String image) {
        for (Class<?> type = container; type != GenericContainer.class && type != null; type = type.getSuperclass()) {
            String name = type.getSimpleName();
            Optional<Database> known = Stream.of(values())
                    .filter(one -> one.classes.contains(name))
                    .findFirst();
            if (known.isPresent()) {
                return known;
            }
        }
        String name = DockerImageName.parse(image).getUnversionedPart().replaceAll(".*/", "");
        return Stream.of(values()).filter(one -> one.images.contains(name)).findFirst();
    }

    /** Returns where the database keeps its data in a container with this environment. */
    String directory(Launch launch) {
        return launch.environment().getOrDefault(variable, directory);
    }

    /** Returns the launch of a database that keeps its data in this directory of the container, or below it. */
    Launch keepingDataIn(String path, Launch launch) {
        boolean does = launch.environment().containsKey(variable) && (directory(launch) + "/").startsWith(path + "/");
        return variable.isEmpty() || does ? launch : launch.withVariable(variable, path);
    }

    /** Returns what a line of its log has when it is ready, as a regular expression. */
    String readyLine() {
        return ready.pattern();
    }

    /** Returns whether this line of its log says that it is ready. */
    boolean isReady(String line) {
        return ready.matcher(line).find();
    }

    /** Returns the settings that are unsafe, as they are. */
    List<String> unsafe(Launch launch) {
        return settings.stream()
                .map(setting -> setting.unsafe(launch))
                .flatMap(Optional::stream)
                .toList();
    }

    /**
     * Returns the launch with all settings turned on.
     *
     * @throws IllegalStateException if a setting cannot be turned on; the message says why
     */
    Launch turnOn(Launch launch) {
        Launch changed = launch;
        for (Setting setting : settings) {
            changed = setting.turnOn(changed);
        }
        return changed;
    }
}
