// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.Filesystem;
import io.dblock.it.support.Commands;
import io.dblock.it.support.RamDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The life of a disk with a filesystem, as a test has it, and the same mkfs and mount on the kernel's RAM disk. */
final class DiskLife implements AutoCloseable {
    /** The steps of {@link #ours}, and of {@link #brd}. */
    static final String CREATE = "create and mkfs.ext4";

    static final String MOUNT = "mount";
    static final String UNMOUNT = "unmount";
    static final String DESTROY = "destroy";
    static final String MKFS_ON_BRD = "mkfs.ext4 on brd";

    /** What is timed. */
    interface Step {
        void run() throws Exception;
    }

    /** Runs a step, and notes how long it takes if it wants to know. */
    interface Steps {
        void run(String name, Step step) throws Exception;
    }

    private final RamDisk ramDisk;
    private final Path mount;

    /** Loads brd. */
    DiskLife() throws IOException {
        mount = Files.createTempDirectory("brd");
        ramDisk = RamDisk.load(1, Peer.MIB << 10);
    }

    void ours(Steps steps) throws Exception {
        BlockDevice[] disk = new BlockDevice[1];
        steps.run(
                CREATE,
                () -> disk[0] = BlockDevice.builder()
                        .size(Peer.MIB + "MiB")
                        .filesystem(Filesystem.EXT4)
                        .create());
        steps.run(MOUNT, () -> assertThat(Files.exists(disk[0].mount())).isTrue());
        steps.run(UNMOUNT, disk[0]::unmount);
        steps.run(DESTROY, disk[0]::close);
    }

    /** With the options that the library gives them. */
    void brd(Steps steps) throws Exception {
        Path node = ramDisk.node(0);
        steps.run(
                MKFS_ON_BRD,
                () -> Commands.run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", node));
        Commands.run("mount", "-t", "ext4", "-o", "rw,noatime", node, mount);
        Commands.run("umount", mount);
    }

    @Override
    public void close() throws IOException {
        ramDisk.close();
        Files.delete(mount);
    }
}
