// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.fault.Faults;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.Survivors;
import java.util.List;

/** A device and who serves it, which may be another process. */
public interface ServedDevice extends DeviceCommands, AutoCloseable {

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

    /** Its fault rules. */
    Faults faults();

    /** Who writes its journal. */
    Recorder recorder();

    /** What it was asked. */
    Journal journal();

    /**
     * Its content now.
     *
     * @throws IllegalStateException if the handler is a user's
     */
    ServedSnapshot snapshot();

    /** The content that a cut would leave. */
    ServedSnapshot snapshot(Survivors survivors);

    /**
     * Destroys the device by force if that is still to be done, waits for the server's threads, and closes the handler.
     * Idempotent.
     *
     * @throws io.dblock.DblockException if a thread does not end, because the handler does not return
     */
    @Override
    void close();
}
