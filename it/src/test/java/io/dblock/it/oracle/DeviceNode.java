// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.oracle;

import com.sun.jna.Pointer;
import io.dblock.BlockDevice;
import io.dblock.fault.Fault;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.it.support.SystemCalls;
import io.dblock.it.support.SystemCalls.Mode;
import io.dblock.it.support.SystemCalls.Outcome;
import io.dblock.journal.RequestEntry;
import java.util.List;

/** The node of a device, past the page cache: each call makes one request, and tells its error, or null. */
final class DeviceNode implements AutoCloseable {

    private final BlockDevice device;
    private final SystemCalls node;
    private final SystemCalls durableNode;
    private final Pointer memory;

    /** Longest read or write in bytes. */
    DeviceNode(BlockDevice device, int longest) {
        this.device = device;
        memory = SystemCalls.memory(longest);
        node = new SystemCalls(device.path(), Mode.DIRECT);
        durableNode = new SystemCalls(device.path(), Mode.DIRECT_DSYNC);
    }

    Errno read(long offset, byte[] dst) {
        memory.clear(dst.length);
        Errno errno = error(node.read(memory, dst.length, offset), dst.length);
        memory.read(0, dst, 0, dst.length);
        return errno;
    }

    Errno write(long offset, byte[] src) {
        memory.write(0, src, 0, src.length);
        return error(node.write(memory, src.length, offset), src.length);
    }

    /** With FUA. The kernel has a flush follow, which must not be seen: a rule ahead of all others takes it. */
    Errno writeFua(long offset, byte[] src) {
        memory.write(0, src, 0, src.length);
        try (Fault unseen =
                device.faults().on(Operation.FLUSH).first().lenient().ignoreFlushes()) {
            Outcome outcome = durableNode.write(memory, src.length, offset);
            if (!outcome.ok() && unseen.hits() == 0) {
                List<RequestEntry> requests = device.journal().requests();
                RequestEntry last = requests.get(requests.size() - 1);
                if (last.is(Operation.FLUSH)) {
                    // That flush failed, since the power was cut after the write.
                    return requests.get(requests.size() - 2).result();
                }
            }
            return error(outcome, src.length);
        }
    }

    Errno flush() {
        return error(node.sync(), 0);
    }

    Errno discard(long offset, long length) {
        return error(node.discard(offset, length), 0);
    }

    Errno writeZeroes(long offset, long length, boolean mayUnmap) {
        return error(mayUnmap ? node.punchHole(offset, length) : node.zeroRange(offset, length), 0);
    }

    private static Errno error(Outcome outcome, int length) {
        if (!outcome.ok()) {
            return outcome.error().orElseThrow(() -> new AssertionError("An unknown error: " + outcome));
        }
        if (outcome.bytes() != length) {
            throw new AssertionError("Only " + outcome.bytes() + " of " + length + " bytes, and no error");
        }
        return null;
    }

    @Override
    public void close() {
        durableNode.close();
        node.close();
    }
}
