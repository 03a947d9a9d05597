// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.life;

import static io.dblock.Filesystem.EXT4;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import io.dblock.it.support.Poll;
import io.dblock.it.support.Signals;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A device whose server process is dead or stopped is taken away all the same, and before long. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LostServerIT {
    private static final Duration LONG = Duration.ofMinutes(2);

    private BlockDevice disk;
    private Path point;
    private ProcessHandle server;

    @BeforeEach
    void aDiskWithDirtyPages() throws Exception {
        disk = BlockDevice.builder()
                .size("32MiB")
                .filesystem(EXT4)
                .requestTimeout(Duration.ofHours(1))
                .create();
        point = disk.mount();
        server = ProcessHandle.current()
                .children()
                .filter(child -> child.info().commandLine().orElse("").contains("ServerMain"))
                .findFirst()
                .orElseThrow();
        Files.write(point.resolve("dirty"), new byte[1 << 20]);
    }

    @AfterEach
    void end() throws Exception {
        server.destroyForcibly();
        server.onExit().get(120, TimeUnit.SECONDS);
    }

    private void assertNothingIsLeft() throws Exception {
        assertThat(Files.readString(Path.of("/proc/self/mountinfo"))).doesNotContain(point.toString());
        assertThat(point).doesNotExist();
        Poll.until("the node to go", LONG, () -> !Files.exists(disk.path()));
        assertThat(Path.of("/sys/block", disk.name())).doesNotExist();
    }

    @Test
    void aDeadOne() throws Exception {
        assertThat(server.destroyForcibly()).isTrue();
        server.onExit().get(120, TimeUnit.SECONDS);

        assertThatThrownBy(disk::close).isInstanceOf(DblockException.class).hasMessageContaining("is gone");

        assertNothingIsLeft();
    }

    @Test
    void aStoppedOne() throws Exception {
        Signals.strike(server, "STOP");

        assertThatThrownBy(disk::close)
                .isInstanceOf(DblockException.class)
                .hasMessageContaining("has been removed by force when it was closed: umount " + point);

        assertNothingIsLeft();
    }

    @Test
    void aStoppedOneOfADiskThatIsUnplugged() throws Exception {
        Signals.strike(server, "STOP");
        disk.unplug();
        assertThatThrownBy(disk::close).isInstanceOf(DblockException.class);
        assertNothingIsLeft();
    }
}
