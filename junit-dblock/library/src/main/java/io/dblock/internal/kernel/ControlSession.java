// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.DblockException;
import io.dblock.handler.Errno;
import io.dblock.internal.module.ModuleLoader;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An open {@code /dev/dblockctl}. Devices created here end with it, unless they were made to outlive it.
 *
 * <p>Safe for use by several threads, except that none may use it during or after {@link #close()}.
 */
public final class ControlSession implements AutoCloseable {
    /** The option with which a JVM serves requests with fewer instructions. */
    public static final String JVM_OPTION = DirectRead.JVM_OPTION;

    private final Linux linux;
    private final int fd;
    private final AtomicBoolean closed = new AtomicBoolean();
    /** Null if there is none or it has failed. */
    private volatile ServeReader reader;

    private ControlSession(Linux linux, int fd) {
        this.linux = linux;
        this.fd = fd;
        reader = linux.serveReader(fd);
    }

    /**
     * Opens a session. The module must be loaded, see {@link ModuleLoader#ensureLoaded()}.
     *
     * @throws DblockException if the control node cannot be opened; the message says why and what to do
     */
    public static ControlSession open() {
        return open(Libc.INSTANCE);
    }

    static ControlSession open(Linux linux) {
        int fd = linux.open(Abi.CTL_PATH, Linux.O_RDWR | Linux.O_CLOEXEC);
        if (fd < 0) {
            String remedy;
            if (fd == -Errno.ENOENT.number() || fd == -Errno.ENXIO.number() || fd == -Errno.ENODEV.number()) {
                remedy = "The kernel module is not loaded: load it with \"insmod dblock.ko\" as root, or let"
                        + " ModuleLoader.ensureLoaded() do it.";
            } else if (fd == -Errno.EACCES.number() || fd == -Errno.EPERM.number()) {
                remedy = "Run as root, or give the node to your group with the udev rule in dblock-kmod/.";
            } else {
                remedy = "See the kernel's log (dmesg).";
            }
            throw new ControlException("Cannot open " + Abi.CTL_PATH + ": " + Errno.describe(-fd) + ". " + remedy, -fd);
        }
        return new ControlSession(linux, fd);
    }

    /**
     * Returns the version that the loaded module reports.
     *
     * @throws ControlException ENOTTY if the module does not know the call, that is, has another version than this
     *     library
     */
    public ModuleVersion version() {
        NativeMemory memory = NativeMemory.allocate(Abi.VERSION_SIZE);
        int result = linux.ioctl(fd, Abi.CTL_VERSION, memory.address());
        if (result < 0) {
            throw failure(
                    "ask the module for its version",
                    -result,
                    "Another module has this node, or one that is older or newer than this library:"
                            + " unload it with \"rmmod dblock\" and let the library load its own.");
        }
        ByteBuffer buffer = memory.buffer();
        return new ModuleVersion(
                buffer.getInt(Abi.VERSION_ABI),
                buffer.getLong(Abi.VERSION_FEATURES),
                getString(buffer, Abi.VERSION_MODULE));
    }

    /**
     * Creates a device, not started unless {@link DeviceParameters.Flag#AUTO_START} is set.
     *
     * @return the device as created
     * @throws ControlException if the module refuses; the message says what was asked and what is allowed
     */
    public DeviceInfo create(DeviceParameters parameters) {
        NativeMemory memory = NativeMemory.allocate(Abi.CREATE_SIZE);
        ByteBuffer buffer = memory.buffer();
        long flags = 0;
        for (DeviceParameters.Flag flag : parameters.flags()) {
            flags |= flag.bit();
        }
        buffer.putLong(Abi.CREATE_FLAGS, flags);
        buffer.putLong(Abi.CREATE_SIZE_BYTES, parameters.size());
        buffer.putInt(Abi.CREATE_LOGICAL_BLOCK, parameters.logicalBlock());
        buffer.putInt(Abi.CREATE_PHYSICAL_BLOCK, parameters.physicalBlock());
        buffer.putInt(Abi.CREATE_IO_MIN, parameters.ioMin());
        buffer.putInt(Abi.CREATE_IO_OPT, parameters.ioOpt());
        buffer.putInt(Abi.CREATE_QUEUES, parameters.queues());
        buffer.putInt(Abi.CREATE_DEPTH, parameters.depth());
        buffer.putInt(Abi.CREATE_MAX_IO, parameters.maxIo());
        buffer.putInt(Abi.CREATE_TIMEOUT_MS, parameters.timeoutMillis());
        buffer.putInt(Abi.CREATE_DISCARD_GRANULARITY, parameters.discardGranularity());
        buffer.putLong(Abi.CREATE_MAX_DISCARD, parameters.maxDiscard());
        buffer.putLong(Abi.CREATE_MAX_WRITE_ZEROES, parameters.maxWriteZeroes());
        buffer.putLong(Abi.CREATE_ZONE_SIZE, parameters.zoneSize());
        buffer.putInt(Abi.CREATE_MAX_OPEN_ZONES, parameters.maxOpenZones());
        buffer.putInt(Abi.CREATE_MAX_ACTIVE_ZONES, parameters.maxActiveZones());
        buffer.putInt(Abi.CREATE_MAX_APPEND, parameters.maxAppend());
        putName(buffer, Abi.CREATE_NAME, parameters.name());
        int result = linux.ioctl(fd, Abi.CTL_CREATE, memory.address());
        if (result < 0) {
            // Parameters other than the name matter only if the module refuses a value.
            boolean aboutTheName = -result == Errno.EEXIST.number() || -result == Errno.EBUSY.number();
            String device = aboutTheName ? "\"" + parameters.name() + "\"" : parameters.toString();
            throw failure("create the device " + device, -result, createRemedy(-result, parameters));
        }
        return info(buffer.getInt(Abi.CREATE_ID));
    }

    private static String createRemedy(int errno, DeviceParameters parameters) {
        if (errno == Errno.EEXIST.number()) {
            return "The name \"" + parameters.name()
                    + "\" is taken, or could be taken for a partition of a device there"
                    + " is. Choose another, leave it empty for the kernel to choose, or see"
                    + " \"java -jar junit-dblock-cli.jar list\" and destroy the old one.";
        }
        if (errno == Errno.EBUSY.number()) {
            return "A device named \"" + parameters.name()
                    + "\" was destroyed, but is still open or mounted somewhere, and"
                    + " keeps its name until that ends. Unmount it (\"grep " + parameters.name()
                    + " /proc/*/mountinfo\" shows where) or end who has it open; or choose another name, or none.";
        }
        if (errno == Errno.EPERM.number()) {
            return "Creating needs CAP_SYS_ADMIN: run as root, in a container with --privileged.";
        }
        if (errno == Errno.EINVAL.number()) {
            return "A value is out of range; the comments of struct dblock_create in dblock.h have the ranges.";
        }
        if (errno == Errno.EOPNOTSUPP.number()) {
            return "Zoned devices need Linux 6.11 or later, built with CONFIG_BLK_DEV_ZONED.";
        }
        if (errno == Errno.ENOSPC.number()) {
            return "There are too many devices; destroy some.";
        }
        if (errno == Errno.ENOMEM.number()) {
            return "The kernel has no memory for this many queues and this depth; ask for less.";
        }
        return "See the kernel's log (dmesg).";
    }

    /** Makes the disk of a device of this session appear. Returns when its partitions have been scanned. */
    public void start(int id) {
        int result = target(Abi.CTL_START, id, "", 0);
        if (result < 0) {
            throw failure(
                    "start device " + id,
                    -result,
                    result == -Errno.ENODEV.number()
                            ? "There is no such device on this session."
                            : "A device can be started only once, and not after it has ended.");
        }
    }

    /**
     * Removes a device of any session.
     *
     * @param force whether to remove it even if it is open
     * @throws ControlException ENODEV if there is no such device, EBUSY if it is open and {@code force} is false
     */
    public void destroy(int id, boolean force) {
        destroy(id, "", "device " + id, force);
    }

    /** Removes a device by name; see {@link #destroy(int, boolean)}. */
    public void destroy(String name, boolean force) {
        destroy(0, name, name, force);
    }

    private void destroy(int id, String name, String what, boolean force) {
        int result = target(Abi.CTL_DESTROY, id, name, force ? Abi.DESTROY_FORCE : 0);
        if (result < 0) {
            String remedy;
            if (result == -Errno.EBUSY.number()) {
                remedy = "It is open or mounted: unmount it (\"umount /dev/...\"), end what uses it, or destroy it by"
                        + " force.";
            } else if (result == -Errno.ENODEV.number()) {
                remedy = "There is no such device; \"java -jar junit-dblock-cli.jar list\" lists all devices.";
            } else if (result == -Errno.EALREADY.number()) {
                remedy = "Another call is destroying it.";
            } else if (result == -Errno.ENOTTY.number() || result == -Errno.EBADF.number()) {
                remedy = "Other code has closed this session's file descriptor, or uses its number now: look for code"
                        + " that closes descriptors it has not opened.";
            } else {
                remedy = "Destroying needs CAP_SYS_ADMIN: run as root.";
            }
            throw failure("destroy " + what, -result, remedy);
        }
    }

    /**
     * Changes the size of a device of any session. Processes that have it open see that at once, and a uevent reports
     * it.
     *
     * @param bytes a multiple of the logical block
     * @throws ControlException EOPNOTSUPP if the device is zoned
     */
    public void resize(int id, long bytes) {
        change("make device " + id + " " + bytes + " bytes large", id, Abi.WHAT_SIZE, bytes, 0);
    }

    /** Makes every write to a device of any session fail, or allows writes again. */
    public void setReadOnly(int id, boolean readOnly) {
        change(
                "make device " + id + (readOnly ? " read-only" : " writable"),
                id,
                Abi.WHAT_READ_ONLY,
                0,
                readOnly ? 1 : 0);
    }

    private void change(String what, int id, int members, long size, int readOnly) {
        NativeMemory memory = NativeMemory.allocate(Abi.CHANGE_SIZE);
        ByteBuffer buffer = memory.buffer();
        buffer.putInt(Abi.CHANGE_ID, id);
        buffer.putInt(Abi.CHANGE_WHAT, members);
        buffer.putLong(Abi.CHANGE_SIZE_BYTES, size);
        buffer.putInt(Abi.CHANGE_READ_ONLY, readOnly);
        int result;
        try {
            result = retryInterrupted(Abi.CTL_CHANGE, memory.address());
        } finally {
            Reference.reachabilityFence(memory);
        }
        if (result < 0) {
            throw failure(what, -result, changeRemedy(-result));
        }
    }

    private static String changeRemedy(int errno) {
        if (errno == Errno.EINVAL.number()) {
            return "The size has to be a multiple of the logical block.";
        }
        if (errno == Errno.EOPNOTSUPP.number()) {
            return "The size of a zoned device cannot change.";
        }
        if (errno == Errno.EPERM.number()) {
            return "Changing a device needs CAP_SYS_ADMIN: run as root.";
        }
        return "There is no such device, or it has ended.";
    }

    private int target(long request, int id, String name, int flags) {
        NativeMemory memory = NativeMemory.allocate(Abi.TARGET_SIZE);
        ByteBuffer buffer = memory.buffer();
        buffer.putInt(Abi.TARGET_ID, id);
        buffer.putInt(Abi.TARGET_FLAGS, flags);
        putName(buffer, Abi.TARGET_NAME, name);
        try {
            return retryInterrupted(request, memory.address());
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    /** A signal that the JVM sends itself may end the killable waits in start and destroy early. */
    private int retryInterrupted(long request, long address) {
        int result;
        do {
            result = linux.ioctl(fd, request, address);
        } while (result == -Errno.EINTR.number());
        return result;
    }

    /** Returns what the module reports about this device. */
    public DeviceInfo info(int id) {
        return info(id, "", "device " + id);
    }

    /** Returns what the module reports about the device with this name. */
    public DeviceInfo info(String name) {
        return info(0, name, name);
    }

    private DeviceInfo info(int id, String name, String what) {
        NativeMemory memory = NativeMemory.allocate(Abi.INFO_SIZE);
        ByteBuffer buffer = memory.buffer();
        buffer.putInt(Abi.INFO_CREATE + Abi.CREATE_ID, id);
        putName(buffer, Abi.INFO_CREATE + Abi.CREATE_NAME, name);
        int result = linux.ioctl(fd, Abi.CTL_INFO, memory.address());
        if (result < 0) {
            throw failure(
                    "ask about " + what,
                    -result,
                    "There is no such device; \"java -jar junit-dblock-cli.jar list\" lists all devices.");
        }
        return new DeviceInfo(
                buffer.getInt(Abi.CREATE_ID),
                new DeviceParameters(
                        getString(buffer, Abi.CREATE_NAME),
                        buffer.getLong(Abi.CREATE_SIZE_BYTES),
                        buffer.getInt(Abi.CREATE_LOGICAL_BLOCK),
                        buffer.getInt(Abi.CREATE_PHYSICAL_BLOCK),
                        buffer.getInt(Abi.CREATE_IO_MIN),
                        buffer.getInt(Abi.CREATE_IO_OPT),
                        buffer.getInt(Abi.CREATE_QUEUES),
                        buffer.getInt(Abi.CREATE_DEPTH),
                        buffer.getInt(Abi.CREATE_MAX_IO),
                        buffer.getInt(Abi.CREATE_TIMEOUT_MS),
                        buffer.getInt(Abi.CREATE_DISCARD_GRANULARITY),
                        buffer.getLong(Abi.CREATE_MAX_DISCARD),
                        buffer.getLong(Abi.CREATE_MAX_WRITE_ZEROES),
                        flags(buffer.getLong(Abi.CREATE_FLAGS)),
                        buffer.getLong(Abi.CREATE_ZONE_SIZE),
                        buffer.getInt(Abi.CREATE_MAX_OPEN_ZONES),
                        buffer.getInt(Abi.CREATE_MAX_ACTIVE_ZONES),
                        buffer.getInt(Abi.CREATE_MAX_APPEND)),
                state(buffer.getInt(Abi.INFO_STATE)),
                buffer.getInt(Abi.INFO_OPENERS),
                buffer.getInt(Abi.INFO_MAJOR),
                buffer.getInt(Abi.INFO_MINOR),
                buffer.getInt(Abi.INFO_OWNER),
                buffer.getInt(Abi.INFO_SERVERS),
                buffer.getInt(Abi.INFO_PENDING),
                oldest(buffer));
    }

    /** A module without DBLOCK_FEAT_OLDEST leaves these members zero, as they were passed. */
    private static Optional<OldestRequest> oldest(ByteBuffer buffer) {
        int who = buffer.getInt(Abi.INFO_OLDEST);
        if (who == Abi.OLDEST_NONE) {
            return Optional.empty();
        }
        return Optional.of(new OldestRequest(
                Short.toUnsignedInt(buffer.getShort(Abi.INFO_OLDEST_OP)),
                buffer.getLong(Abi.INFO_OLDEST_SECTOR) * Abi.SECTOR_SIZE,
                Integer.toUnsignedLong(buffer.getInt(Abi.INFO_OLDEST_LENGTH)),
                Duration.ofMillis(Integer.toUnsignedLong(buffer.getInt(Abi.INFO_OLDEST_AGE_MS))),
                who == Abi.OLDEST_HELD));
    }

    private static Set<DeviceParameters.Flag> flags(long bits) {
        EnumSet<DeviceParameters.Flag> flags = EnumSet.noneOf(DeviceParameters.Flag.class);
        for (DeviceParameters.Flag flag : DeviceParameters.Flag.values()) {
            if ((bits & flag.bit()) != 0) {
                flags.add(flag);
            }
        }
        return flags;
    }

    private static DeviceInfo.State state(int number) {
        return switch (number) {
            case Abi.STATE_CREATED -> DeviceInfo.State.CREATED;
            case Abi.STATE_LIVE -> DeviceInfo.State.LIVE;
            case Abi.STATE_ENDING -> DeviceInfo.State.ENDING;
            case Abi.STATE_WAITING -> DeviceInfo.State.WAITING;
            default ->
                throw new DblockException("The module reports the state " + number
                        + " of a device, which this library does not know. They have different versions.");
        };
    }

    /** Returns all devices, of all sessions. A device that ends meanwhile may be missing. */
    public List<DeviceInfo> list() {
        int capacity = 64;
        while (true) {
            NativeMemory ids = NativeMemory.allocate(capacity * Integer.BYTES);
            NativeMemory memory = NativeMemory.allocate(Abi.LIST_SIZE);
            memory.buffer().putLong(Abi.LIST_IDS, ids.address());
            memory.buffer().putInt(Abi.LIST_CAPACITY, capacity);
            int result = linux.ioctl(fd, Abi.CTL_LIST, memory.address());
            if (result < 0) {
                throw failure("list the devices", -result, "See the kernel's log (dmesg).");
            }
            int count = memory.buffer().getInt(Abi.LIST_COUNT);
            if (count > capacity) {
                capacity = count + 16;
                continue;
            }
            List<DeviceInfo> devices = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                try {
                    devices.add(info(ids.buffer().getInt(i * Integer.BYTES)));
                } catch (ControlException e) {
                    if (!e.is(Errno.ENODEV)) {
                        throw e;
                    }
                }
            }
            return devices;
        }
    }

    /** Returns the system calls that the session uses. */
    Linux linux() {
        return linux;
    }

    /** Returns an object that is the same for all sessions with one kernel. */
    public Object kernel() {
        return linux;
    }

    int fd() {
        return fd;
    }

    /**
     * Calls DBLOCK_SERVE with this structure; returns 0 or a negative error. The members that the module sets must be
     * zero.
     *
     * @param call from 0 to its limit, in native byte order
     * @param address the address of the structure
     */
    int serve(ByteBuffer call, long address) {
        ServeReader reader = this.reader;
        if (reader != null) {
            try {
                reader.read(address);
                return call.getInt(Abi.SERVE_RESULT);
            } catch (IOException e) {
                // Another way may still work: the session may have come from a process with other credentials.
                this.reader = null;
            }
        }
        return linux.ioctl(fd, Abi.SERVE, address);
    }

    /** Returns the exception for a failed call. */
    ControlException failure(String what, int errno, String remedy) {
        return new ControlException("Cannot " + what + ": " + Errno.describe(errno) + ". " + remedy, errno);
    }

    /** Closes the session. Idempotent. Its threads must have left SERVE: the number of the file may be reused. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            linux.close(fd);
        }
    }

    private static void putName(ByteBuffer buffer, int at, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length >= Abi.NAME_LEN) {
            throw new IllegalArgumentException("The name \"" + name + "\" has " + bytes.length
                    + " characters. Allowed: at most 27, starting with dblock.");
        }
        buffer.put(at, bytes);
    }

    private static String getString(ByteBuffer buffer, int at) {
        byte[] bytes = new byte[Abi.NAME_LEN];
        buffer.get(at, bytes);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) {
            length++;
        }
        return new String(bytes, 0, length, StandardCharsets.US_ASCII);
    }
}
