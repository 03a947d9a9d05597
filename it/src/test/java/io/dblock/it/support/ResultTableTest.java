// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultTableTest {

    @Test
    void aRowTakesThePlaceOfTheOneBefore(@TempDir Path directory) {
        Path file = directory.resolve("table/Part.md");
        ResultTable table = new ResultTable(file, List.of("| name | states |", "|---|---|"));
        table.put("one", 1);
        table.put("one more", 2);
        table.put("one", 3);
        assertThat(file).hasContent("| name | states |\n|---|---|\n| one | 3 |\n| one more | 2 |");
    }
}
