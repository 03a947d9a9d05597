// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.handler.Operation;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.kernel.UserModeLinux;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Keeps a device's data in memory outside the heap. Takes memory only for written data; discarding or zeroing a range
 * frees its whole pages. A flush has nothing to do.
 *
 * <p>Safe for use by several threads; concurrent accesses that overlap have no order. {@link #resize} must not overlap
 * with a change, and {@link #close()} not with any other call.
 */
public final class FlatMemory implements Store {
    /** The unit in which written ranges are known, in bytes: about a page, the least that a discard frees. */
    private static final int CHUNK = 4096;

    /** A larger store is expected to be sparse, since filling it would exhaust the memory. In bytes. */
    private static final long DENSE = 1L << 32;

    /**
     * The size that every store can grow to; it can also grow to four times its first size. Addresses are free, but
     * limited.
     */
    private static final long ROOM = 1L << 34;

    private static final int ROOM_FACTOR = 4;

    /**
     * In User Mode Linux, how much memory the first write to a range gets, in bytes. A MiB then takes 16 mappings of
     * the host instead of 256. Not for sparse stores.
     */
    private static final int TOGETHER = 1 << 16;

    /**
     * Reads of unwritten ranges come from here. In User Mode Linux, reading a page that is not there would take a
     * mapping, too.
     */
    private static final NativeMemory ZEROS = NativeMemory.map(1 << 22);

    private static final int COPY = 1 << 24;
    private static final int WINDOW_SHIFT = 30;

    private final NativeMemory memory;
    /** See {@link #TOGETHER}; 0 where a page takes only memory. */
    private final int together;
    /**
     * The chunks that may have anything but zeros. A write copies first and then sets the bits; a discard clears the
     * bits first and then frees the memory. However the two overlap, a chunk that is not set is zeros.
     */
    private volatile SparseBitmap written;
    /** Buffers over the memory, created on first use. */
    private volatile AtomicReferenceArray<ByteBuffer> windows;

    private volatile boolean closed;

    /** Creates a store of {@code size} zero bytes. */
    public FlatMemory(long size) {
        this(size, size > DENSE);
    }

    /**
     * Creates a store of {@code size} zero bytes.
     *
     * @param sparse whether writes are expected to be few and scattered
     */
    FlatMemory(long size, boolean sparse) {
        this(size, sparse, !sparse && UserModeLinux.isHere() ? TOGETHER : 0);
    }

    FlatMemory(long size, boolean sparse, int together) {
        this.together = together;
        if (size <= 0) {
            throw new IllegalArgumentException("size is " + size + ". Allowed: at least 1 byte.");
        }
        // First: if there are addresses for this size, it is not too large for the rest.
        memory = NativeMemory.mapGrowable(size, Math.max(ROOM, size > Long.MAX_VALUE / 8 ? size : ROOM_FACTOR * size));
        boolean done = false;
        try {
            written = new SparseBitmap(chunks(size));
            windows = windows(size);
            if (sparse) {
                memory.makeSparse();
            }
            done = true;
        } finally {
            if (!done) {
                memory.close();
            }
        }
    }

    private static long chunks(long size) {
        return (size + CHUNK - 1) / CHUNK;
    }

    private static AtomicReferenceArray<ByteBuffer> windows(long size) {
        return new AtomicReferenceArray<>(Math.toIntExact(((size - 1) >>> WINDOW_SHIFT) + 1));
    }

    /**
     * Changes the size. The addresses stay.
     *
     * @throws IllegalArgumentException if the size is not positive, or is more than both 16 GiB and four times the
     *     first size
     */
    @Override
    public void resize(long bytes) {
        checkOpen();
        checkSize(bytes);
        SparseBitmap fitting = written.resized(chunks(bytes));
        memory.resize(bytes);
        windows = windows(bytes);
        written = fitting;
    }

    /** Throws if the store cannot be {@linkplain #resize resized} to this. */
    void checkSize(long bytes) {
        if (bytes <= 0 || bytes > memory.room()) {
            throw new IllegalArgumentException("size is " + bytes + ". Allowed for a store in memory: 1 to "
                    + memory.room() + " bytes, four times its first size or 16 GiB. Make the device larger from the"
                    + " start: unwritten ranges take no memory.");
        }
    }

    @Override
    public long size() {
        return memory.size();
    }

    /**
     * Returns where the data at {@code offset} can be read, as long as nothing changes it. Nothing may be written
     * there.
     *
     * @throws IndexOutOfBoundsException if the range is not within the store
     */
    public long address(long offset, long length) {
        checkOpen();
        memory.checkRange(offset, length);
        return length <= ZEROS.size() && findData(offset, offset + length) >= offset + length
                ? ZEROS.address()
                : memory.address() + offset;
    }

    /**
     * Copies {@code length} bytes of a buffer, from an index on, to {@code offset}; the buffer's position does not
     * change.
     */
    public void writeFrom(ByteBuffer source, int index, long offset, int length) {
        checkOpen();
        memory.checkRange(offset, length);
        populate(offset, length);
        int from = index;
        long at = offset;
        while (at < offset + length) {
            int inWindow = inWindow(at);
            int part = partInWindow(at, offset + length);
            window(windowOf(at)).put(inWindow, source, from, part);
            from += part;
            at += part;
        }
        setWritten(offset, length);
    }

    @Override
    public void read(long offset, ByteBuffer dst) {
        checkOpen();
        dst.put(memory.view(offset, dst.remaining()));
    }

    @Override
    public void read(long offset, ByteBuffer dst, int index, int length) {
        checkOpen();
        memory.checkRange(offset, length);
        long at = offset;
        while (at < offset + length) {
            int inWindow = inWindow(at);
            int part = partInWindow(at, offset + length);
            dst.put(index + (int) (at - offset), window(windowOf(at)), inWindow, part);
            at += part;
        }
    }

    /** Gets the memory around a write in few pieces if nothing is written there yet. */
    private void populate(long offset, long length) {
        if (together == 0) {
            return;
        }
        for (long at = offset / together * together; at < offset + length; at += together) {
            long end = Math.min(at + together, size());
            if (findData(at, end) >= end) {
                memory.populate(at, end - at);
            }
        }
    }

    private static int windowOf(long offset) {
        return (int) (offset >>> WINDOW_SHIFT);
    }

    private static int inWindow(long offset) {
        return (int) (offset & (1L << WINDOW_SHIFT) - 1);
    }

    /** Returns how much of a range, from {@code at} on, lies in the window of {@code at}. */
    private static int partInWindow(long at, long end) {
        return (int) Math.min((1L << WINDOW_SHIFT) - inWindow(at), end - at);
    }

    /** Two threads may create the same window; either one will do. */
    private ByteBuffer window(int number) {
        AtomicReferenceArray<ByteBuffer> all = windows;
        ByteBuffer window = all.get(number);
        if (window == null) {
            long start = (long) number << WINDOW_SHIFT;
            window = memory.view(start, (int) Math.min(1L << WINDOW_SHIFT, size() - start));
            all.set(number, window);
        }
        return window;
    }

    @Override
    public long findData(long from, long end) {
        long chunk = written.nextSet(from / CHUNK, (end + CHUNK - 1) / CHUNK);
        return Math.min(Math.max(from, chunk * CHUNK), end);
    }

    @Override
    public long findHole(long from, long end) {
        long chunk = written.nextClear(from / CHUNK, (end + CHUNK - 1) / CHUNK);
        return Math.min(Math.max(from, chunk * CHUNK), end);
    }

    /** Copies a range from the same place in another source. */
    void copyFrom(Source source, long offset, long length) throws IOException {
        long at = offset;
        while (at < offset + length) {
            int part = (int) Math.min(COPY, offset + length - at);
            source.read(at, memory.view(at, part));
            setWritten(at, part);
            at += part;
        }
    }

    private void setWritten(long offset, long length) {
        if (length > 0) {
            written.set(offset / CHUNK, (offset + length - 1) / CHUNK + 1);
        }
    }

    /** Clears the chunks within the range. The last chunk of the store may be shorter. */
    private void clearWritten(long offset, long length) {
        long end = offset + length;
        long first = (offset + CHUNK - 1) / CHUNK;
        long last = end == size() ? (end + CHUNK - 1) / CHUNK : end / CHUNK;
        if (first < last) {
            written.clear(first, last);
        }
    }

    @Override
    public void write(long offset, ByteBuffer src, WriteFlags flags) {
        checkOpen();
        int length = src.remaining();
        ByteBuffer view = memory.view(offset, length);
        populate(offset, length);
        view.put(src);
        setWritten(offset, length);
    }

    @Override
    public void flush() {
        checkOpen();
    }

    @Override
    public void discard(long offset, long length) {
        checkOpen();
        memory.checkRange(offset, length);
        clearWritten(offset, length);
        memory.release(offset, length);
    }

    @Override
    public void writeZeroes(long offset, long length, boolean mayUnmap) {
        checkOpen();
        if (mayUnmap) {
            discard(offset, length);
            return;
        }
        memory.checkRange(offset, length);
        // Unwritten ranges are already zeros, and writing them would only take memory: a filesystem zeroes gigabytes of
        // its log.
        long end = offset + length;
        long at = findData(offset, end);
        while (at < end) {
            long hole = findHole(at, end);
            memory.zero(at, hole - at);
            at = findData(hole, end);
        }
    }

    @Override
    public Set<Operation> supports() {
        return EnumSet.allOf(Operation.class);
    }

    /** Frees the memory. */
    @Override
    public void close() {
        closed = true;
        memory.close();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("This store is closed.");
        }
    }
}
