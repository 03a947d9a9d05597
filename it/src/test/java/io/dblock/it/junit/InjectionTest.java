// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.junit;

import static io.dblock.Filesystem.EXT4;
import static io.dblock.Filesystem.XFS;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import io.dblock.junit.DblockExtension;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Every way of asking for a device gives a real one. */
class InjectionTest {
    private static final Set<String> SEEN = new HashSet<>();
    private static String nameOfShared;

    @Retention(RetentionPolicy.RUNTIME)
    @DblockDevice(size = "32MiB", filesystem = EXT4)
    @interface Ext4Device {}

    @DblockDevice(size = "1MiB")
    static BlockDevice shared;

    @DblockDevice(size = "2MiB", logicalBlockSize = 4096)
    BlockDevice own;

    @RegisterExtension
    DblockExtension built = DblockExtension.builder().size("3MiB").build();

    private final long sizeOfConstructors;
    private BlockDevice ofBeforeEach;

    InjectionTest(@DblockDevice(size = "4MiB") BlockDevice ofConstructor) {
        sizeOfConstructors = ofConstructor.size();
    }

    @BeforeAll
    static void beforeAll(@DblockDevice(size = "5MiB") BlockDevice ofBeforeAll) throws Exception {
        nameOfShared = shared.name();
        assertThat(sectors(ofBeforeAll)).isEqualTo((5 << 20) / 512);
    }

    @BeforeEach
    void beforeEach(@DblockDevice(size = "6MiB") BlockDevice device) {
        ofBeforeEach = device;
    }

    private static long sectors(BlockDevice device) throws Exception {
        return Long.parseLong(
                Files.readString(Path.of("/sys/block", device.name(), "size")).strip());
    }

    @Test
    void fieldsAndParametersAreDisksOfTheirOwnInTheKernel(@DblockDevice(size = "7MiB") BlockDevice ofTest)
            throws Exception {
        assertThat(sectors(shared)).isEqualTo((1 << 20) / 512);
        assertThat(sectors(own)).isEqualTo((2 << 20) / 512);
        assertThat(sectors(built.device())).isEqualTo((3 << 20) / 512);
        assertThat(sizeOfConstructors).isEqualTo(4 << 20);
        assertThat(sectors(ofBeforeEach)).isEqualTo((6 << 20) / 512);
        assertThat(sectors(ofTest)).isEqualTo((7 << 20) / 512);
        assertThat(Files.readString(Path.of("/sys/block", own.name(), "queue/logical_block_size")))
                .isEqualTo("4096\n");
        List<BlockDevice> all = List.of(shared, own, built.device(), ofBeforeEach, ofTest);
        assertThat(all.stream().map(BlockDevice::path)).doesNotHaveDuplicates().allMatch(Files::exists);
    }

    @RepeatedTest(2)
    void aStaticFieldsDiskStaysAndAnInstanceFieldsIsFresh() throws Exception {
        assertThat(shared.name()).isEqualTo(nameOfShared);
        try (FileChannel channel = own.openChannel()) {
            ByteBuffer block = Fixture.block();
            channel.read(block, 0);
            assertThat(block.get(0)).as("a fresh disk is empty").isZero();
            block.put(0, (byte) 1).rewind();
            channel.write(block, 0);
        }
        try (FileChannel channel = shared.openChannel()) {
            ByteBuffer block = Fixture.block();
            channel.read(block, 0);
            SEEN.add("shared " + block.get(0));
            block.put(0, (byte) 1).rewind();
            channel.write(block, 0);
        }
        assertThat(SEEN.size()).isEqualTo(SEEN.contains("shared 1") ? 2 : 1);
    }

    @Test
    void aPathIsTheMountPointOfAFilesystem(@Ext4Device Path ext4, @DblockDevice(filesystem = XFS) Path xfs)
            throws Exception {
        assertThat(Files.getFileStore(ext4).type()).isEqualTo("ext4");
        assertThat(Files.getFileStore(xfs).type()).isEqualTo("xfs");
        Files.writeString(ext4.resolve("hello"), "world");
        assertThat(Files.readString(ext4.resolve("hello"))).isEqualTo("world");
        assertThat(xfs.resolve("hello")).doesNotExist();
    }

    @Test
    void aPathIsTheNodeWithoutAFilesystem(@DblockDevice(size = "1MiB") Path node) throws Exception {
        assertThat(node.getParent()).isEqualTo(Path.of("/dev"));
        assertThat(Files.readAllBytes(node)).hasSize(1 << 20).containsOnly(0);
    }

    @Test
    void aChannelReadsAndWritesTheNodeDirectly(@DblockDevice(size = "1MiB") FileChannel channel) throws Exception {
        ByteBuffer block = Fixture.block();
        block.put(0, (byte) 42);
        assertThat(channel.write(block, 4096)).isEqualTo(4096);
        ByteBuffer again = Fixture.block();
        assertThat(channel.read(again, 4096)).isEqualTo(4096);
        assertThat(again.get(0)).isEqualTo((byte) 42);
    }
}
