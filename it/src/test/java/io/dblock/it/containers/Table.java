// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.containers;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.testcontainers.containers.JdbcDatabaseContainer;

/** A table of numbers in a database. */
final class Table {
    private final JdbcDatabaseContainer<?> database;
    private final List<Integer> acknowledged = new CopyOnWriteArrayList<>();

    Table(JdbcDatabaseContainer<?> database) {
        this.database = database;
    }

    void create() throws SQLException {
        execute("CREATE TABLE numbers (n int)");
    }

    void execute(String sql) throws SQLException {
        try (Connection connection = database.createConnection("");
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    void insert(int number) throws SQLException {
        execute("INSERT INTO numbers VALUES (" + number + ")");
        acknowledged.add(number);
    }

    /** Inserts numbers one after the other until the database is gone, and notes those that were acknowledged. */
    void insertUntilItIsGone() {
        try (Connection connection = database.createConnection("");
                Statement statement = connection.createStatement()) {
            for (int n = 0; ; n++) {
                statement.execute("INSERT INTO numbers VALUES (" + n + ")");
                acknowledged.add(n);
            }
        } catch (SQLException e) {
            // The database is gone.
        }
    }

    List<Integer> acknowledged() {
        return acknowledged;
    }

    List<Integer> rows() throws SQLException {
        List<Integer> rows = new ArrayList<>();
        try (Connection connection = database.createConnection("");
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("SELECT n FROM numbers ORDER BY n")) {
            while (result.next()) {
                rows.add(result.getInt(1));
            }
        }
        return rows;
    }
}
