// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.times;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A kind of block device that this JVM makes itself. */
interface SteppedPeer extends Peer {
    /** Makes one of {@link #MIB} MiB, and returns the kernel's name for it. */
    String create() throws IOException;

    /** Destroys it. */
    void destroy() throws IOException;

    @Override
    default Lap lap() throws IOException {
        long start = System.nanoTime();
        String disk = create();
        long created = System.nanoTime() - start;
        Path sectors = Path.of("/sys/block", disk, "size");
        assertThat(Files.readString(sectors).strip()).as("sectors of %s", disk).isEqualTo(Integer.toString(MIB << 11));
        assertThat(Path.of("/dev", disk)).exists();
        start = System.nanoTime();
        destroy();
        long destroyed = System.nanoTime() - start;
        assertThat(Files.notExists(sectors) || Files.readString(sectors).strip().equals("0"))
                .as("%s is gone, or empty", disk)
                .isTrue();
        return new Lap(created, destroyed);
    }
}
