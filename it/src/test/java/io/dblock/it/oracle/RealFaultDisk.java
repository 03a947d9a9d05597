// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.oracle;

import io.dblock.BlockDevice;
import io.dblock.Snapshot;
import io.dblock.fault.Faults;
import io.dblock.handler.Errno;
import io.dblock.it.support.KernelRelease;
import io.dblock.it.support.Poll;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import io.dblock.oracle.FaultOracleDisk;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;

/** A real device for the oracle of fault rules. */
final class RealFaultDisk implements FaultOracleDisk, AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final BlockDevice device;
    private final DeviceNode node;
    /** Of after the last operation; null until it is asked for. */
    private Snapshot content;

    RealFaultDisk(int size, int logicalBlockSize, long seed, int maxRequest) {
        device = BlockDevice.builder()
                .size(size)
                .logicalBlockSize(logicalBlockSize)
                .fua(true)
                .seed(seed)
                .journalEntries(1024)
                .create();
        node = new DeviceNode(device, maxRequest);
    }

    @Override
    public int size() {
        return Math.toIntExact(device.size());
    }

    @Override
    public int logicalBlockSize() {
        return device.logicalBlockSize();
    }

    @Override
    public Faults faults() {
        return device.faults();
    }

    @Override
    public Errno read(long offset, byte[] dst) {
        forget();
        return node.read(offset, dst);
    }

    @Override
    public Errno write(long offset, byte[] src, boolean fua) {
        forget();
        return fua ? node.writeFua(offset, src) : node.write(offset, src);
    }

    @Override
    public Errno flush() {
        forget();
        return node.flush();
    }

    @Override
    public Errno discard(long offset, long length) {
        forget();
        return node.discard(offset, length);
    }

    @Override
    public Errno writeZeroes(long offset, long length, boolean mayUnmap) {
        forget();
        return node.writeZeroes(offset, length, mayUnmap);
    }

    @Override
    public synchronized void peek(long offset, byte[] dst) {
        if (content == null) {
            content = device.snapshot();
        }
        content.read(offset, ByteBuffer.wrap(dst));
    }

    private synchronized void forget() {
        if (content != null) {
            content.close();
            content = null;
        }
    }

    @Override
    public void restorePower() {
        // A cut after a request comes after its answer.
        Poll.until("the power of " + device.name() + " to be cut", LIMIT, () -> !device.powered());
        device.restorePower();
    }

    @Override
    public boolean takesNoUnmap() {
        // Before 6.11 the kernel writes zeros itself when a write-zeroes has failed (block/blk-lib.c).
        return KernelRelease.isAtLeast(6, 11);
    }

    /** What the device was asked lately. */
    String lastRequests() {
        List<JournalEntry> entries = device.journal().entries();
        return Journal.timeline(entries.subList(Math.max(0, entries.size() - 12), entries.size()));
    }

    @Override
    public void close() {
        forget();
        node.close();
        device.close();
    }
}
