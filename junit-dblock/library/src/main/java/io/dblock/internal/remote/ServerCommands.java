// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DeviceStatistics;
import io.dblock.fault.Faults;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.remote.References.LastWords;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.StoreSpec;
import io.dblock.journal.Capture;
import io.dblock.journal.JournalEntry;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What the test's JVM asks of the server process. Devices, snapshots and subscriptions go by numbers, rules and held requests by
 * reference.
 */
interface ServerCommands {

    /** A device that was made. */
    record Made(long device, DeviceInfo info, Faults faults) {}

    /** A journal without its entries. */
    record JournalState(
            long last,
            Map<String, Long> marks,
            long dropped,
            long lastDropped,
            long droppedContents,
            long flushEpoch) {}

    /**
     * What is left of a device when it is closed.
     *
     * @param entries of the journal, left as bytes: there may be many, and seldom does anybody look
     * @param last what its rules say from now on
     */
    record Remains(
            JournalState journal,
            Supplier<List<JournalEntry>> entries,
            DeviceStatistics statistics,
            List<Failure> failures,
            LastWords last) {}

    /** Its pid; the first call. */
    long hello();

    Made create(DeviceParameters parameters, FilterSpec filters, StoreSpec store);

    Made fork(long snapshot, DeviceParameters parameters, FilterSpec filters);

    void start(long device);

    void resize(long device, long bytes);

    void setReadOnly(long device, boolean readOnly);

    void destroy(long device, boolean force);

    Remains close(long device);

    DeviceStatistics statistics(long device);

    List<Failure> failures(long device);

    Evidence evidence(long device);

    // ---- power ----

    CutReport powerCut(long device, Survivors survivors);

    void restorePower(long device);

    boolean powered(long device);

    List<UnflushedWrite> unflushed(long device);

    void joinPower(List<Long> devices);

    /** Of those devices that are closed the reports are empty. */
    List<Optional<CutReport>> cutPower(List<Long> devices, Survivors survivors);

    // ---- snapshots ----

    long snapshot(long device);

    long snapshotAfterCut(long device, Survivors survivors);

    byte[] readSnapshot(long snapshot, long offset, int length);

    void saveSnapshot(long snapshot, String file) throws IOException;

    void closeSnapshot(long snapshot);

    // ---- journal ----

    long mark(long device, String text);

    List<JournalEntry> entries(long device, long after);

    JournalState journalState(long device);

    Optional<byte[]> content(long device, long sequence);

    void capture(long device, Capture capture, long maxContentBytes);

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
