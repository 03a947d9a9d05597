// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Faults;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.journal.Answer;
import io.dblock.internal.journal.JournalRing;
import io.dblock.internal.journal.RequestOperations;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.store.MemoryStore;
import io.dblock.internal.store.StoreSnapshot;
import io.dblock.internal.store.WriteCache;
import io.dblock.journal.EventKind;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * All that lies between the kernel and a store, without a kernel: the real journal, fault rules and write cache over a store in
 * memory. Requests are made by calling it, one at a time. Sectors are of 512 bytes.
 */
public final class UnitDisk implements FaultContext, AutoCloseable {
    private static final int SECTOR = 512;

    private final long size;
    private final JournalRing ring;
    private final WriteCache cache;
    private final FaultFilter filter;
    private final Faults faults;
    private final Journal journal;

    public UnitDisk(long size) {
        this(size, 1 << 16, 42);
    }

    public UnitDisk(long size, int journalEntries, long seed) {
        this.size = size;
        ring = new JournalRing(journalEntries);
        cache = new WriteCache(new MemoryStore(size), SECTOR, true, sequence -> {});
        ring.onMark(cache::mark);
        filter = new FaultFilter(this, seed);
        faults = new LiveFaults(filter);
        journal = new Journal(ring, () -> size, SECTOR);
    }

    public Recorder recorder() {
        return ring;
    }

    public Journal journal() {
        return journal;
    }

    public Faults faults() {
        return faults;
    }

    public List<NeverActed> neverActed() {
        return filter.neverActed();
    }

    public List<UnflushedWrite> unflushed() {
        return cache.unflushed();
    }

    public CutReport cut(Survivors survivors) {
        CutReport report = cache.cut(survivors.orSeed(1));
        ring.note(EventKind.POWER_CUT, report.toString());
        return report;
    }

    public void restore() {
        try {
            cache.restore();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A copy of the content. */
    public byte[] content(long offset, int length) {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try (StoreSnapshot snapshot = cache.snapshot()) {
            snapshot.read(offset, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.array();
    }

    /** Writes sectors of this byte; null or the error. */
    public Errno write(long first, int sectors, int value, RequestFlag... flags) {
        byte[] data = new byte[sectors * SECTOR];
        Arrays.fill(data, (byte) value);
        return make(Operation.WRITE, first, sectors, data, flags);
    }

    public Errno read(long first, int sectors, RequestFlag... flags) {
        return make(Operation.READ, first, sectors, new byte[sectors * SECTOR], flags);
    }

    public Errno discard(long first, int sectors) {
        return make(Operation.DISCARD, first, sectors, null);
    }

    public Errno zero(long first, int sectors) {
        return make(Operation.WRITE_ZEROES, first, sectors, null);
    }

    public Errno flush() {
        return make(Operation.FLUSH, 0, 0, null);
    }

    private Errno make(Operation operation, long first, long sectors, byte[] data, RequestFlag... flags) {
        RequestInfo info = new RequestInfo(operation, first * SECTOR, sectors * SECTOR, Set.of(flags), 0);
        Request request = new Request(info, data);
        CacheDisk disk = new CacheDisk(cache);
        try {
            if (!filter.handle(request, disk) && disk.handle(request)) {
                request.complete();
            }
        } catch (IOException e) {
            request.fail(Errno.EIO);
        }
        try {
            return request.answered.get(20, TimeUnit.SECONDS).firstError();
        } catch (Exception e) {
            throw new AssertionError("No answer to " + info + " within 20 s", e);
        }
    }

    private final class Request extends DiskRequest {
        final CompletableFuture<Answer> answered = new CompletableFuture<>();
        private final RequestInfo info;
        private final ByteBuffer data;
        private final long sequence;
        private final long position = cache.position();
        private final List<Long> tickets = new ArrayList<>();

        Request(RequestInfo info, byte[] data) {
            this.info = info;
            this.data = data == null ? null : ByteBuffer.wrap(data);
            sequence = ring.begin(
                    System.nanoTime(),
                    RequestOperations.number(info.operation()),
                    bits(info),
                    info.offset(),
                    info.length(),
                    0);
            if (info.operation() == Operation.WRITE) {
                ring.data(sequence, this.data, 0, data.length);
            }
        }

        @Override
        public RequestInfo info() {
            return info;
        }

        @Override
        public long sequence() {
            return sequence;
        }

        @Override
        public ByteBuffer data() {
            return data;
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public void addTicket(long ticket) {
            if (ticket != 0) {
                tickets.add(ticket);
            }
        }

        @Override
        protected void deliver(Answer answer) {
            tickets.forEach(cache::completed);
            Answer given = cache.isCurrent(position)
                    ? answer
                    : Answer.all(info.length(), Errno.EIO, answer.rules()); // The power was cut meanwhile.
            ring.end(sequence, System.nanoTime(), given);
            answered.complete(given);
        }
    }

    private static int bits(RequestInfo info) {
        int bits = 0;
        bits |= info.has(RequestFlag.FUA) ? Batch.REQ_FUA : 0;
        bits |= info.has(RequestFlag.META) ? Batch.REQ_META : 0;
        bits |= info.has(RequestFlag.SYNC) ? Batch.REQ_SYNC : 0;
        bits |= info.has(RequestFlag.NOUNMAP) ? Batch.REQ_NOUNMAP : 0;
        bits |= info.has(RequestFlag.READ_AHEAD) ? Batch.REQ_RAHEAD : 0;
        return bits;
    }

    // ---- what the fault rules need ----

    @Override
    public int logicalBlockSize() {
        return SECTOR;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public long flushEpoch() {
        return ring.flushEpoch();
    }

    @Override
    public boolean marked(String mark) {
        return ring.marked(mark);
    }

    @Override
    public boolean hasBuiltInStore() {
        return true;
    }

    @Override
    public boolean powered() {
        return cache.powered();
    }

    @Override
    public void powerCut(Survivors survivors) {
        cut(survivors);
        filter.failPending(Errno.EIO);
    }

    @Override
    public BlockHandler snapshot() {
        byte[] content = content(0, (int) size);
        return new BlockHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(content, (int) offset, dst.remaining());
            }

            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) {
                throw new IllegalStateException("A snapshot does not change.");
            }
        };
    }

    @Override
    public void failed(Throwable failure) {
        throw new AssertionError(failure);
    }

    @Override
    public Errno thrown(DiskRequest request, Throwable failure) {
        if (!(failure instanceof IOException)) {
            failed(failure);
        }
        return failure instanceof BlockIOException known ? known.errno() : Errno.EIO;
    }

    @Override
    public void close() {
        filter.close();
        ring.close();
        try {
            cache.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
