// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Faults;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.remote.References.LastWords;
import io.dblock.internal.server.DeviceCommands;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.server.StoreSpec;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** The calls of the test JVM to the server process. Most calls for a device go to objects sent by reference instead. */
interface ServerCommands {

    /**
     * A new device.
     *
     * @param number the number that {@link #close} and other calls know it by
     */
    record Made(long number, DeviceInfo info, DeviceCommands device, Faults faults, Recorder recorder) {}

    /**
     * What is left of a closed device.
     *
     * @param entries the journal's entries. A supplier, so that they stay bytes until they are read: there may be many, and
     *     few tests read them
     * @param last the last words of its objects
     */
    record Remains(Supplier<List<JournalEntry>> entries, LastWords last) {}

    /** Returns the pid of the server process. The first call, which shows that the process has started. */
    long hello();

    Made create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    Made fork(ServedSnapshot snapshot, DeviceParameters parameters, FilterSpec filters);

    /**
     * Removes the disk and closes the device. Fails with EBUSY if the disk is open; the device then stays as it is. Whoever
     * has got no answer may still call {@link #close}.
     */
    Remains destroyAndClose(long device);

    /** Closes the device, and removes its disk by force. */
    Remains close(long device);

    // ---- power ----

    void joinPower(List<Long> devices);

    /** Cuts the power of these devices. Returns one report for each, in order; empty for a closed device. */
    List<Optional<CutReport>> cutPower(List<Long> devices, Survivors survivors);

    // ---- snapshots ----

    ServedSnapshot snapshot(long device);

    ServedSnapshot snapshotAfterCut(long device, Survivors survivors);

    void saveSnapshot(ServedSnapshot snapshot, String file) throws IOException;

    void closeSnapshot(ServedSnapshot snapshot);

    // ---- journal ----

    /** Returns captured data, also of one of the devices that were closed last. */
    Optional<byte[]> content(long device, long sequence);

    void subscribe(long device, long subscription);

    /** Ends a subscription. Once this has returned, no further entries are sent. */
    void unsubscribe(long device, long subscription);

    // ---- the process ----

    /** Returns what the threads of the server process are doing, one text each. */
    List<String> stacks();

    /**
     * Watches a device that the test JVM serves itself, until it is gone.
     *
     * @param id the module's number of the device
     * @param description what answers its requests, one line each
     */
    void watch(int id, List<String> description);
}
