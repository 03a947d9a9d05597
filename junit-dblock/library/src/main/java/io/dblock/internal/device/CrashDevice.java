// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.internal.server.Reads;
import io.dblock.internal.server.ServedRecording;
import io.dblock.journal.Capture;
import io.dblock.journal.JournalEntry;
import java.nio.file.Path;
import java.util.List;

/**
 * What a crash test does with a device beyond the API: it records one, and shows the states on another, one after the other,
 * mounted and unmounted as fast as can be. One thread at a time uses the latter.
 */
public final class CrashDevice implements AutoCloseable {
    private final LiveDevice device;

    private CrashDevice(LiveDevice device) {
        this.device = device;
    }

    /**
     * Returns this device.
     *
     * @throws IllegalArgumentException if this library has not made it
     */
    public static CrashDevice of(BlockDevice device) {
        if (device instanceof LiveDevice live) {
            return new CrashDevice(live);
        }
        throw new IllegalArgumentException("A crash test needs a device of this library, not a "
                + device.getClass().getName() + ".");
    }

    /** Returns the device as a test knows it. */
    public BlockDevice device() {
        return device;
    }

    /** Writes what the filesystem has cached, makes all content durable, and records what happens from now on. */
    public ServedRecording record() {
        device.mountPoint().ifPresent(point -> ThisHost.INSTANCE.syncFilesystem(point));
        return device.served().record();
    }

    /** Makes another device, on which states of this one can be shown. */
    public CrashDevice another() {
        CrashDevice other = of(device.fork());
        other.device.journal().capture(Capture.METADATA);
        return other;
    }

    /** Makes the content that of a recording; the device is not mounted. See {@link ServedRecording}. */
    public void show(ServedRecording recording, byte[] changes) {
        device.show(recording, changes);
    }

    /**
     * Unmounts the device, whatever is dirty.
     *
     * @return who has open what of it, so that it is still mounted; empty if it is not
     */
    public List<String> unmount() {
        return device.unmountUnseen();
    }

    /** Returns where the device is mounted now, after mounting it if need be. */
    public Path mount() {
        return device.mountUnasked();
    }

    /** Returns what has been read since this entry of the journal. */
    public Reads reads(long after) {
        return device.reads(after);
    }

    /** Returns the journal's entries whose number is greater than this. */
    public List<JournalEntry> entriesAfter(long sequence) {
        return device.entriesAfter(sequence);
    }

    @Override
    public void close() {
        device.close();
    }
}
