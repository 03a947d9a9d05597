// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DeviceStatistics;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.ControlException;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.util.List;

/** The commands to the server of a device. Arguments and results are data, so the server may be another process. */
public interface DeviceCommands {

    /** Starts the device: its disk appears. */
    void start();

    /**
     * Changes the size of the device.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if the device cannot have this size
     * @throws IllegalStateException if a user's handler answers, the device is zoned, the image is read-only, or the power is
     *     off
     */
    void resize(long bytes);

    /**
     * Makes the disk read-only, or writable.
     *
     * @throws IllegalStateException if it is to be writable, but its handler or store cannot write
     */
    void setReadOnly(boolean readOnly);

    /** Returns how many requests and bytes the server has counted so far. */
    DeviceStatistics statistics();

    /** Returns what the rules and power cuts of the device have shown so far. */
    Evidence evidence();

    /**
     * Cuts the power of the device, and of all devices on the same power supply.
     *
     * @throws IllegalStateException if the power is off already, the device is closed or zoned, or a user's handler answers
     * @throws IllegalArgumentException if the survivors name a write that is not in the cache, or are a list for several
     *     devices; the power then stays on
     */
    CutReport powerCut(Survivors survivors);

    /** Restores the power of this device only. */
    void restorePower();

    /** Returns whether the power is on. */
    boolean powered();

    /** Returns the writes that a power cut now would lose. */
    List<UnflushedWrite> unflushed();

    /**
     * Makes all content durable, and records what happens from now on.
     *
     * @throws IllegalStateException if the device cannot be recorded
     */
    ServedRecording record();

    /**
     * Makes the content what a recording had at some moment, all of it durable, with the power on. Nobody may use the
     * device meanwhile.
     *
     * @param recording of the device that this one was forked from
     * @param changes what is to be changed before, see {@link io.dblock.internal.store.Recording}: numbers of eight bytes
     */
    void show(ServedRecording recording, byte[] changes);

    /** Returns what has been read since this entry of the journal. */
    Reads reads(long after);

    /** Returns what has gone wrong so far, such as exceptions of the handler and late answers; the first hundred. */
    List<Throwable> failures();

    /**
     * Removes the disk. Does nothing if the disk is gone or another call is removing it.
     *
     * @throws ControlException EBUSY if the disk is open and {@code force} is false
     */
    void destroy(boolean force);
}
