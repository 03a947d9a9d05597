// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fault;

import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Pointer;
import io.dblock.BlockDevice;
import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.it.support.KernelRelease;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.it.support.SystemCalls.Outcome;
import io.dblock.junit.DblockDevice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Each errno that has a block status, from a rule through the kernel to the calls of an application. */
class ErrnoIT {

    private static final int BLOCK = 4096;
    private static final long AT = 1 << 20;
    private static final long SECTOR = AT / 512;

    private final Pointer memory = SystemCalls.memory(BLOCK);

    @Test
    void eachErrnoArrivesAsItself(@DblockDevice(size = "8MiB") BlockDevice disk) {
        List<String> table = new ArrayList<>();
        table.add(row("rule", "pread", "pwrite", "fsync", "buffered pread", "buffered pwrite, fsync"));
        for (Errno errno : Action.ERRORS) {
            Outcome read = direct(
                    disk, disk.faults().on(READ).sectors(SECTOR, SECTOR + 7).fail(errno), READ);
            Outcome write = direct(
                    disk, disk.faults().on(WRITE).sectors(SECTOR, SECTOR + 7).fail(errno), WRITE);
            Outcome sync = direct(disk, disk.faults().on(FLUSH).fail(errno), FLUSH);
            Outcome bufferedRead = buffered(
                    disk, disk.faults().on(READ).sectors(SECTOR, SECTOR + 7).fail(errno), false);
            Outcome bufferedWrite = buffered(
                    disk, disk.faults().on(WRITE).sectors(SECTOR, SECTOR + 7).fail(errno), true);
            table.add(row(errno, read, write, sync, bufferedRead, bufferedWrite));

            assertThat(read.toString()).as("pread, rule says %s", errno).isEqualTo(expected(errno));
            assertThat(write.toString()).as("pwrite, rule says %s", errno).isEqualTo(expected(errno));
            assertThat(sync.toString())
                    .as("fsync, rule says %s", errno)
                    .isEqualTo(errno == Errno.EOPNOTSUPP ? "ok" : expected(errno));
            // The page cache keeps that something failed, not always what.
            assertThat(bufferedRead.toString())
                    .as("buffered pread, rule says %s", errno)
                    .isIn("EIO", expected(errno));
            assertThat(bufferedWrite.toString())
                    .as("fsync of a page, rule says %s", errno)
                    .isIn("EIO", expected(errno));
        }
        System.out.println("errno of a rule, and what the application gets on " + KernelRelease.text() + ":");
        table.forEach(System.out::println);
        assertThat(table).hasSize(1 + 13);
        works(disk);
    }

    @Test
    void aRuleActsOnItsSectorsAlone(@DblockDevice(size = "8MiB") BlockDevice disk) {
        try (Fault bad = disk.faults()
                        .on(READ, WRITE)
                        .sectors(SECTOR + 3, SECTOR + 4)
                        .fail(Errno.ENODATA);
                SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            for (int sector = 0; sector < 8; sector++) {
                String wanted = sector == 3 || sector == 4 ? "ENODATA" : "ok 512";
                assertThat(node.read(memory, 512, AT + sector * 512L).toString())
                        .isEqualTo(wanted);
                assertThat(node.write(memory, 512, AT + sector * 512L).toString())
                        .isEqualTo(wanted);
            }
            assertThat(node.read(memory, BLOCK, AT).toString()).isEqualTo("ENODATA");
            assertThat(node.read(memory, 1536, AT).toString()).isEqualTo("ok 1536");
            assertThat(node.read(memory, 1536, AT + 2560).toString()).isEqualTo("ok 1536");
            assertThat(bad.hits()).isEqualTo(5);
        }
        works(disk);
    }

    private Outcome direct(BlockDevice disk, Fault rule, io.dblock.handler.Operation operation) {
        try (rule;
                SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            Outcome outcome =
                    switch (operation) {
                        case READ -> node.read(memory, BLOCK, AT);
                        case WRITE -> node.write(memory, BLOCK, AT);
                        default -> node.sync();
                    };
            assertThat(rule.hits()).as("hits of %s", rule).isEqualTo(1);
            return outcome;
        }
    }

    private Outcome buffered(BlockDevice disk, Fault rule, boolean write) {
        try (rule;
                SystemCalls node = new SystemCalls(disk.path(), Mode.BUFFERED)) {
            node.forget();
            Outcome outcome;
            if (write) {
                assertThat(node.write(memory, BLOCK, AT).toString()).isEqualTo("ok " + BLOCK);
                outcome = node.sync();
                assertThat(node.sync().toString())
                        .as("the error is told once, and the page is clean then")
                        .isEqualTo("ok");
            } else {
                outcome = node.read(memory, BLOCK, AT);
            }
            assertThat(rule.hits()).as("hits of %s", rule).isPositive();
            return outcome;
        }
    }

    private void works(BlockDevice disk) {
        try (SystemCalls node = new SystemCalls(disk.path(), Mode.DIRECT)) {
            assertThat(node.write(memory, BLOCK, AT).ok()).isTrue();
            assertThat(node.read(memory, BLOCK, AT).ok()).isTrue();
            assertThat(node.sync().ok()).isTrue();
        }
    }

    private static String expected(Errno errno) {
        // BLK_STS_DURATION_LIMIT, its block status, is of kernel 6.5.
        return errno == Errno.ETIME && !KernelRelease.isAtLeast(6, 5) ? "EIO" : errno.name();
    }

    private static String row(Object... cells) {
        return String.format("  %-11s %-11s %-11s %-11s %-15s %s", cells);
    }
}
