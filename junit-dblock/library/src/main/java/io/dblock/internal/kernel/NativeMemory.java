// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.dblock.DblockException;
import io.dblock.handler.Errno;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Memory outside the heap, by address. There are three kinds: a mapping of any size that takes memory when written and
 * is freed by {@link #close()}; a direct buffer, freed by the garbage collector; and a mapping with a buffer, also freed
 * by the garbage collector.
 */
public final class NativeMemory implements AutoCloseable {
    /** The unit of MADV_DONTNEED. */
    private static final int PAGE = Libc.INSTANCE.pageSize();

    static final NativeMemory EMPTY_STRING = ofString("");

    private final long address;
    private final long size;
    private final ByteBuffer buffer;
    private boolean closed;

    private NativeMemory(long address, long size, ByteBuffer buffer) {
        this.address = address;
        this.size = size;
        this.buffer = buffer;
    }

    /** Returns a mapping of {@code size} zero bytes; a page takes memory from its first write on. */
    public static NativeMemory map(long size) {
        long address = Libc.INSTANCE.mmap(Math.max(size, 1));
        if (isError(address)) {
            throw cannotMap(size, (int) -address);
        }
        return new NativeMemory(address, size, null);
    }

    private static boolean isError(long address) {
        return address < 0 && address > -4096;
    }

    private static DblockException cannotMap(long size, int errno) {
        return new DblockException("Cannot map " + size + " bytes of memory: " + Errno.describe(errno)
                + ". Allowed: what the address space and ulimit -v leave, and, with vm.overcommit_memory = 2,"
                + " the commit limit; make the device smaller or raise that.");
    }

    /**
     * Makes the pages of a range present, all at once, as if they had been written to. A hint: an old kernel does
     * nothing.
     */
    public void populate(long offset, long length) {
        checkRange(offset, length);
        long start = offset / PAGE * PAGE;
        Libc.INSTANCE.madvise(address + start, roundUp(offset + length) - start, Libc.MADV_POPULATE_WRITE);
    }

    /** Returns a buffer of {@code size} zero bytes, in native byte order. */
    public static NativeMemory allocate(int size) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
        return new NativeMemory(addressOf(buffer), size, buffer);
    }

    /**
     * Returns a buffer in its own mapping, whose pages {@link #giveBack()} frees. It does not count toward the JVM's
     * limit for direct buffers.
     */
    public static NativeMemory allocateMapped(int size) {
        NativeMemory mapping = map(size);
        // Slices keep the buffer, and so the memory.
        ByteBuffer buffer = bufferAt(mapping.address, size);
        Cleaning.CLEANER.register(buffer, mapping::close);
        return new NativeMemory(mapping.address, size, buffer);
    }

    static NativeMemory ofString(String text) {
        return ofBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns memory with these bytes and a zero. */
    static NativeMemory ofBytes(byte[] bytes) {
        NativeMemory memory = allocate(bytes.length + 1);
        memory.buffer().put(0, bytes);
        return memory;
    }

    /** Returns where the content of a direct buffer starts, whatever its position is. */
    public static long addressOf(ByteBuffer buffer) {
        return Pointer.nativeValue(Native.getDirectBufferPointer(buffer));
    }

    /**
     * Returns a buffer over the {@code length} bytes at an address. Accessing it after these are freed crashes the JVM:
     * use it only within a call.
     */
    public static ByteBuffer bufferAt(long address, int length) {
        return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.nativeOrder());
    }

    /** Returns the address of the first byte. */
    public long address() {
        return address;
    }

    /** Returns the size in bytes. */
    public long size() {
        return size;
    }

    /** Returns the buffer of memory made by {@link #allocate(int)}. */
    public ByteBuffer buffer() {
        if (buffer == null) {
            throw new IllegalStateException("This memory is a mapping and has no buffer; use view(offset, length).");
        }
        return buffer;
    }

    /**
     * Returns a buffer over part of a mapping. Accessing it after {@link #close()} crashes the JVM: use it only within
     * a call.
     */
    public ByteBuffer view(long offset, int length) {
        checkRange(offset, length);
        return bufferAt(address + offset, length);
    }

    /** Copies from any address into this memory. */
    public void copyFrom(long source, long offset, long length) {
        checkRange(offset, length);
        Libc.INSTANCE.copy(source, address + offset, length);
    }

    /** Makes a range zeros without giving memory back. */
    public void zero(long offset, long length) {
        checkRange(offset, length);
        Libc.INSTANCE.zero(address + offset, length);
    }

    /** Fills a range of a mapping with zeros and frees its whole pages. */
    public void release(long offset, long length) {
        checkRange(offset, length);
        long start = roundUp(offset);
        long end = (offset + length) / PAGE * PAGE;
        if (start >= end) {
            Libc.INSTANCE.zero(address + offset, length);
            return;
        }
        Libc.INSTANCE.zero(address + offset, start - offset);
        Libc.INSTANCE.zero(address + end, offset + length - end);
        if (!discard(address + start, end - start)) {
            Libc.INSTANCE.zero(address + start, end - start);
        }
    }

    /** Frees whole pages, which are then zeros; returns false if the kernel refuses. */
    private static boolean discard(long start, long length) {
        return Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED) == 0
                || Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED_LOCKED) == 0
                || discardByUnlocking(start, length);
    }

    /** Frees locked pages, on kernels without the advice for that. */
    static boolean discardByUnlocking(long start, long length) {
        boolean discarded = Libc.INSTANCE.unlock(start, length) == 0
                && Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED) == 0;
        // This locks pages that another thread has touched meanwhile.
        Libc.INSTANCE.lock(start, length);
        return discarded;
    }

    /** Fills a mapping with zeros and frees all its pages; they come back when they are written. */
    public void giveBack() {
        release(0, size);
    }

    /** Throws if a range is not within this memory. */
    public void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size + " bytes of this memory.");
        }
    }

    /** The thread starts on first use. */
    private static final class Cleaning {
        static final Cleaner CLEANER = Cleaner.create();
    }

    /** Frees a mapping. Idempotent. Nobody may use it afterwards. */
    @Override
    public synchronized void close() {
        if (!closed && buffer == null) {
            Libc.INSTANCE.munmap(address, Math.max(size, 1));
        }
        closed = true;
    }

    private static long roundUp(long offset) {
        return (offset + PAGE - 1) / PAGE * PAGE;
    }
}
