// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.fs;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.junit.DblockDevice;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** fio writes, and reads back what it wrote, checking every block's sum. */
class FioVerifyIT {

    @Test
    void randomWritesToAMountedDeviceVerify(
            @DblockDevice(size = "128MiB", filesystem = Filesystem.EXT4) BlockDevice disk) {
        Path file = disk.mount().resolve("fio");
        verify(file, "--size=24m", "--direct=0", "--fsync=64", "--ioengine=psync");
    }

    @Test
    void randomDirectWritesToTheNodeVerifyAtDepth(@DblockDevice(size = "32MiB") BlockDevice disk) {
        verify(disk.path(), "--size=24m", "--direct=1", "--ioengine=libaio", "--iodepth=32");
    }

    @Test
    void mixedBlockSizesOnSeveralQueuesVerify(
            @DblockDevice(size = "32MiB", queues = 2, logicalBlockSize = 4096) BlockDevice disk) {
        verify(disk.path(), "--size=24m", "--direct=1", "--ioengine=libaio", "--iodepth=16", "--bsrange=4k-128k");
    }

    private static void verify(Path file, String... options) {
        Object[] command = new Object[options.length + 9];
        int i = 0;
        command[i++] = "fio";
        command[i++] = "--name=verify";
        command[i++] = "--filename=" + file;
        command[i++] = "--rw=randwrite";
        command[i++] = "--bs=4k";
        command[i++] = "--randseed=20261122";
        command[i++] = "--verify=crc32c";
        command[i++] = "--verify_fatal=1";
        command[i++] = "--group_reporting";
        System.arraycopy(options, 0, command, i, options.length);
        assertThat(Commands.run(command)).contains("err= 0");
    }
}
