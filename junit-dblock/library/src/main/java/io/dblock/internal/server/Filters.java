// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.fault.Faults;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.fault.CacheDisk;
import io.dblock.internal.fault.Disk;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.fault.FaultFilter;
import io.dblock.internal.fault.LiveFaults;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Choices;
import io.dblock.internal.store.Store;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.internal.store.WriteCache;
import io.dblock.journal.EventKind;
import io.dblock.journal.Journal;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** The filters between the kernel and the store of a device, from top to bottom: journal, fault rules, write cache. */
final class Filters implements AutoCloseable {
    private final DeviceParameters parameters;
    private final Failures failures;
    private final JournalRing journal;
    private final FaultFilter faults;
    private final Disk disk;
    /** Null over a user's handler, which decides itself what is durable, and over a zoned store. */
    private final WriteCache cache;

    private final Faults userFaults;
    private final Journal userJournal;
    private final long seed;
    private final AtomicLong seeds = new AtomicLong();

    private volatile PowerSupply powerSupply = PowerSupply.of(this);

    private Filters(
            DeviceParameters parameters,
            LongSupplier size,
            Failures failures,
            FilterSpec spec,
            Disk disk,
            WriteCache cache,
            JournalRing journal) {
        this.parameters = parameters;
        this.failures = failures;
        this.journal = journal;
        this.disk = disk;
        this.cache = cache;
        seed = spec.seed();
        faults = new FaultFilter(new DeviceFaultContext(parameters, size, this, failures), seed);
        userFaults = new LiveFaults(faults);
        userJournal = new Journal(journal, size, parameters.logicalBlock());
    }

    /** Creates the filters over a user's handler or a zoned store; {@code size} returns the device's current size in bytes. */
    static Filters over(
            DeviceParameters parameters, LongSupplier size, Failures failures, FilterSpec spec, Disk handler) {
        return new Filters(parameters, size, failures, spec, handler, null, new JournalRing(spec.journalEntries()));
    }

    /** Creates the filters over a built-in store without zones, with a write cache. */
    static Filters overStore(
            DeviceParameters parameters, LongSupplier size, Failures failures, FilterSpec spec, Store store) {
        JournalRing journal = new JournalRing(spec.journalEntries());
        WriteCache cache =
                new WriteCache(store, parameters.logicalBlock(), spec.volatileCache(), new EvictionNotes(journal));
        cache.limit(spec.cacheLimit());
        journal.onMark(cache::mark);
        return new Filters(parameters, size, failures, spec, new CacheDisk(cache), cache, journal);
    }

    JournalRing journal() {
        return journal;
    }

    FaultFilter faults() {
        return faults;
    }

    Disk disk() {
        return disk;
    }

    WriteCache cache() {
        return cache;
    }

    Faults userFaults() {
        return userFaults;
    }

    Journal userJournal() {
        return userJournal;
    }

    /** Returns the name of the device. */
    String name() {
        return parameters.name();
    }

    PowerSupply powerSupply() {
        return powerSupply;
    }

    void setPowerSupply(PowerSupply supply) {
        powerSupply = supply;
    }

    boolean powered() {
        return cache == null || cache.powered();
    }

    /** Returns whether this is open, that is, not yet taken off its power supply by {@link #close()}. */
    boolean isOpen() {
        return powerSupply.feeds(this);
    }

    /** Throws if the device is zoned or a user's handler answers; {@code what} is then not possible. */
    void requireStore(String what) {
        if (parameters.isZoned()) {
            throw new IllegalStateException(what + " is not possible with " + name()
                    + ", which is zoned: what a power cut leaves of a zone and of its write pointer is not simulated, and"
                    + " its size and content are not changed or copied as a whole. Use a device without zones.");
        }
        if (cache == null) {
            throw new IllegalStateException(what + " needs a built-in store, but a handler of your own answers for "
                    + name()
                    + ": only that knows what it keeps. Use a device without handler, or one made of an"
                    + " image.");
        }
    }

    /** Returns the seed for one choice of survivors: the next of a sequence that the device's seed determines. */
    long nextSeed() {
        return new SplittableRandom(seed + seeds.getAndIncrement()).nextLong();
    }

    /** Returns the position of a request that comes now, see {@link WriteCache#position()}. */
    long position() {
        return cache == null ? 0 : cache.position();
    }

    /**
     * Completes the writes of a request in the cache. Called just before the request is answered.
     *
     * @param then the position at which the request came
     * @return false if the power was cut since that position, so that the answer must be an error
     */
    boolean complete(long[] tickets, int count, long then) {
        if (cache == null) {
            return true;
        }
        cache.completed(tickets, count);
        return cache.isCurrent(then);
    }

    /**
     * Records the data of a read that is about to be answered. Must not throw: the answer is right even if the journal cannot
     * record it.
     */
    void noteRead(long sequence, long address, long length) {
        try {
            if (journal.wantsData(Batch.OP_READ)) {
                journal.data(sequence, address, (int) length);
            }
        } catch (Throwable t) {
            failures.add(t);
        }
    }

    /**
     * Records what the disk has thrown for a request that came at this position; not if the power was cut since then, because
     * then the request fails anyway. Must not throw, even if memory is short.
     *
     * @return the error of the request
     */
    Errno thrown(Throwable failure, long then) {
        if (cache == null || cache.isCurrent(then)) {
            failures.add(failure);
        }
        return Failures.errno(failure);
    }

    /** Records that a request is about to be answered; {@code data} has the data of a read, null if it has none. */
    void end(long sequence, Operation operation, Answer answer, NativeMemory data) {
        if (operation == Operation.READ && data != null && answer.firstError() == null) {
            noteRead(
                    sequence,
                    data.address(),
                    answer.parts().stream().mapToLong(Answer.Part::length).sum());
        }
        journal.end(sequence, System.nanoTime(), answer);
    }

    /** Returns the current content. */
    ServedSnapshot snapshot() {
        requireStore("snapshot()");
        return snapshot("", WriteCache::snapshot);
    }

    /** Returns the content that a power cut now would leave. */
    ServedSnapshot snapshot(Survivors survivors) {
        requireStore("snapshot(survivors)");
        Survivors chosen = survivors.orSeed(nextSeed());
        return snapshot("after a cut with survivors: " + chosen, from -> from.snapshot(chosen));
    }

    private interface Snapshotter {
        StoreSnapshot of(WriteCache cache) throws IOException;
    }

    private ServedSnapshot snapshot(String note, Snapshotter snapshotter) {
        try {
            ServedSnapshot snapshot = new LocalSnapshot(snapshotter.of(cache));
            journal.note(EventKind.SNAPSHOT, note);
            return snapshot;
        } catch (IOException e) {
            throw new DblockException("No snapshot of " + name() + " can be taken: " + e, e);
        }
    }

    /** Returns what the rules and power cuts have shown. */
    Evidence evidence() {
        return new Evidence(faults.neverActed(), cache == null ? Choices.NONE : cache.choices());
    }

    /** Ends the rules; requests that they keep waiting fail with EIO. */
    void endFaults() {
        faults.close();
    }

    /** Leaves the power supply, and closes the journal and the write cache with its store. No request may be under way. */
    @Override
    public void close() throws IOException {
        PowerSupply.leave(this);
        journal.close();
        if (cache != null) {
            cache.close();
        }
    }
}
