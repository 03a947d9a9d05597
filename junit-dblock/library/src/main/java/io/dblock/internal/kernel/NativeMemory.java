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
 * Memory outside the heap, by address. Three kinds: a mapping of any size that costs what is written to it, freed by
 * {@link #close()}, which may have been made to {@linkplain #resize grow}; a direct buffer, freed by the garbage collector;
 * and a mapping with a buffer, freed by that too.
 */
public final class NativeMemory implements AutoCloseable {
    /** What MADV_DONTNEED works by. */
    private static final int PAGE = Libc.INSTANCE.pageSize();

    static final NativeMemory EMPTY_STRING = ofString("");

    private final long address;
    /** What is mapped, or reserved, from the address on. */
    private final long room;

    private final ByteBuffer buffer;
    private volatile long size;
    private boolean closed;

    private NativeMemory(long address, long size, ByteBuffer buffer) {
        this(address, size, Math.max(size, 1), buffer);
    }

    private NativeMemory(long address, long size, long room, ByteBuffer buffer) {
        this.address = address;
        this.size = size;
        this.room = room;
        this.buffer = buffer;
    }

    /** A mapping of {@code size} zero bytes; a page costs memory from its first write on. */
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
     * The same at the beginning of {@code room} reserved addresses, so that it can {@linkplain #resize grow} where it is. If
     * there are not so many addresses in a row, it cannot grow.
     *
     * @param room bytes
     */
    public static NativeMemory mapGrowable(long size, long room) {
        long reserved = roundUp(Math.max(size, room));
        long address = Libc.INSTANCE.reserve(reserved);
        if (isError(address)) {
            return map(size);
        }
        int result = Libc.INSTANCE.makeAccessible(address, roundUp(size));
        if (result < 0) {
            Libc.INSTANCE.munmap(address, reserved);
            throw cannotMap(size, -result);
        }
        return new NativeMemory(address, size, reserved, null);
    }

    /**
     * Has the pages of a mapping never be huge ones: where those are always given, each write to a range of its own would
     * cost as much as one, usually 2 MiB.
     */
    public void makeSparse() {
        // A kernel without huge pages does not know this advice, and needs none.
        Libc.INSTANCE.madvise(address, room, Libc.MADV_NOHUGEPAGE);
    }

    /** Has the pages of a range be there, all at once, as if they had been written to. A hint: an old kernel does nothing. */
    public void populate(long offset, long length) {
        checkRange(offset, length);
        long start = offset / PAGE * PAGE;
        Libc.INSTANCE.madvise(address + start, roundUp(offset + length) - start, Libc.MADV_POPULATE_WRITE);
    }

    /** How far it can {@linkplain #resize grow}, in bytes. */
    public long room() {
        return room;
    }

    /**
     * Changes the size of a mapping. What is beyond a smaller size is given back, and is zeros if it grows again. Its address
     * stays, and also what was beyond the end may still be read.
     *
     * @throws IllegalArgumentException if {@code newSize} is more than its {@link #room()}
     */
    public synchronized void resize(long newSize) {
        if (newSize > room) {
            throw new IllegalArgumentException("A size of " + newSize + " bytes. Allowed: at most the " + room
                    + " bytes of address space it has.");
        }
        if (newSize < size) {
            release(newSize, size - newSize);
        } else if (roundUp(newSize) > roundUp(size)) {
            int result = Libc.INSTANCE.makeAccessible(address + roundUp(size), roundUp(newSize) - roundUp(size));
            if (result < 0) {
                throw cannotMap(newSize, -result);
            }
        }
        size = newSize;
    }

    /** A buffer of {@code size} zero bytes, in native byte order. */
    public static NativeMemory allocate(int size) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
        return new NativeMemory(addressOf(buffer), size, buffer);
    }

    /**
     * The same in a mapping of its own, whose pages {@link #giveBack()} takes away. No part of the JVM's limit for direct
     * buffers.
     */
    public static NativeMemory allocateMapped(int size) {
        NativeMemory mapping = map(size);
        // Its slices keep the buffer, and so the memory.
        ByteBuffer buffer = bufferAt(mapping.address, size);
        Cleaning.CLEANER.register(buffer, mapping::close);
        return new NativeMemory(mapping.address, size, buffer);
    }

    static NativeMemory ofString(String text) {
        return ofBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /** These bytes, and a zero. */
    static NativeMemory ofBytes(byte[] bytes) {
        NativeMemory memory = allocate(bytes.length + 1);
        memory.buffer().put(0, bytes);
        return memory;
    }

    /** Where the content of a direct buffer starts; its position plays no part. */
    public static long addressOf(ByteBuffer buffer) {
        return Pointer.nativeValue(Native.getDirectBufferPointer(buffer));
    }

    /**
     * A buffer over the {@code length} bytes at an address. To touch it when these are gone crashes the JVM: for use within a
     * call only.
     */
    public static ByteBuffer bufferAt(long address, int length) {
        return new Pointer(address).getByteBuffer(0, length).order(ByteOrder.nativeOrder());
    }

    /** Where it starts. */
    public long address() {
        return address;
    }

    /** Its size in bytes. */
    public long size() {
        return size;
    }

    /** The buffer of memory made by {@link #allocate(int)}. */
    public ByteBuffer buffer() {
        if (buffer == null) {
            throw new IllegalStateException("This memory is a mapping and has no buffer; use view(offset, length).");
        }
        return buffer;
    }

    /** A buffer over part of a mapping. To touch it after {@link #close()} crashes the JVM: for use within a call only. */
    public ByteBuffer view(long offset, int length) {
        checkRange(offset, length);
        return bufferAt(address + offset, length);
    }

    /** Copies from any address into this memory. */
    public void copyFrom(long source, long offset, long length) {
        checkRange(offset, length);
        Libc.INSTANCE.copy(source, address + offset, length);
    }

    /** Copies from this memory to any address. */
    public void copyTo(long offset, long target, long length) {
        checkRange(offset, length);
        Libc.INSTANCE.copy(address + offset, target, length);
    }

    /** Makes a range zeros without giving memory back. */
    public void zero(long offset, long length) {
        checkRange(offset, length);
        Libc.INSTANCE.zero(address + offset, length);
    }

    /** Makes a range of a mapping zeros and gives its whole pages back. */
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

    /** Gives whole pages back, which are zeros then; false if the kernel does not let them go. */
    private static boolean discard(long start, long length) {
        return Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED) == 0
                || Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED_LOCKED) == 0
                || discardByUnlocking(start, length);
    }

    /** The same of locked pages, for kernels that are older than the advice for that. */
    static boolean discardByUnlocking(long start, long length) {
        boolean discarded = Libc.INSTANCE.unlock(start, length) == 0
                && Libc.INSTANCE.madvise(start, length, Libc.MADV_DONTNEED) == 0;
        // What another thread has touched meanwhile is locked by this.
        Libc.INSTANCE.lock(start, length);
        return discarded;
    }

    /** Makes a mapping zeros and gives all its pages back; they come again when they are written to. */
    public void giveBack() {
        release(0, size);
    }

    /** Throws if a range is not within this memory. */
    public void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > size - length) {
            throw new IndexOutOfBoundsException("The range of " + length + " bytes at " + offset + " is not within the "
                    + size + " bytes there are.");
        }
    }

    /** Its thread starts when it is needed first. */
    private static final class Cleaning {
        static final Cleaner CLEANER = Cleaner.create();
    }

    /** Frees a mapping. Idempotent; nobody may use it any more. */
    @Override
    public synchronized void close() {
        if (!closed && buffer == null) {
            Libc.INSTANCE.munmap(address, room);
        }
        closed = true;
    }

    private static long roundUp(long offset) {
        return (offset + PAGE - 1) / PAGE * PAGE;
    }
}
