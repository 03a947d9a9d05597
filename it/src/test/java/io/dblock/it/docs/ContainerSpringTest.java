// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.testcontainers.ContainerDisk;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.test.context.junit.jupiter.SpringJUnitConfig;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.postgresql.PostgreSQLContainer;

@Testcontainers
@SpringJUnitConfig
class ContainerSpringTest {

    @DblockDevice(size = "512MiB", filesystem = EXT4)
    static BlockDevice disk;

    static final ContainerDisk data = ContainerDisk.of(() -> disk);

    @Container
    static final PostgreSQLContainer postgres =
            data.mountIn(new PostgreSQLContainer(ContainerCutTest.IMAGE)).withStartupTimeout(Duration.ofMinutes(5));

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        registry.add("orders.url", postgres::getJdbcUrl); // the same after a power cut
        registry.add("orders.user", postgres::getUsername);
        registry.add("orders.password", postgres::getPassword);
    }

    @Autowired
    JdbcTemplate orders;

    @Test
    void anOrderSurvivesAPowerCut() {
        orders.execute("CREATE TABLE orders (id int)");
        orders.update("INSERT INTO orders VALUES (7)");

        data.powerCut();

        assertEquals(7, orders.queryForObject("SELECT id FROM orders", Integer.class));
    }

    @Configuration
    static class Application {
        @Bean
        DataSource dataSource(Environment environment) {
            return new DriverManagerDataSource(
                    environment.getRequiredProperty("orders.url"),
                    environment.getRequiredProperty("orders.user"),
                    environment.getRequiredProperty("orders.password"));
        }

        @Bean
        JdbcTemplate orders(DataSource dataSource) {
            return new JdbcTemplate(dataSource);
        }
    }
}
