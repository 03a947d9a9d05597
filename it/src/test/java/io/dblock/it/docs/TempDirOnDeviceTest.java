// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.junit.DblockTempDirFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TempDirOnDeviceTest {

    @TempDir(factory = DblockTempDirFactory.class)
    Path dir;

    @Test
    void aTempDirIsOnADevice() throws Exception {
        assertEquals("ext4", Files.getFileStore(dir).type());
    }
}
