// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FetchMarkerTest {

    @TempDir
    Path directory;

    @Test
    void isFreshOnceRenewedUntilTwelveHoursHavePassed() throws IOException {
        Path file = directory.resolve("cache/fetched");
        FetchMarker stamp = new FetchMarker(file);
        assertThat(stamp.isFresh()).isFalse();

        stamp.renew();
        assertThat(stamp.isFresh()).isTrue();

        Files.setLastModifiedTime(file, FileTime.from(Instant.now().minus(Duration.ofHours(13))));
        assertThat(stamp.isFresh()).isFalse();

        stamp.renew();
        assertThat(stamp.isFresh()).isTrue();
    }
}
