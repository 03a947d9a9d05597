// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.bench;

import java.util.Arrays;
import java.util.Locale;

/** What fio does to a device: a column of the table. */
enum Column {
    READ_4K("read 4k qd1", "randread", 4, 1, 1),
    WRITE_4K("write 4k qd1", "randwrite", 4, 1, 1),
    READ_4K_QD32("read 4k qd32", "randread", 4, 32, 1),
    WRITE_4K_QD32("write 4k qd32", "randwrite", 4, 32, 1),
    READ_4K_QD32_JOBS("read 4k qd32 x 2", "randread", 4, 32, 2),
    WRITE_4K_QD32_JOBS("write 4k qd32 x 2", "randwrite", 4, 32, 2),
    READ_256K("seq read 256k qd4", "read", 256, 4, 1),
    WRITE_256K("seq write 256k qd4", "write", 256, 4, 1);

    private final String title;
    private final String pattern;
    private final int blockKib;
    private final int depth;
    private final int jobs;

    Column(String title, String pattern, int blockKib, int depth, int jobs) {
        this.title = title;
        this.pattern = pattern;
        this.blockKib = blockKib;
        this.depth = depth;
        this.jobs = jobs;
    }

    /** For the table; "x 2" are two jobs. */
    String title() {
        return title;
    }

    /** As {@code --rw} of fio has it. */
    String pattern() {
        return pattern;
    }

    int blockKib() {
        return blockKib;
    }

    /** Requests under way per job. */
    int depth() {
        return depth;
    }

    int jobs() {
        return jobs;
    }

    /** As it is named in files and on the command line. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Column ofKey(String key) {
        return Arrays.stream(values())
                .filter(column -> column.key().equals(key))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("No column '" + key + "'. There are: "
                        + Arrays.stream(values()).map(Column::key).toList()));
    }
}
