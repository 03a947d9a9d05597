// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.oracle;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.handler.Errno;
import io.dblock.oracle.PowerDisk;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.util.List;

/** A real device for the oracle of power cuts. */
final class RealPowerDisk implements PowerDisk {

    private static final int LONGEST_WRITE = 64 << 10;

    private final BlockDevice device;
    private final DeviceNode node;
    private long zeroes;

    RealPowerDisk(long size, int logicalBlockSize, long seed) {
        this(BlockDevice.builder()
                .size(size)
                .logicalBlockSize(logicalBlockSize)
                .fua(true)
                .seed(seed)
                .create());
    }

    private RealPowerDisk(BlockDevice device) {
        this.device = device;
        node = new DeviceNode(device, Math.toIntExact(device.size()));
    }

    @Override
    public long size() {
        return device.size();
    }

    @Override
    public int logicalBlock() {
        return device.logicalBlockSize();
    }

    @Override
    public int longestWrite() {
        return LONGEST_WRITE;
    }

    @Override
    public byte[] read(long offset, int length) throws IOException {
        byte[] data = new byte[length];
        check(node.read(offset, data));
        return data;
    }

    @Override
    public void write(long offset, byte[] data, boolean fua) throws IOException {
        check(fua ? node.writeFua(offset, data) : node.write(offset, data));
    }

    @Override
    public void flush() throws IOException {
        check(node.flush());
    }

    @Override
    public void discard(long offset, long length) throws IOException {
        check(node.discard(offset, length));
    }

    @Override
    public void writeZeroes(long offset, long length) throws IOException {
        check(node.writeZeroes(offset, length, zeroes++ % 2 == 0));
    }

    private static void check(Errno errno) throws IOException {
        if (errno != null) {
            throw new IOException(errno.name());
        }
    }

    /** A rule holds what has not been carried out yet. */
    @Override
    public boolean canHold() {
        return false;
    }

    @Override
    public Held writeHeld(long offset, byte[] data) {
        throw new UnsupportedOperationException("canHold() is false");
    }

    @Override
    public Held flushHeld() {
        throw new UnsupportedOperationException("canHold() is false");
    }

    /** A device keeps the limit it was made with, which is far away here. */
    @Override
    public void limit(long bytes) {}

    @Override
    public List<UnflushedWrite> unflushed() {
        return device.unflushed();
    }

    @Override
    public CutReport cut(Survivors survivors) {
        return device.powerCut(survivors);
    }

    @Override
    public void restore() {
        device.restorePower();
    }

    @Override
    public PowerImage snapshot() {
        return new Image(device.snapshot());
    }

    @Override
    public PowerImage snapshot(Survivors survivors) {
        return new Image(device.snapshot(survivors));
    }

    @Override
    public void close() {
        node.close();
        device.close();
    }

    private record Image(Snapshot snapshot) implements PowerImage {
        @Override
        public byte[] read(long offset, int length) {
            return snapshot.read(offset, length);
        }

        @Override
        public PowerDisk fork() {
            return new RealPowerDisk(snapshot.fork());
        }

        @Override
        public void close() {
            snapshot.close();
        }
    }
}
