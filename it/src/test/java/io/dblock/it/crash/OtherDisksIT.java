// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.crash;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.dblock.BlockDevice;
import io.dblock.crash.CrashReport;
import io.dblock.crash.CrashState;
import io.dblock.crash.CrashTest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the same writer leaves on other disks. */
@Timeout(120)
class OtherDisksIT {
    private static final int PAGE = 4096;

    private BlockDevice disk;
    /** What is written, another for each run. */
    private byte value;

    @BeforeEach
    void createDisk() {
        disk = BlockDevice.builder().size("1MiB").create();
    }

    @AfterEach
    void closeDisk() {
        disk.close();
    }

    private void write(FileChannel channel, int page) throws IOException {
        ByteBuffer data = ByteBuffer.allocateDirect(2 * PAGE).alignedSlice(PAGE).limit(PAGE);
        data.put(0, value);
        channel.write(data, (long) page * PAGE);
    }

    private List<Boolean> written(CrashState state) throws IOException {
        try (InputStream in = Files.newInputStream(state.path())) {
            byte[] pages = in.readNBytes(2 * PAGE);
            return List.of(pages[0] == value, pages[PAGE] == value);
        }
    }

    /** Page 1 is written after page 0, without a flush. */
    private CrashTest relyingOnOrder() {
        value++;
        return CrashTest.of(disk)
                .workload(run -> {
                    try (FileChannel channel = disk.openChannel()) {
                        write(channel, 0);
                        write(channel, 1);
                    }
                })
                .check(state -> assertThat(written(state)).isNotEqualTo(List.of(false, true)));
    }

    private CrashTest relyingOnFlushes() {
        value++;
        return CrashTest.of(disk)
                .workload(run -> {
                    try (FileChannel channel = disk.openChannel()) {
                        write(channel, 0);
                        channel.force(false);
                        run.acknowledge(0);
                    }
                })
                .check(state -> {
                    if (!state.acknowledged().isEmpty()) {
                        assertThat(written(state).get(0)).isTrue();
                    }
                });
    }

    @Test
    void whatReliesOnOrderFailsUnlessTheDiskKeepsIt() {
        CrashReport report = relyingOnOrder().keepingOrder().verify();
        assertThat(report.possible()).isEqualTo(3);
        assertThat(report.checked() + report.pruned()).isEqualTo(3);
        assertThat(catchThrowable(() -> System.out.println(relyingOnOrder().verify())))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("1 of 2 unflushed writes lost");
    }

    @Test
    void whatReliesOnFlushesFailsIfTheDiskIgnoresThem() {
        relyingOnFlushes().verify();
        assertThat(catchThrowable(() ->
                        System.out.println(relyingOnFlushes().ignoringFlushes().verify())))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("1 acknowledged, 1 of 1 unflushed writes lost")
                .hasMessageContaining("no flush covers it until the end");
    }
}
