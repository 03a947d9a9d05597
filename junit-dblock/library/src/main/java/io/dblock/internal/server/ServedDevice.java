// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DeviceStatistics;
import io.dblock.fault.Faults;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.util.List;

/**
 * A device and who serves it, reached by a handful of commands whose arguments and results are data: the server may live
 * in another process.
 */
public interface ServedDevice extends AutoCloseable {

    /** Who serves it. */
    DeviceServer server();

    /** Who answers its requests: the JVM, and a description of what does so there, a line each. */
    Answering answering();

    /**
     * Who answers requests.
     *
     * @param jvm the process
     * @param outside whether this is not the JVM that asks
     * @param lines what answers in it
     */
    record Answering(Watchdog.Party jvm, boolean outside, List<String> lines) {}

    /** The device as it was made. */
    DeviceInfo created();

    /** What the module says of it now. */
    DeviceInfo info();

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

    /** Its fault rules. */
    Faults faults();

    /** What its rules and power cuts have shown so far. */
    Evidence evidence();

    /** Who writes its journal. */
    Recorder recorder();

    /** What it was asked. */
    Journal journal();

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

    /**
     * Its content now.
     *
     * @throws IllegalStateException if the handler is a user's
     */
    ServedSnapshot snapshot();

    /** The content that a cut would leave. */
    ServedSnapshot snapshot(Survivors survivors);

    /** What the handler has thrown so far, at most the first hundred. */
    List<Throwable> failures();

    /**
     * Removes the disk; no error if it is gone already.
     *
     * @throws ControlException EBUSY if it is open and {@code force} is false
     */
    void destroy(boolean force);

    /**
     * Destroys the device by force if that is still to be done, waits for the server's threads, and closes the handler.
     * Idempotent.
     *
     * @throws io.dblock.DblockException if a thread does not end, because the handler does not return
     */
    @Override
    void close();
}
