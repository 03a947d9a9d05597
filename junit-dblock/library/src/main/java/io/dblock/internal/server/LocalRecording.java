// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.internal.store.RecordedRequests;
import io.dblock.internal.store.Recording;
import java.io.IOException;

/** A recording of a device that this JVM serves. */
final class LocalRecording implements ServedRecording {
    private final Recording recording;

    LocalRecording(Recording recording) {
        this.recording = recording;
    }

    Recording recording() {
        return recording;
    }

    @Override
    public int count() {
        return recording.count();
    }

    @Override
    public RecordedRequests end() {
        try {
            return recording.end();
        } catch (IOException e) {
            throw new DblockException("A recording cannot be read: " + e, e);
        }
    }

    @Override
    public void close() {
        try {
            recording.close();
        } catch (IOException e) {
            throw new DblockException("A recording cannot be closed: " + e, e);
        }
    }
}
