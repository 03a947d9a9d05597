// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PowerCutTest {

    @Test
    void whatWasSyncedSurvives(@DblockDevice(size = "64MiB", filesystem = EXT4) BlockDevice disk) throws Exception {
        Path ledger = disk.mount().resolve("ledger");
        try (FileChannel channel = FileChannel.open(ledger, CREATE, WRITE)) {
            channel.write(UTF_8.encode("paid"));
            channel.force(true);
            disk.powerCut(); // everything that no flush or FUA covered is lost; each request fails from now on
        }
        disk.restorePower(); // the same node, mounted again: the filesystem replays its journal

        assertEquals("paid", Files.readString(ledger));
    }
}
