// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Direct I/O (O_DIRECT) on a block device's node, down to one logical block.
 *
 * <p>The JDK's own direct channel uses the block size of the filesystem that has the node, devtmpfs: 4096 bytes. Here,
 * the position and length of every read and write must be multiples of the device's logical block; otherwise there is
 * an {@link IOException}. Any buffer will do. A buffer that is not direct, or not aligned to 512 bytes in memory, costs
 * a copy.
 *
 * <p>Safe for use by several threads. An interrupt does not end a read or write, which is uninterruptible in the
 * kernel, too. Closing the channel during one takes effect after it.
 */
public final class DirectChannel extends FileChannel {

    /** The memory alignment that the kernel requires for direct I/O to our devices, in bytes. */
    private static final int MEMORY_ALIGNMENT = 512;

    private static final int TRANSFER = 1 << 20;

    private final Path node;
    private final int fd;
    private final int logicalBlock;
    private final boolean writable;
    private final Object positionLock = new Object();
    private final Object useLock = new Object();
    private long position;
    private int users;
    private boolean closing;

    private DirectChannel(Path node, int fd, int logicalBlock, boolean writable) {
        this.node = node;
        this.fd = fd;
        this.logicalBlock = logicalBlock;
        this.writable = writable;
    }

    /**
     * Opens a node for reading and, if requested, writing.
     *
     * @param logicalBlock of the device, in bytes
     * @throws DblockException if the node cannot be opened
     */
    public static DirectChannel open(Path node, int logicalBlock, boolean writable) {
        int flags = (writable ? Linux.O_RDWR : Linux.O_RDONLY) | Linux.O_CLOEXEC | Libc.O_DIRECT;
        int fd = Libc.INSTANCE.open(node.toString(), flags);
        if (fd < 0) {
            throw new DblockException(
                    "Cannot open " + node + " for direct I/O: " + Errno.describe(-fd) + ". Run as root.");
        }
        return new DirectChannel(node, fd, logicalBlock, writable);
    }

    @Override
    public int read(ByteBuffer dst) throws IOException {
        synchronized (positionLock) {
            int count = read(dst, position);
            position += Math.max(count, 0);
            return count;
        }
    }

    @Override
    public int read(ByteBuffer dst, long at) throws IOException {
        if (dst.isReadOnly()) {
            throw new IllegalArgumentException("The buffer to read into is read-only");
        }
        int length = checkRange(dst.remaining(), at);
        if (length == 0) {
            return 0;
        }
        enter();
        try {
            if (isAligned(dst)) {
                int count = transfer(false, dst, length, at);
                dst.position(dst.position() + Math.max(count, 0));
                return count;
            }
            ByteBuffer copy = alignedBuffer(length);
            int count = transfer(false, copy, length, at);
            if (count > 0) {
                dst.put(copy.limit(count));
            }
            return count;
        } finally {
            leave();
        }
    }

    @Override
    public int write(ByteBuffer src) throws IOException {
        synchronized (positionLock) {
            int count = write(src, position);
            position += count;
            return count;
        }
    }

    @Override
    public int write(ByteBuffer src, long at) throws IOException {
        if (!writable) {
            throw new NonWritableChannelException();
        }
        int length = checkRange(src.remaining(), at);
        if (length == 0) {
            return 0;
        }
        enter();
        try {
            int count;
            if (isAligned(src)) {
                count = transfer(true, src, length, at);
            } else {
                ByteBuffer copy = alignedBuffer(length);
                copy.put(src.duplicate()).flip();
                count = transfer(true, copy, length, at);
            }
            src.position(src.position() + count);
            return count;
        } finally {
            leave();
        }
    }

    /** Makes the kernel's read or write; returns -1 at the end of the device. */
    private int transfer(boolean write, ByteBuffer buffer, int length, long at) throws IOException {
        long address = NativeMemory.addressOf(buffer) + buffer.position();
        long count;
        try {
            count = write
                    ? Libc.INSTANCE.pwrite(fd, address, length, at)
                    : Libc.INSTANCE.pread(fd, address, length, at);
        } finally {
            Reference.reachabilityFence(buffer);
        }
        if (count < 0) {
            throw new IOException(Errno.describe((int) -count) + ", when " + (write ? "writing " : "reading ") + length
                    + " bytes at " + at + " of " + node);
        }
        return count == 0 ? -1 : (int) count;
    }

    private int checkRange(int length, long at) throws IOException {
        if (at < 0) {
            throw new IllegalArgumentException("The position is " + at + ". Allowed: 0 or more.");
        }
        if (length % logicalBlock != 0 || at % logicalBlock != 0) {
            throw new IOException(length + " bytes at " + at + " of " + node
                    + " cannot be read or written directly: both must be multiples of its logical block, "
                    + logicalBlock
                    + " bytes.");
        }
        return length;
    }

    private static boolean isAligned(ByteBuffer buffer) {
        return buffer.isDirect() && (NativeMemory.addressOf(buffer) + buffer.position()) % MEMORY_ALIGNMENT == 0;
    }

    private static ByteBuffer alignedBuffer(int size) {
        // alignedSlice() rounds both ends; the size is a multiple of the alignment.
        return ByteBuffer.allocateDirect(size + MEMORY_ALIGNMENT)
                .alignedSlice(MEMORY_ALIGNMENT)
                .limit(size);
    }

    @Override
    public long read(ByteBuffer[] dsts, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, dsts.length);
        long total = 0;
        synchronized (positionLock) {
            for (int i = offset; i < offset + length; i++) {
                int wanted = dsts[i].remaining();
                int count = read(dsts[i]);
                if (count < 0) {
                    return total == 0 ? -1 : total;
                }
                total += count;
                if (count < wanted) {
                    break;
                }
            }
        }
        return total;
    }

    @Override
    public long write(ByteBuffer[] srcs, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, srcs.length);
        long total = 0;
        synchronized (positionLock) {
            for (int i = offset; i < offset + length; i++) {
                int wanted = srcs[i].remaining();
                int count = write(srcs[i]);
                total += count;
                if (count < wanted) {
                    break;
                }
            }
        }
        return total;
    }

    @Override
    public long transferTo(long at, long count, WritableByteChannel target) throws IOException {
        ByteBuffer buffer = alignedBuffer(chunk(count));
        int read = read(buffer, at);
        return read <= 0 ? 0 : target.write(buffer.flip());
    }

    @Override
    public long transferFrom(ReadableByteChannel src, long at, long count) throws IOException {
        ByteBuffer buffer = alignedBuffer(chunk(count));
        while (buffer.hasRemaining()) {
            if (src.read(buffer) < 0) {
                break;
            }
        }
        return write(buffer.flip(), at);
    }

    private int chunk(long count) {
        if (count < 0) {
            throw new IllegalArgumentException("The count is " + count + ". Allowed: 0 or more.");
        }
        return (int) Math.min(count, TRANSFER);
    }

    @Override
    public long position() throws IOException {
        checkOpen();
        synchronized (positionLock) {
            return position;
        }
    }

    @Override
    public FileChannel position(long newPosition) throws IOException {
        checkOpen();
        if (newPosition < 0) {
            throw new IllegalArgumentException("The position is " + newPosition + ". Allowed: 0 or more.");
        }
        synchronized (positionLock) {
            position = newPosition;
        }
        return this;
    }

    /** Returns the size of the device in bytes. */
    @Override
    public long size() throws IOException {
        enter();
        try {
            long size = Libc.INSTANCE.sizeOf(fd);
            if (size < 0) {
                throw new IOException("Cannot tell the size of " + node + ": " + Errno.describe((int) -size));
            }
            return size;
        } finally {
            leave();
        }
    }

    /** A device has a fixed size: does nothing if it is not larger than {@code size}, and fails otherwise. */
    @Override
    public FileChannel truncate(long size) throws IOException {
        if (size < 0) {
            throw new IllegalArgumentException("The size is " + size + ". Allowed: 0 or more.");
        }
        if (!writable) {
            throw new NonWritableChannelException();
        }
        if (size < size()) {
            throw new IOException(node + " is a block device, which cannot be truncated to " + size + " bytes");
        }
        return this;
    }

    /** Flushes the device's write cache by fsync(2), whatever {@code metaData} is. */
    @Override
    public void force(boolean metaData) throws IOException {
        enter();
        try {
            int result = Libc.INSTANCE.fsync(fd);
            if (result < 0) {
                throw new IOException(Errno.describe(-result) + ", when flushing " + node);
            }
        } finally {
            leave();
        }
    }

    /** Not supported: see the README on mapping files of a device that this JVM serves. */
    @Override
    public MappedByteBuffer map(MapMode mode, long at, long size) {
        throw new UnsupportedOperationException(
                "A direct channel does not map. Mapping a device that this JVM serves can"
                        + " deadlock it; use reads and writes.");
    }

    /** Not supported. */
    @Override
    public FileLock lock(long at, long size, boolean shared) {
        throw noLocks();
    }

    /** Not supported. */
    @Override
    public FileLock tryLock(long at, long size, boolean shared) {
        throw noLocks();
    }

    private UnsupportedOperationException noLocks() {
        return new UnsupportedOperationException(
                "A direct channel has no locks. Lock a channel of FileChannel.open(Path.of(\"" + node + "\"), ...).");
    }

    private void checkOpen() throws ClosedChannelException {
        if (!isOpen()) {
            throw new ClosedChannelException();
        }
    }

    /** Keeps the file open until {@link #leave()}: meanwhile, its number must not be reused. */
    private void enter() throws ClosedChannelException {
        synchronized (useLock) {
            if (closing) {
                throw new ClosedChannelException();
            }
            users++;
        }
    }

    private void leave() {
        synchronized (useLock) {
            users--;
            if (closing && users == 0) {
                Libc.INSTANCE.close(fd);
            }
        }
    }

    @Override
    protected void implCloseChannel() {
        synchronized (useLock) {
            closing = true;
            if (users == 0) {
                Libc.INSTANCE.close(fd);
            }
        }
    }
}
