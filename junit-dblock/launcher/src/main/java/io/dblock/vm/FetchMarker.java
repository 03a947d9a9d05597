// SPDX-License-Identifier: Apache-2.0
package io.dblock.vm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;

/** A file whose time says when something was last fetched. */
final class FetchMarker {
    private static final Duration FRESH = Duration.ofHours(12);

    private final Path file;

    FetchMarker(Path file) {
        this.file = file;
    }

    /** Returns whether that was within the last twelve hours. */
    boolean isFresh() {
        try {
            return Files.exists(file)
                    && Files.getLastModifiedTime(file)
                            .toInstant()
                            .isAfter(Instant.now().minus(FRESH));
        } catch (IOException e) {
            throw new VmException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    /** Records that it was fetched now. */
    void renew() {
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(file, "");
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException e) {
            throw new VmException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }
}
