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

/** What the test's JVM asks of the server process. What there is of a device goes by reference, see {@link References}. */
interface ServerCommands {

    /**
     * A device that was made.
     *
     * @param number what {@link #close} and the like know it by
     */
    record Made(long number, DeviceInfo info, DeviceCommands device, Faults faults, Recorder recorder) {}

    /**
     * What is left of a device when it is closed.
     *
     * @param entries of the journal, left as bytes: there may be many, and seldom does anybody look
     * @param last what else it still says
     */
    record Remains(Supplier<List<JournalEntry>> entries, LastWords last) {}

    /** Its pid; the first call. */
    long hello();

    Made create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    Made fork(ServedSnapshot snapshot, DeviceParameters parameters, FilterSpec filters);

    Remains close(long device);

    // ---- power ----

    void joinPower(List<Long> devices);

    /** Of those devices that are closed the reports are empty. */
    List<Optional<CutReport>> cutPower(List<Long> devices, Survivors survivors);

    // ---- snapshots ----

    ServedSnapshot snapshot(long device);

    ServedSnapshot snapshotAfterCut(long device, Survivors survivors);

    void saveSnapshot(ServedSnapshot snapshot, String file) throws IOException;

    void closeSnapshot(ServedSnapshot snapshot);

    // ---- journal ----

    /** Of a device that was closed not long ago, too. */
    Optional<byte[]> content(long device, long sequence);

    void subscribe(long device, long subscription);

    /** When this returns, no further entries are sent. */
    void unsubscribe(long device, long subscription);

    // ---- the process ----

    /** What its threads are doing, one text for each. */
    List<String> stacks();

    /**
     * Watches a device that the test's JVM answers itself, until it is gone.
     *
     * @param id the module's number of it
     * @param description who answers it, a line each
     */
    void watch(int id, List<String> description);
}
