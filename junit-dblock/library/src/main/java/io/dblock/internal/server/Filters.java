// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.fault.Faults;
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

/** What lies between the kernel and the store of one device, from top to bottom: journal, fault rules, write cache. */
final class Filters implements AutoCloseable {
    private final DeviceParameters parameters;
    private final Failures failures;
    private final JournalRing journal;
    private final FaultFilter faults;
    private final Disk disk;
    /** Null if a user's handler answers, whose affair it is what that keeps; or a store with zones. */
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

    /** Over a user's handler, or a store with zones, of a device made with these parameters whose size now is {@code size}. */
    static Filters over(
            DeviceParameters parameters, LongSupplier size, Failures failures, FilterSpec spec, Disk handler) {
        return new Filters(parameters, size, failures, spec, handler, null, new JournalRing(spec.journalEntries()));
    }

    /** Over a built-in store, which gets a write cache. */
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

    /** Of the device. */
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

    /** Whether the store is there: its power is on a supply as long as it is. */
    boolean isOpen() {
        return powerSupply.feeds(this);
    }

    /** What only a built-in store can do is refused with a user's handler. */
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

    /** For one random choice of a power cut: the next of a sequence that the device's seed gives. */
    long nextSeed() {
        return new SplittableRandom(seed + seeds.getAndIncrement()).nextLong();
    }

    /** What a request that comes now names; see {@link WriteCache#position()}. */
    long position() {
        return cache == null ? 0 : cache.position();
    }

    /**
     * These writes are about to be answered.
     *
     * @return false if the power was cut since that position: then the answer is an error
     */
    boolean complete(long[] tickets, long then) {
        if (cache == null) {
            return true;
        }
        cache.completed(tickets, tickets.length);
        return cache.isCurrent(then);
    }

    /**
     * A read is about to be answered with the data at this address. Must not throw: the answer is right, whatever the journal
     * cannot make of it.
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

    /** A request is about to be answered; {@code data} is where a read has put its data, null if nowhere. */
    void end(long sequence, Operation operation, Answer answer, NativeMemory data) {
        if (operation == Operation.READ && data != null && answer.firstError() == null) {
            noteRead(
                    sequence,
                    data.address(),
                    answer.parts().stream().mapToLong(Answer.Part::length).sum());
        }
        journal.end(sequence, System.nanoTime(), answer);
    }

    /** The content now. */
    ServedSnapshot snapshot() {
        requireStore("snapshot()");
        return snapshot("", WriteCache::snapshot);
    }

    /** The content that a cut would leave. */
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

    /** What rules and cuts have shown. */
    Evidence evidence() {
        return new Evidence(faults.neverActed(), cache == null ? Choices.NONE : cache.choices());
    }

    /** Ends the rules; what they keep waiting fails. */
    void endFaults() {
        faults.close();
    }

    /** Takes it off its power supply and closes the store. No request may be under way any more. */
    @Override
    public void close() throws IOException {
        PowerSupply.leave(this);
        journal.close();
        if (cache != null) {
            cache.close();
        }
    }
}
