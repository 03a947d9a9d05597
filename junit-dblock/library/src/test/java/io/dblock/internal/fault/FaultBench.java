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
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** Fault rules over a disk that is an array, and requests to put through them. */
final class FaultBench implements FaultContext, AutoCloseable {
    final byte[] image;
    final int block;
    final Image disk = new Image();
    final FaultFilter filter;
    final Faults faults;
    final List<Throwable> failures = new CopyOnWriteArrayList<>();
    final List<Survivors> cuts = new CopyOnWriteArrayList<>();
    final Set<String> marks = ConcurrentHashMap.newKeySet();
    final AtomicLong openSnapshots = new AtomicLong();
    volatile long flushEpoch;
    volatile boolean powered = true;
    volatile boolean builtIn = true;
    volatile boolean caches = true;
    volatile boolean fua = true;
    /** Runs when the power is to be cut and still on. */
    volatile Runnable beforeCut = () -> {};
    /** Runs when the power is off, and the call that has cut it has not returned. */
    volatile Runnable afterCut = () -> {};
    /** Where the disk does its work; null for the caller's thread. */
    volatile Executor elsewhere;

    private final AtomicLong sequences = new AtomicLong();

    FaultBench(int size, int block) {
        this.block = block;
        image = new byte[size];
        filter = new FaultFilter(this, 42);
        faults = new LiveFaults(filter);
    }

    FaultBench() {
        this(1 << 16, 512);
    }

    @Override
    public void close() {
        filter.close();
    }

    // ---- the device around the filter ----

    @Override
    public int logicalBlockSize() {
        return block;
    }

    @Override
    public long size() {
        return image.length;
    }

    @Override
    public long flushEpoch() {
        return flushEpoch;
    }

    @Override
    public boolean marked(String mark) {
        return marks.contains(mark);
    }

    @Override
    public boolean hasBuiltInStore() {
        return builtIn;
    }

    @Override
    public boolean hasVolatileCache() {
        return caches;
    }

    @Override
    public boolean takesFua() {
        return fua;
    }

    @Override
    public boolean powered() {
        return powered;
    }

    @Override
    public void powerCut(Survivors survivors) {
        beforeCut.run();
        if (!survivors.sequences().isEmpty()) {
            throw new IllegalArgumentException("not in the cache: " + survivors.sequences());
        }
        powered = false;
        cuts.add(survivors);
        filter.failPending(Errno.EIO);
        afterCut.run();
    }

    @Override
    public BlockHandler snapshot() {
        byte[] copy;
        synchronized (image) {
            copy = image.clone();
        }
        openSnapshots.incrementAndGet();
        return new BlockHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(copy, (int) offset, dst.remaining());
            }

            @Override
            public void write(long offset, ByteBuffer src, WriteFlags flags) throws IOException {
                throw new BlockIOException(Errno.EREMOTEIO, "A snapshot does not change");
            }

            @Override
            public void close() {
                openSnapshots.decrementAndGet();
                Arrays.fill(copy, (byte) 0xDB);
            }
        };
    }

    @Override
    public void failed(Throwable failure) {
        failures.add(failure);
    }

    @Override
    public Errno thrown(DiskRequest request, Throwable failure) {
        if (!(failure instanceof IOException)) {
            failed(failure);
        }
        return failure instanceof BlockIOException known ? known.errno() : Errno.EIO;
    }

    /** The disk: does what it is told, and notes it. */
    final class Image implements Disk {
        final List<String> done = Collections.synchronizedList(new ArrayList<>());
        final AtomicLong flushes = new AtomicLong();
        final AtomicLong fuaBytes = new AtomicLong();
        /** What the next calls fail with. */
        volatile Throwable broken;

        @Override
        public boolean handle(DiskRequest request) throws IOException {
            if (!powered) {
                throw new IOException("power is off");
            }
            Throwable thrown = broken;
            if (thrown instanceof IOException e) {
                throw e;
            } else if (thrown instanceof RuntimeException e) {
                throw e;
            }
            if (request.operation() == Operation.WRITE && request.has(RequestFlag.FUA)) {
                fuaBytes.addAndGet(request.length());
            }
            Executor executor = elsewhere;
            if (executor == null) {
                work(request);
                return true;
            }
            request.keep();
            executor.execute(() -> {
                work(request);
                request.complete();
            });
            return false;
        }

        private void work(DiskRequest request) {
            int offset = (int) request.offset();
            String what = request.operation() == Operation.FLUSH
                    ? "FLUSH"
                    : request.operation() + " " + offset + "+" + request.length();
            boolean fua = request.operation() == Operation.WRITE && request.has(RequestFlag.FUA);
            synchronized (image) {
                switch (request.operation()) {
                    case READ -> request.data().put(image, offset, (int) request.length());
                    case WRITE -> request.data().get(image, offset, (int) request.length());
                    case FLUSH -> flushes.incrementAndGet();
                    case DISCARD, WRITE_ZEROES -> fill(offset, request.length(), 0);
                    default -> throw new AssertionError("this disk has no zones: " + request);
                }
            }
            done.add(what + (fua ? " FUA" : ""));
        }
    }

    void fill(long offset, long length, int value) {
        Arrays.fill(image, (int) offset, (int) (offset + length), (byte) value);
    }

    byte[] sector(int number) {
        synchronized (image) {
            return Arrays.copyOfRange(image, number * 512, (number + 1) * 512);
        }
    }

    /** A letter for each sector of the image from the first on: that of its content if all its bytes are the same letter, . for zeros. */
    String letters(int sectors) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < sectors; i++) {
            text.append(letter(sector(i)));
        }
        return text.toString();
    }

    static char letter(byte[] sector) {
        for (byte b : sector) {
            if (b != sector[0]) {
                return '?';
            }
        }
        return sector[0] == 0 ? '.' : (char) sector[0];
    }

    // ---- requests ----

    /** One request, with its answer once it has one. */
    class Request extends DiskRequest {
        private final RequestInfo info;
        private final long sequence = sequences.incrementAndGet();
        private final ByteBuffer data;
        private final CompletableFuture<Answer> answer = new CompletableFuture<>();

        Request(RequestInfo info, ByteBuffer data) {
            this.info = info;
            this.data = data;
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
            if (data == null) {
                throw new IllegalStateException("no data");
            }
            if (answer.isDone()) {
                throw new IllegalStateException("answered before");
            }
            return data;
        }

        @Override
        public long position() {
            return 0;
        }

        @Override
        public void addTicket(long ticket) {
            if (ticket != 0) {
                throw new IllegalStateException("no cache here");
            }
        }

        @Override
        protected void deliver(Answer given) {
            if (!answer.complete(given)) {
                throw new IllegalStateException("answered twice: " + info);
            }
            long length = given.parts().stream().mapToLong(Answer.Part::length).sum();
            if (length != info.length()) {
                throw new IllegalStateException("answer of " + length + " bytes to " + info);
            }
        }

        boolean answered() {
            return answer.isDone();
        }

        /** Waits for it, at most 10 s. */
        Answer answer() {
            try {
                return answer.get(10, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                throw new AssertionError("No answer within 10 s to " + info, e);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }

        /** {@code ok}, or each part with its sectors and result. */
        String result() {
            if (answer().parts().size() == 1) {
                Errno errno = answer().firstError();
                return errno == null ? "ok" : errno.name();
            }
            List<String> parts = new ArrayList<>();
            answer().parts()
                    .forEach(part -> parts.add(part.length() / 512 + " "
                            + (part.errno() == null ? "ok" : part.errno().name())));
            return String.join(", ", parts);
        }

        byte[] bytes() {
            answer();
            byte[] bytes = new byte[(int) info.length()];
            data.get(0, bytes);
            return bytes;
        }

        /** As {@link FaultBench#letters}, of what was read. */
        String letters() {
            StringBuilder text = new StringBuilder();
            for (int at = 0; at < info.length(); at += 512) {
                text.append(letter(Arrays.copyOfRange(bytes(), at, at + 512)));
            }
            return text.toString();
        }
    }

    Request submit(Operation operation, long offset, long length, ByteBuffer data, RequestFlag... flags) {
        Request request = new Request(new RequestInfo(operation, offset, length, Set.of(flags), 0), data);
        if (!filter.handle(request, disk)) {
            if (request.answered()) {
                throw new AssertionError("touched: " + request.info);
            }
            pass(request);
        }
        return request;
    }

    /** What a server does without rules. */
    private void pass(Request request) {
        try {
            if (disk.handle(request)) {
                request.complete();
            }
        } catch (Throwable t) {
            request.fail(Errno.EIO);
        }
    }

    /** Reads sectors {@code first} to {@code last}. */
    Request read(int first, int last, RequestFlag... flags) {
        int length = (last - first + 1) * 512;
        return submit(Operation.READ, first * 512L, length, ByteBuffer.allocateDirect(length), flags);
    }

    /** Writes sectors {@code first} to {@code last}, all bytes this letter. */
    Request write(int first, int last, char letter, RequestFlag... flags) {
        byte[] bytes = new byte[(last - first + 1) * 512];
        Arrays.fill(bytes, (byte) letter);
        return submit(
                Operation.WRITE,
                first * 512L,
                bytes.length,
                ByteBuffer.wrap(bytes).asReadOnlyBuffer(),
                flags);
    }

    Request flush() {
        return submit(Operation.FLUSH, 0, 0, null);
    }

    Request discard(int first, int last) {
        return submit(Operation.DISCARD, first * 512L, (last - first + 1) * 512L, null);
    }

    Request zeroes(int first, int last, RequestFlag... flags) {
        return submit(Operation.WRITE_ZEROES, first * 512L, (last - first + 1) * 512L, null, flags);
    }
}
