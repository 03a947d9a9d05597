// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.DeviceSpec;
import io.dblock.Snapshot;
import io.dblock.internal.server.ServedSnapshot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;

/** A snapshot of a device, which the server of the device keeps. */
final class LiveSnapshot implements Snapshot {
    private static final int AT_ONCE = 1 << 20;

    private final DeviceSpec original;
    private final Optional<Object> image;
    private final ServedSnapshot served;
    /** The offspring of the original, which this snapshot is part of. */
    private final Offspring siblings;

    /** {@code image} is the image of the original, as in {@link LiveDevice}. */
    LiveSnapshot(DeviceSpec original, Optional<Object> image, ServedSnapshot served, Offspring siblings) {
        this.original = original;
        this.image = image;
        this.served = served;
        this.siblings = siblings;
        siblings.add(this);
    }

    @Override
    public long size() {
        return original.size();
    }

    @Override
    public void read(long offset, ByteBuffer dst) {
        long at = offset;
        // The server checks the range, so it is asked even if no bytes are to be read.
        do {
            int length = Math.min(AT_ONCE, dst.remaining());
            dst.put(served.read(at, length));
            at += length;
        } while (dst.hasRemaining());
    }

    @Override
    public BlockDevice fork() {
        return DeviceFactory.fork(original, image, served, siblings);
    }

    @Override
    public void save(Path file) throws IOException {
        served.save(file);
    }

    @Override
    public void close() {
        siblings.remove(this);
        served.close();
    }

    @Override
    public String toString() {
        return "snapshot of " + original.name() + " (" + ByteSize.format(size()) + ")";
    }
}
