// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.XFS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.dblock.junit.DblockDevice;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class InjectedTypesTest {

    @Test
    void theDeclaredTypeDecidesWhatIsInjected(
            @DblockDevice(filesystem = XFS) Path mountPoint, // formatted and mounted
            @DblockDevice(size = "16MiB") Path node, // /dev/dblock1
            @DblockDevice(size = "16MiB") FileChannel direct) // the node, opened with O_DIRECT
            throws Exception {
        Files.createDirectory(mountPoint.resolve("data"));
        assertTrue(node.startsWith("/dev"));
        assertEquals(16 << 20, direct.size());
    }
}
