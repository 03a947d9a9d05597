// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.testcontainers.containers.GenericContainer;

/** Tests of what is known of each database, and of what Testcontainers' modules start it with. */
class DatabaseTest {

    private static Launch command(String... arguments) {
        return new Launch(List.of(arguments), Map.of());
    }

    private static Launch variable(String name, String value) {
        return new Launch(List.of(), Map.of(name, value));
    }

    // ---- what Testcontainers' modules do ----

    @ParameterizedTest
    @CsvSource({
        "PostgreSQLContainer, postgres:17, POSTGRESQL, fsync=off",
        "MySQLContainer, mysql:8.4, MYSQL, ",
        "MariaDBContainer, mariadb:11, MARIADB, ",
        "MongoDBContainer, mongo:8, MONGODB, ",
        "CassandraContainer, cassandra:5, CASSANDRA, cassandra.settings.commitlog_sync (not set)",
        "ConfluentKafkaContainer, confluentinc/cp-kafka:7.9.0, KAFKA,"
                + " KAFKA_LOG_FLUSH_INTERVAL_MESSAGES=9223372036854775807"
    })
    void whatAModuleStartsItsDatabaseWithIsKnown(String type, String image, Database database, String unsafe) {
        for (GenericContainer<?> container : Modules.containers(type, image)) {
            Launch launch = Modules.launch(container);
            assertThat(Database.of(container.getClass(), image)).contains(database);
            assertThat(database.unsafe(launch)).isEqualTo(unsafe == null ? List.of() : List.of(unsafe));
            assertThat(database.unsafe(database.turnOn(launch))).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"confluentinc/cp-kafka:7.9.0", "apache/kafka:4.0.0", "apache/kafka-native:4.0.0"})
    void everyContainerClassOfKafkaLeavesFlushesToTheKernel(String image) {
        for (GenericContainer<?> container : Modules.containers("KafkaContainer", image)) {
            assertThat(Database.KAFKA.unsafe(Modules.launch(container)))
                    .containsExactly("KAFKA_LOG_FLUSH_INTERVAL_MESSAGES=9223372036854775807");
        }
    }

    // ---- which database it is ----

    @ParameterizedTest
    @CsvSource({
        "postgres:17, POSTGRESQL",
        "registry.example:5000/team/postgres:17-alpine, POSTGRESQL",
        "postgis/postgis:16-3.4, POSTGRESQL",
        "mysql, MYSQL",
        "mariadb:11.4, MARIADB",
        "mongodb/mongodb-community-server:7.0-ubi8, MONGODB",
        "apache/kafka-native:4.0.0, KAFKA",
        "redis:7, REDIS"
    })
    void aDatabaseIsKnownByItsImage(String image, Database database) {
        assertThat(Database.of(GenericContainer.class, image)).contains(database);
    }

    private static class PostgreSQLContainer extends GenericContainer<PostgreSQLContainer> {
        PostgreSQLContainer() {
            super("company/ledger-db:3");
        }
    }

    @Test
    void aDatabaseIsKnownByTheClassOfItsContainer() {
        assertThat(Database.of(PostgreSQLContainer.class, "company/ledger-db:3"))
                .contains(Database.POSTGRESQL);
        assertThat(Database.of(new PostgreSQLContainer() {}.getClass(), "company/ledger-db:3"))
                .as("a subclass")
                .contains(Database.POSTGRESQL);
    }

    @Test
    void anotherIsNotKnown() {
        assertThat(Database.of(GenericContainer.class, "company/ledger-db:3")).isEmpty();
        assertThat(Database.of(GenericContainer.class, "company/postgres-exporter:3"))
                .isEmpty();
    }

    // ---- where it keeps its data ----

    @Test
    void theDataAreWhereTheEnvironmentSays() {
        assertThat(Database.POSTGRESQL.directory(command())).isEqualTo("/var/lib/postgresql/data");
        assertThat(Database.POSTGRESQL.directory(variable("PGDATA", "/var/lib/postgresql/18/docker")))
                .isEqualTo("/var/lib/postgresql/18/docker");
        assertThat(Database.MYSQL.directory(command())).isEqualTo("/var/lib/mysql");
    }

    @Test
    void aDatabaseIsToldWhereToKeepItsData() {
        Launch told = Database.POSTGRESQL.keepingDataIn("/ledger", variable("PGDATA", "/var/lib/postgresql/data"));
        assertThat(told.environment()).containsEntry("PGDATA", "/ledger");
        assertThat(Database.KAFKA
                        .keepingDataIn("/var/lib/kafka/data", command())
                        .environment())
                .as("the image of Kafka has them in /tmp")
                .containsEntry("KAFKA_LOG_DIRS", "/var/lib/kafka/data");
    }

    @Test
    void aDatabaseThatKeepsItsDataBelowIsLeftAlone() {
        Launch launch = variable("PGDATA", "/var/lib/postgresql/18/docker");
        assertThat(Database.POSTGRESQL.keepingDataIn("/var/lib/postgresql", launch))
                .isEqualTo(launch);
        assertThat(Database.MYSQL.keepingDataIn("/elsewhere", command())).isEqualTo(command());
    }

    // ---- settings ----

    @ParameterizedTest
    @CsvSource({
        "POSTGRESQL, postgres -c fsync=off, fsync=off",
        "POSTGRESQL, postgres --fsync=off, fsync=off",
        "POSTGRESQL, -F, fsync=off",
        "POSTGRESQL, postgres -cfull_page_writes=0, full_page_writes=0",
        "POSTGRESQL, postgres -c synchronous_commit=off, synchronous_commit=off",
        "POSTGRESQL, postgres --synchronous-commit=off, synchronous_commit=off",
        "POSTGRESQL, postgres -c data_sync_retry=on, data_sync_retry=on",
        "POSTGRESQL, postgres -c fsync=on -c fsync=off, fsync=off",
        "POSTGRESQL, postgres -c fsync=off -c fsync=on, ",
        "POSTGRESQL, postgres -c max_connections=10, ",
        "POSTGRESQL, postgres -c synchronous_commit=remote_apply, ",
        "MYSQL, mysqld --innodb_flush_log_at_trx_commit=2, innodb-flush-log-at-trx-commit=2",
        "MYSQL, --innodb-flush-log-at-trx-commit 0, innodb-flush-log-at-trx-commit=0",
        "MYSQL, mysqld --skip-innodb-doublewrite, skip-innodb-doublewrite",
        "MYSQL, mysqld --innodb-doublewrite=OFF, innodb-doublewrite=OFF",
        "MYSQL, mysqld --sync-binlog=0, sync-binlog=0",
        "MYSQL, mysqld --innodb-flush-method=nosync, innodb-flush-method=nosync",
        "MYSQL, mysqld --innodb-flush-method=O_DIRECT, ",
        "MARIADB, mariadbd --innodb-flush-log-at-trx-commit=0, innodb-flush-log-at-trx-commit=0",
        "MONGODB, mongod --nojournal --replSet rs, nojournal",
        "MONGODB, --replSet docker-rs, ",
        "MONGODB, --storageEngine inMemory, storageEngine=inMemory",
        "REDIS, redis-server --appendonly yes --appendfsync everysec, appendfsync=everysec",
        "REDIS, redis-server --appendonly yes --appendfsync always, "
    })
    void unsafeSettingsAreFound(Database database, String command, String unsafe) {
        assertThat(database.unsafe(command(command.split(" "))))
                .isEqualTo(unsafe == null ? List.of() : List.of(unsafe));
    }

    @Test
    void redisIsUnsafeUnlessItIsTold() {
        assertThat(Database.REDIS.unsafe(command("redis-server")))
                .containsExactly("appendonly (not set)", "appendfsync (not set)");
    }

    @ParameterizedTest
    @CsvSource({
        "POSTGRESQL, postgres -c fsync=off," + " postgres -c fsync=on -c full_page_writes=on -c synchronous_commit=on",
        "POSTGRESQL, postgres -c max_connections=10 -F -c data_sync_retry=on,"
                + " postgres -c max_connections=10 -c fsync=on -c full_page_writes=on -c synchronous_commit=on",
        "POSTGRESQL, postgres -c synchronous_commit=remote_apply,"
                + " postgres -c synchronous_commit=remote_apply -c fsync=on -c full_page_writes=on",
        "MYSQL, mysqld --character-set-server=utf8mb4,"
                + " mysqld --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=1 --sync-binlog=1"
                + " --innodb-doublewrite=ON",
        "MYSQL, mysqld --skip-innodb-doublewrite --innodb-flush-method=nosync --innodb-flush-log-at-trx-commit=2,"
                + " mysqld --innodb-flush-log-at-trx-commit=1 --sync-binlog=1 --innodb-doublewrite=ON",
        "MONGODB, mongod --nojournal --replSet rs, mongod --replSet rs",
        "REDIS, redis-server /data/redis.conf --no-appendfsync-on-rewrite yes,"
                + " redis-server /data/redis.conf --appendonly yes --appendfsync always"
    })
    void settingsAreTurnedOnByTheCommand(Database database, String command, String changed) {
        assertThat(database.turnOn(command(command.split(" "))).command()).containsExactly(changed.split(" "));
    }

    @Test
    void settingsAreTurnedOnByTheEnvironment() {
        assertThat(Database.KAFKA
                        .turnOn(variable("KAFKA_LOG_FLUSH_INTERVAL_MESSAGES", "1000"))
                        .environment())
                .containsEntry("KAFKA_LOG_FLUSH_INTERVAL_MESSAGES", "1");
        assertThat(Database.CASSANDRA.turnOn(variable("JVM_OPTS", "-Da=b")).environment())
                .containsEntry(
                        "JVM_OPTS",
                        "-Da=b -Dcassandra.config.allow_system_properties=true"
                                + " -Dcassandra.settings.commitlog_sync=batch"
                                + " -Dcassandra.settings.commitlog_sync_period=0ms");
        Launch group = variable("JVM_OPTS", "-Dcassandra.settings.commitlog_sync=group");
        assertThat(Database.CASSANDRA.turnOn(group)).isEqualTo(group);
    }

    @ParameterizedTest
    @EnumSource(Database.class)
    void whatIsTurnedOnIsSafeAndStaysAsItIs(Database database) {
        Launch once = database.turnOn(command());
        assertThat(database.unsafe(once)).isEmpty();
        assertThat(database.turnOn(once)).isEqualTo(once);
    }

    @Test
    void whatCannotBeTurnedOnIsRefused() {
        assertThatThrownBy(() -> Database.MONGODB.turnOn(command("mongod", "--storageEngine", "inMemory")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("storageEngine=inMemory keeps nothing on a disk. Use wiredTiger.");
        assertThatThrownBy(() -> Database.POSTGRESQL.turnOn(command("bash", "-c", "exec postgres")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the command [bash, -c, exec postgres], whose settings are not known")
                .hasMessageContaining("[postgres]");
        assertThatThrownBy(() -> Database.MONGODB.turnOn(command("-c", "while true; do sleep 1; done")))
                .as("what withSharding() gives to a shell")
                .hasMessageContaining("whose settings are not known");
    }

    @Test
    void aPathOfTheProgramIsNoMatter() {
        assertThat(command("/usr/lib/postgresql/15/bin/postgres").program()).isEqualTo(Optional.of("postgres"));
        assertThat(Database.POSTGRESQL.unsafe(command("/usr/lib/postgresql/15/bin/postgres", "-c", "fsync=on")))
                .isEmpty();
    }

    // ---- when it is ready ----

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "POSTGRESQL | 2024-05-01 10:00:00.000 UTC [1] LOG:  database system is ready to accept connections",
                "MYSQL | Version: '8.4.0'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server",
                "MARIADB | Version: '11.4.2-MariaDB'  socket: '/run/mysqld/mysqld.sock'  port: 3306  mariadb.org",
                "MONGODB | {\"c\":\"NETWORK\",\"msg\":\"Waiting for connections\",\"attr\":{\"port\":27017}}",
                "CASSANDRA | INFO  [main] Starting listening for CQL clients on /0.0.0.0:9042 (unencrypted)...",
                "KAFKA | [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)",
                "KAFKA | [KafkaServer id=1] started (kafka.server.KafkaServer)",
                "REDIS | 1:M 01 May 2024 10:00:00.000 * Ready to accept connections tcp"
            })
    void aLineOfTheLogSaysThatItIsReady(Database database, String line) {
        assertThat(database.isReady(line)).isTrue();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "POSTGRESQL | LOG:  database system was interrupted; last known up at 2024-05-01 10:00:00 UTC",
                "MYSQL | Version: '8.4.0'  socket: '/var/run/mysqld/mysqld.sock'  port: 0  MySQL Community Server",
                "MARIADB | Version: '11.4.2-MariaDB'  socket: '/run/mysqld/mysqld.sock'  port: 0  mariadb.org"
            })
    void aServerThatOnlyTheImageUsesIsNotReady(Database database, String line) {
        assertThat(database.isReady(line)).isFalse();
    }
}
