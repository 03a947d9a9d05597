// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.fault.Faults;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.Survivors;
import java.util.List;

/** A device together with its server, which may be another process. */
public interface ServedDevice extends DeviceCommands, AutoCloseable {

    /** Returns the server of the device. */
    DeviceServer server();

    /** Returns which JVM answers the requests, and which handler or store in it. */
    Answering answering();

    /**
     * Which JVM answers the requests of a device, and which handler or store in it.
     *
     * @param jvm the JVM
     * @param outside whether that is another JVM than this one
     * @param lines the handler or store, described in readable lines
     */
    record Answering(Watchdog.Party jvm, boolean outside, List<String> lines) {}

    /** Returns the device as it was created. */
    DeviceInfo created();

    /** Returns what the module reports now. */
    DeviceInfo info();

    /** Returns the fault rules of the device. */
    Faults faults();

    /** Returns the recorder of the journal. */
    Recorder recorder();

    /** Returns the journal of the requests and events. */
    Journal journal();

    /**
     * Returns the current content.
     *
     * @throws IllegalStateException if a user's handler answers, or the device is zoned
     */
    ServedSnapshot snapshot();

    /** Returns the content that a power cut now would leave. */
    ServedSnapshot snapshot(Survivors survivors);

    /**
     * Removes the disk as {@link #destroy} without force does, for {@link #close()} to follow. A server in another process
     * closes the device in the same call: the rest of the device then answers as it does after the close.
     *
     * @throws io.dblock.internal.kernel.ControlException EBUSY if the disk is open
     */
    default void destroyToClose() {
        destroy(false);
    }

    /**
     * Destroys the device by force if it still exists, waits for the threads that serve it, and closes the handler or store.
     * Idempotent.
     *
     * @throws io.dblock.DblockException if a thread does not end because the handler does not return, or if a part cannot be
     *     closed
     */
    @Override
    void close();
}
