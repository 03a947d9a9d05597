// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.assertj.DblockAssertions.assertThat;
import static io.dblock.handler.Errno.EIO;
import static io.dblock.handler.Operation.FLUSH;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class CommitTest {

    @DblockDevice(size = "64MiB", filesystem = EXT4)
    BlockDevice disk;

    @Test
    void aFault() {
        Path ledger = disk.mount().resolve("ledger");
        disk.faults().on(FLUSH).fail(EIO); // a rule that acts on no request fails the test at its end
        assertThrows(IOException.class, () -> commit(ledger));
    }

    @Test
    void aPowerCut() throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        commit(ledger);
        disk.powerCut(); // loses everything that no flush or FUA covered
        disk.restorePower(); // mounts again: the filesystem replays its journal
        assertEquals("paid", Files.readString(ledger));
    }

    @Test
    void theJournal() throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        disk.journal().mark("commit");
        commit(ledger);
        assertThat(disk).since("commit").wrote().thenFlushed().leavesNothingUnflushed();
    }

    private static void commit(Path ledger) throws IOException {
        try (FileChannel channel = FileChannel.open(ledger, CREATE, APPEND)) {
            channel.write(UTF_8.encode("paid"));
            channel.force(true);
        }
    }
}
