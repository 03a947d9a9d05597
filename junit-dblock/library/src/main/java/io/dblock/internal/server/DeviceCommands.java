// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DeviceStatistics;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.ControlException;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.util.List;

/** What is asked of the server of a device, perhaps from another process: arguments and results are data. */
public interface DeviceCommands {

    /** Makes the disk appear. */
    void start();

    /**
     * Changes its size.
     *
     * @param bytes a multiple of the logical block
     * @throws IllegalArgumentException if it cannot have this size
     * @throws IllegalStateException if the handler is a user's, the image read-only, or the power off
     */
    void resize(long bytes);

    /**
     * Protects it from writes, or no longer.
     *
     * @throws IllegalStateException if what answers for it cannot write
     */
    void setReadOnly(boolean readOnly);

    /** What the server has seen so far. */
    DeviceStatistics statistics();

    /** What its rules and power cuts have shown so far. */
    Evidence evidence();

    /**
     * Cuts its power, and that of the devices which share it.
     *
     * @throws IllegalStateException if it is off already, or the handler is a user's
     * @throws IllegalArgumentException if the survivors name a write that is not in the cache; nothing is cut then
     */
    CutReport powerCut(Survivors survivors);

    /** Restores its power, and no other device's. */
    void restorePower();

    /** Whether its power is on. */
    boolean powered();

    /** What a cut would lose. */
    List<UnflushedWrite> unflushed();

    /** What the handler has thrown so far, at most the first hundred. */
    List<Throwable> failures();

    /**
     * Removes the disk; no error if it is gone already.
     *
     * @throws ControlException EBUSY if it is open and {@code force} is false
     */
    void destroy(boolean force);
}
