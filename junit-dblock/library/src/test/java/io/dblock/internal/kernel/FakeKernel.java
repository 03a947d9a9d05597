// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import com.sun.jna.Pointer;
import io.dblock.handler.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/**
 * The module's side of dblock.h, without a disk: a test submits requests and gets their completions. It works on the bytes
 * of the structures, as the module does, and refuses what the module refuses.
 */
public final class FakeKernel implements Linux {
    /**
     * What became of a request: 0 or the last negative error of its parts, what a read or a zone report has read or, in eight
     * bytes, the sector of a zone append, and its parts in order.
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody
    public record Completion(int result, byte[] data, List<Part> parts) {
        /** The result at a byte of the request. */
        public int resultAt(long position) {
            long end = 0;
            for (Part part : parts) {
                end += part.length();
                if (position < end) {
                    return part.result();
                }
            }
            throw new AssertionError("no answer about byte " + position + ": " + parts);
        }
    }

    /** So many bytes ended so. */
    public record Part(long length, int result) {}

    private static final class Request {
        long cookie;
        int operation;
        long sector;
        long length;
        int flags;
        int queue;
        final long issued = System.nanoTime();
        byte[] data;
        long answered;
        int error;
        byte[] read;
        boolean done;
        final List<Part> parts = new ArrayList<>();
        final CompletableFuture<Completion> completion = new CompletableFuture<>();

        void endPart(long size, int result) {
            parts.add(new Part(size, result));
            answered += size;
            if (result != 0) {
                error = result;
            }
        }

        void end(int result) {
            endPart(length - answered, result);
            done = true;
            completion.complete(new Completion(error, read, List.copyOf(parts)));
        }
    }

    private static final class Device {
        byte[] create;
        int id;
        int owner;
        int state = Abi.STATE_CREATED;
        int openers;
        boolean removing;
        final List<Deque<Request>> queues = new ArrayList<>();
        final Map<Long, Request> handedOut = new HashMap<>();

        ByteBuffer parameters() {
            return ByteBuffer.wrap(create).order(ByteOrder.nativeOrder());
        }

        String name() {
            return string(create, Abi.CREATE_NAME);
        }
    }

    private static final class Interest {
        int events;
        long data;
        boolean told;
    }

    private final Map<Integer, Set<Integer>> sessions = new HashMap<>();
    /** By epoll instance and file. */
    private final Map<Integer, Map<Integer, Interest>> epolls = new TreeMap<>();
    /** Whether a signal has not been told of. */
    private final Map<Integer, Boolean> eventfds = new HashMap<>();
    /** Devices that have ended and whose server was not told. */
    private final Set<Integer> untold = new HashSet<>();

    private final Map<Integer, Device> devices = new TreeMap<>();
    private final Map<String, Integer> heldNames = new HashMap<>();
    private final Random random;
    private final double interruptions;
    private boolean slowToDestroy;
    private boolean failsToClose;
    private int nextFd = 100;
    private int nextId = 1;
    private long nextCookie = 0x1000;
    private int abi = Abi.ABI_VERSION;
    private long lastFetched;
    private long features = Abi.FEAT_WRITE_ZEROES
            | Abi.FEAT_PARTIAL_ERROR
            | Abi.FEAT_ANSWER_ZEROES
            | Abi.FEAT_ANSWER_MORE
            | Abi.FEAT_TIMES
            | Abi.FEAT_SEGMENTS;
    private int openError;
    private int versionError;
    private boolean pollable = true;
    private boolean readable;
    private int reads;
    private boolean refusesReads;
    private int serveError;
    private int serveCalls;
    private int interrupted;

    /** A kernel without signals. */
    public FakeKernel() {
        this(0, 0);
    }

    /** One whose SERVE is interrupted by a signal with this probability, at each point where that can happen. */
    public FakeKernel(long seed, double interruptions) {
        random = new Random(seed);
        this.interruptions = interruptions;
    }

    /** Opens a session here. */
    public ControlSession session() {
        return ControlSession.open(this);
    }

    /** From now on it speaks another ABI. */
    public FakeKernel speaking(int otherAbi) {
        abi = otherAbi;
        return this;
    }

    /** From now on it has these features. */
    public FakeKernel withFeatures(long others) {
        features = others;
        return this;
    }

    /** As a module from before DBLOCK_FEAT_POLL: its sessions cannot be waited for. */
    public FakeKernel withoutPoll() {
        pollable = false;
        return this;
    }

    /** Sessions opened from now on are served by reads. */
    public FakeKernel withReads() {
        readable = true;
        return this;
    }

    /** As a module from before DBLOCK_FEAT_READ, whose sessions cannot be read. */
    synchronized FakeKernel refusingReads() {
        refusesReads = true;
        return this;
    }

    /** How often SERVE was called by a read. */
    synchronized int reads() {
        return reads;
    }

    /** From now on SERVE fails with this; null: works. */
    public synchronized FakeKernel refusingToServe(Errno error) {
        serveError = error == null ? 0 : error.number();
        return this;
    }

    /** Opening the control node fails with this; null: works. */
    public FakeKernel refusingToOpen(Errno error) {
        openError = error == null ? 0 : error.number();
        return this;
    }

    /** Asking for the version fails with this. */
    public FakeKernel refusingItsVersion(Errno error) {
        versionError = error.number();
        return this;
    }

    /** Returns when the last request was fetched. */
    public synchronized long lastFetched() {
        return lastFetched;
    }

    /** Submits a request to a device; the completion comes when the server has answered. */
    public synchronized CompletableFuture<Completion> submit(
            String device, int operation, int queue, long offset, long length, byte[] data, int flags) {
        Device target = byName(device);
        Request request = new Request();
        request.cookie = nextCookie++;
        request.operation = operation;
        request.sector = offset / Abi.SECTOR_SIZE;
        request.length = length;
        request.flags = flags;
        request.queue = queue;
        request.data = data;
        if (target == null || target.state == Abi.STATE_ENDING) {
            request.end(-Errno.EIO.number());
        } else {
            target.queues.get(queue).add(request);
            notifyAll();
        }
        return request.completion;
    }

    /** Ends every request that servers hold, as the timeout does. */
    public synchronized void timeOutHeld(String device) {
        for (Request request : byName(device).handedOut.values()) {
            if (!request.done) {
                request.end(-Errno.ETIMEDOUT.number());
            }
        }
    }

    /** How many requests servers hold. */
    public synchronized int held(String device) {
        return (int) byName(device).handedOut.values().stream()
                .filter(request -> !request.done)
                .count();
    }

    /** Opens the device's node so many times. */
    public synchronized void setOpeners(String device, int openers) {
        byName(device).openers = openers;
    }

    /** A former device of this name is closed for the last time only after so many tries to create another. */
    public synchronized FakeKernel holdingName(String name, int tries) {
        heldNames.put(name, tries);
        return this;
    }

    /** From now on destroying a device in good order goes on until it is destroyed by force: a request of it is not answered. */
    public synchronized FakeKernel slowToDestroy() {
        slowToDestroy = true;
        return this;
    }

    /** Whether somebody is destroying this device. */
    public synchronized boolean isBeingDestroyed(String device) {
        Device known = byName(device);
        return known != null && known.removing;
    }

    /** From now on closing a session throws when it is closed. */
    public synchronized FakeKernel failingToClose() {
        failsToClose = true;
        return this;
    }

    /** How many sessions are open. */
    public synchronized int openSessions() {
        return sessions.size();
    }

    /** How many other files are open: epoll instances and eventfds. */
    public synchronized int openWaits() {
        return epolls.size() + eventfds.size();
    }

    /** How many devices there are. */
    public synchronized int deviceCount() {
        return devices.size();
    }

    /** How many devices were made, those that are gone included. */
    public synchronized int devicesMade() {
        return nextId - 1;
    }

    /** How often SERVE was called. */
    public synchronized int serveCalls() {
        return serveCalls;
    }

    /** How often a signal came. */
    public synchronized int interruptedCalls() {
        return interrupted;
    }

    private Device byName(String name) {
        return devices.values().stream()
                .filter(device -> device.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    @Override
    public synchronized int open(String path, int flags) {
        if (!path.equals(Abi.CTL_PATH)) {
            throw new AssertionError("opened " + path);
        }
        if (openError != 0) {
            return -openError;
        }
        int fd = nextFd++;
        sessions.put(fd, new HashSet<>());
        return fd;
    }

    @Override
    public synchronized int close(int fd) {
        epolls.values().forEach(interests -> interests.remove(fd));
        if (epolls.remove(fd) != null || eventfds.remove(fd) != null) {
            notifyAll();
            return 0;
        }
        Set<Integer> ids = sessions.remove(fd);
        if (ids == null) {
            throw new AssertionError("closed twice: " + fd);
        }
        for (Device device : List.copyOf(devices.values())) {
            if (device.owner == fd) {
                end(device);
            }
        }
        if (failsToClose) {
            throw new IllegalStateException("The session cannot be closed.");
        }
        return 0;
    }

    private void end(Device device) {
        if (device.state == Abi.STATE_ENDING) {
            return;
        }
        device.state = Abi.STATE_ENDING;
        devices.remove(device.id);
        untold.add(device.id);
        for (Deque<Request> queue : device.queues) {
            queue.forEach(request -> request.end(-Errno.EIO.number()));
            queue.clear();
        }
        device.handedOut.values().stream()
                .filter(request -> !request.done)
                .forEach(request -> request.end(-Errno.EIO.number()));
        notifyAll();
    }

    @Override
    public synchronized int epollCreate() {
        int fd = nextFd++;
        epolls.put(fd, new TreeMap<>());
        return fd;
    }

    @Override
    public synchronized int eventfd() {
        int fd = nextFd++;
        eventfds.put(fd, false);
        return fd;
    }

    @Override
    public synchronized int signal(int eventfd) {
        if (eventfds.replace(eventfd, true) == null) {
            return -Errno.EBADF.number();
        }
        notifyAll();
        return 0;
    }

    @Override
    public synchronized int epollControl(int epoll, int operation, int fd, long event) {
        Map<Integer, Interest> interests = epolls.get(epoll);
        if (interests == null || (!sessions.containsKey(fd) && !eventfds.containsKey(fd))) {
            return -Errno.EBADF.number();
        }
        if (sessions.containsKey(fd) && !pollable) {
            return -Errno.EPERM.number();
        }
        if (operation == EPOLL_CTL_ADD && interests.containsKey(fd)) {
            return -Errno.EEXIST.number();
        }
        if (operation != EPOLL_CTL_ADD && !interests.containsKey(fd)) {
            return -Errno.ENOENT.number();
        }
        if (operation == EPOLL_CTL_DEL) {
            interests.remove(fd);
            return 0;
        }
        ByteBuffer in = at(event, Readiness.EVENT_SIZE);
        Interest interest = new Interest();
        interest.events = in.getInt(Readiness.EVENT_EVENTS);
        interest.data = in.getLong(Readiness.EVENT_DATA);
        interests.put(fd, interest);
        notifyAll();
        return 0;
    }

    @Override
    public synchronized int epollWait(int epoll, long events, int capacity, int timeoutMillis) {
        long deadline = System.nanoTime() + timeoutMillis * 1_000_000L;
        while (true) {
            Map<Integer, Interest> interests = epolls.get(epoll);
            if (interests == null) {
                return -Errno.EBADF.number();
            }
            if (signal()) {
                return -Errno.EINTR.number();
            }
            int count = 0;
            for (Map.Entry<Integer, Interest> entry : interests.entrySet()) {
                Interest interest = entry.getValue();
                if (count < capacity && !interest.told && isReady(entry.getKey())) {
                    interest.told = (interest.events & EPOLLONESHOT) != 0;
                    // Edge-triggered.
                    eventfds.replace(entry.getKey(), false);
                    ByteBuffer out = at(events + (long) count * Readiness.EVENT_SIZE, Readiness.EVENT_SIZE);
                    out.putInt(Readiness.EVENT_EVENTS, EPOLLIN);
                    out.putLong(Readiness.EVENT_DATA, interest.data);
                    count++;
                }
            }
            long left = timeoutMillis < 0 ? Long.MAX_VALUE : deadline - System.nanoTime();
            if (count > 0 || left <= 0) {
                return count;
            }
            try {
                wait(1 + Math.min(left / 1_000_000, Integer.MAX_VALUE));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return -Errno.EINTR.number();
            }
        }
    }

    private boolean isReady(int fd) {
        if (eventfds.containsKey(fd)) {
            return eventfds.get(fd);
        }
        for (int id : sessions.get(fd)) {
            Device device = devices.get(id);
            if (device == null ? untold.contains(id) : device.queues.stream().anyMatch(queue -> !queue.isEmpty())) {
                return true;
            }
        }
        return false;
    }

    @Override
    public int finitModule(int fd) {
        throw new AssertionError("not a matter of this fake");
    }

    @Override
    public int deleteModule(String name, int flags) {
        throw new AssertionError("not a matter of this fake");
    }

    @Override
    public synchronized int ioctl(int fd, long request, long argument) {
        Set<Integer> session = sessions.get(fd);
        if (session == null) {
            throw new AssertionError("ioctl on a closed file: " + fd);
        }
        if (request == Abi.CTL_VERSION) {
            return version(at(argument, Abi.VERSION_SIZE));
        } else if (request == Abi.CTL_CREATE) {
            return create(fd, session, at(argument, Abi.CREATE_SIZE));
        } else if (request == Abi.CTL_START) {
            return start(fd, at(argument, Abi.TARGET_SIZE));
        } else if (request == Abi.CTL_CHANGE) {
            return change(at(argument, Abi.CHANGE_SIZE));
        } else if (request == Abi.CTL_DESTROY) {
            return destroy(at(argument, Abi.TARGET_SIZE));
        } else if (request == Abi.CTL_INFO) {
            return info(at(argument, Abi.INFO_SIZE));
        } else if (request == Abi.CTL_LIST) {
            return list(at(argument, Abi.LIST_SIZE));
        } else if (request == Abi.SERVE) {
            return serve(session, at(argument, Abi.SERVE_SIZE));
        }
        return -Errno.ENOTTY.number();
    }

    @Override
    public ServeReader serveReader(int fd) {
        return readable ? address -> read(fd, address) : null;
    }

    private synchronized void read(int fd, long address) throws IOException {
        if (refusesReads) {
            throw new IOException(Errno.describe(Errno.EINVAL.number()));
        }
        ByteBuffer call = at(address, Abi.SERVE_SIZE);
        int result = serve(Objects.requireNonNull(sessions.get(fd)), call);
        if (result != 0) {
            call.putInt(Abi.SERVE_RESULT, result);
        }
        reads++;
    }

    private int change(ByteBuffer in) {
        int what = in.getInt(Abi.CHANGE_WHAT);
        Device device = devices.get(in.getInt(Abi.CHANGE_ID));
        if (what == 0 || (what & ~(Abi.WHAT_SIZE | Abi.WHAT_READ_ONLY)) != 0) {
            return -Errno.EINVAL.number();
        }
        if (device == null) {
            return -Errno.ENODEV.number();
        }
        ByteBuffer parameters = device.parameters();
        if ((what & Abi.WHAT_SIZE) != 0) {
            long size = in.getLong(Abi.CHANGE_SIZE_BYTES);
            if (size <= 0 || size % parameters.getInt(Abi.CREATE_LOGICAL_BLOCK) != 0) {
                return -Errno.EINVAL.number();
            }
            parameters.putLong(Abi.CREATE_SIZE_BYTES, size);
        }
        if ((what & Abi.WHAT_READ_ONLY) != 0) {
            long flags = parameters.getLong(Abi.CREATE_FLAGS);
            long bit = DeviceParameters.Flag.READ_ONLY.bit();
            parameters.putLong(Abi.CREATE_FLAGS, in.getInt(Abi.CHANGE_READ_ONLY) != 0 ? flags | bit : flags & ~bit);
        }
        return 0;
    }

    private int version(ByteBuffer out) {
        if (versionError != 0) {
            return -versionError;
        }
        out.putInt(Abi.VERSION_ABI, abi);
        out.putLong(Abi.VERSION_FEATURES, features);
        out.put(Abi.VERSION_MODULE, "fake".getBytes(StandardCharsets.US_ASCII));
        return 0;
    }

    private int create(int fd, Set<Integer> session, ByteBuffer in) {
        int logical = in.getInt(Abi.CREATE_LOGICAL_BLOCK);
        if (!isZero(in, Abi.CREATE_ID, Abi.CREATE_MAX_OPEN_ZONES)
                || !isZero(in, Abi.CREATE_MAX_APPEND + 4, Abi.CREATE_SIZE)
                || !isZero(in, Abi.CREATE_DISCARD_GRANULARITY + 4, Abi.CREATE_MAX_DISCARD)
                || (in.getLong(Abi.CREATE_FLAGS) & ~0xffL) != 0
                || logical < 512
                || logical > 4096
                || in.getLong(Abi.CREATE_SIZE_BYTES) <= 0
                || in.getLong(Abi.CREATE_SIZE_BYTES) % logical != 0) {
            return -Errno.EINVAL.number();
        }
        Device device = new Device();
        device.create = new byte[Abi.CREATE_SIZE];
        in.get(0, device.create);
        device.id = nextId;
        device.owner = fd;
        String name = device.name().isEmpty() ? "dblock" + (device.id - 1) : device.name();
        if (byName(name) != null) {
            return -Errno.EEXIST.number();
        }
        if (heldNames.containsKey(name) && heldNames.merge(name, -1, Integer::sum) >= 0) {
            return -Errno.EBUSY.number();
        }
        nextId++;
        device.parameters().put(Abi.CREATE_NAME, name.getBytes(StandardCharsets.US_ASCII));
        device.parameters().putInt(Abi.CREATE_ID, device.id);
        in.put(0, device.create);
        for (int i = 0; i < in.getInt(Abi.CREATE_QUEUES); i++) {
            device.queues.add(new ArrayDeque<>());
        }
        if ((in.getLong(Abi.CREATE_FLAGS) & DeviceParameters.Flag.AUTO_START.bit()) != 0) {
            device.state = Abi.STATE_LIVE;
        }
        devices.put(device.id, device);
        session.add(device.id);
        return 0;
    }

    private Device target(ByteBuffer in) {
        int id = in.getInt(Abi.TARGET_ID);
        return id != 0 ? devices.get(id) : byName(string(in, Abi.TARGET_NAME));
    }

    private int start(int fd, ByteBuffer in) {
        Device device = target(in);
        if (!isZero(in, Abi.TARGET_FLAGS, Abi.TARGET_NAME) || !isZero(in, 40, Abi.TARGET_SIZE)) {
            return -Errno.EINVAL.number();
        }
        if (device == null || device.owner != fd) {
            return -Errno.ENODEV.number();
        }
        if (device.state != Abi.STATE_CREATED) {
            return -Errno.EALREADY.number();
        }
        device.state = Abi.STATE_LIVE;
        return 0;
    }

    private int destroy(ByteBuffer in) {
        Device device = target(in);
        int flags = in.getInt(Abi.TARGET_FLAGS);
        if ((flags & ~Abi.DESTROY_FORCE) != 0 || !isZero(in, 40, Abi.TARGET_SIZE)) {
            return -Errno.EINVAL.number();
        }
        if (device == null) {
            return -Errno.ENODEV.number();
        }
        boolean force = flags == Abi.DESTROY_FORCE;
        if (device.removing) {
            if (force) {
                end(device);
            }
            return -Errno.EALREADY.number();
        }
        if (device.openers > 0 && !force) {
            return -Errno.EBUSY.number();
        }
        device.removing = true;
        notifyAll();
        while (slowToDestroy && !force && devices.containsKey(device.id)) {
            try {
                wait();
            } catch (InterruptedException e) {
                // As the module's, whose wait only a fatal signal ends.
            }
        }
        end(device);
        return 0;
    }

    private int info(ByteBuffer buffer) {
        int id = buffer.getInt(Abi.CREATE_ID);
        Device device = id != 0 ? devices.get(id) : byName(string(buffer, Abi.CREATE_NAME));
        if (device == null) {
            return -Errno.ENODEV.number();
        }
        buffer.put(0, device.create);
        buffer.putInt(Abi.INFO_STATE, device.state);
        buffer.putInt(Abi.INFO_OPENERS, device.openers);
        buffer.putInt(Abi.INFO_MAJOR, 259);
        buffer.putInt(Abi.INFO_MINOR, device.id);
        buffer.putInt(Abi.INFO_OWNER, 4711);
        buffer.putInt(Abi.INFO_SERVERS, 1);
        buffer.putInt(
                Abi.INFO_PENDING,
                device.queues.stream().mapToInt(Deque::size).sum()
                        + (int) device.handedOut.values().stream()
                                .filter(request -> !request.done)
                                .count());
        return 0;
    }

    private int list(ByteBuffer buffer) {
        int capacity = buffer.getInt(Abi.LIST_CAPACITY);
        ByteBuffer ids = at(buffer.getLong(Abi.LIST_IDS), capacity * Integer.BYTES);
        int i = 0;
        for (int id : devices.keySet()) {
            if (i < capacity) {
                ids.putInt(i * Integer.BYTES, id);
            }
            i++;
        }
        buffer.putInt(Abi.LIST_COUNT, i);
        return 0;
    }

    private boolean signal() {
        if (random.nextDouble() < interruptions) {
            interrupted++;
            return true;
        }
        return false;
    }

    private int serve(Set<Integer> session, ByteBuffer call) {
        serveCalls++;
        if (!isZero(call, Abi.SERVE_FLAGS, Abi.SERVE_CONSUMED) || !isZero(call, 72, Abi.SERVE_SIZE)) {
            return -Errno.EINVAL.number();
        }
        int id = call.getInt(Abi.SERVE_DEVICE);
        if (!session.contains(id)) {
            return -Errno.ENODEV.number();
        }
        call.putInt(Abi.SERVE_CONSUMED, 0);
        call.putInt(Abi.SERVE_NR_REQUESTS, 0);
        call.putInt(Abi.SERVE_STATE, 0);
        Device device = devices.get(id);
        if (device == null) {
            return ended(id, call);
        }
        if (serveError != 0) {
            return -serveError;
        }
        int wanted = call.getInt(Abi.SERVE_MAX_REQUESTS);
        if (wanted > 0
                && call.getLong(Abi.SERVE_BUFFER_SIZE) < device.parameters().getInt(Abi.CREATE_MAX_IO)) {
            return -Errno.EINVAL.number();
        }
        int answers = call.getInt(Abi.SERVE_NR_ANSWERS);
        for (int i = 0; i < answers; i++) {
            if (signal()) {
                return -Errno.EINTR.number();
            }
            int result =
                    take(device, at(call.getLong(Abi.SERVE_ANSWERS) + (long) i * Abi.ANSWER_SIZE, Abi.ANSWER_SIZE));
            if (result < 0) {
                return result;
            }
            call.putInt(Abi.SERVE_CONSUMED, i + 1);
        }
        if (wanted == 0) {
            return 0;
        }
        long limit = call.getLong(Abi.SERVE_TIMEOUT_NS);
        long deadline = System.nanoTime() + limit;
        boolean interrupted = false;
        try {
            while (true) {
                if (device.state == Abi.STATE_ENDING) {
                    return ended(id, call);
                }
                if (signal()) {
                    return -Errno.EINTR.number();
                }
                int got = fetch(device, call, wanted);
                if (got > 0) {
                    call.putInt(Abi.SERVE_NR_REQUESTS, got);
                    return 0;
                }
                long left = limit < 0 ? Long.MAX_VALUE : deadline - System.nanoTime();
                if (left <= 0) {
                    return 0;
                }
                try {
                    wait(1 + Math.min(left / 1_000_000, Integer.MAX_VALUE));
                } catch (InterruptedException e) {
                    // Java's interrupts are no signals.
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private int ended(int id, ByteBuffer call) {
        untold.remove(id);
        call.putInt(Abi.SERVE_STATE, Abi.SERVE_END);
        return 0;
    }

    private int take(Device device, ByteBuffer answer) {
        long cookie = answer.getLong(Abi.ANSWER_COOKIE);
        Request request = device.handedOut.get(cookie);
        if (request == null) {
            return -Errno.ENOENT.number();
        }
        if (request.done) {
            return -Errno.ESTALE.number();
        }
        long remaining = request.length - request.answered;
        int result = answer.getInt(Abi.ANSWER_RESULT);
        int flags = answer.getInt(Abi.ANSWER_FLAGS);
        long length = answer.getLong(Abi.ANSWER_LENGTH);
        boolean zeroes = (flags & Abi.ANS_ZEROES) != 0;
        boolean more = (flags & Abi.ANS_MORE) != 0;
        int segments = answer.getInt(Abi.ANSWER_SEGMENTS);
        boolean segmented = (flags & Abi.ANS_SEGMENTS) != 0;
        if ((flags & ~(Abi.ANS_ZEROES | Abi.ANS_MORE | Abi.ANS_SEGMENTS)) != 0
                || segmented != (segments != 0)
                || !isZero(answer, Abi.ANSWER_SEGMENTS + 4, Abi.ANSWER_SIZE)) {
            return -Errno.EINVAL.number();
        }
        int block = device.parameters().getInt(Abi.CREATE_LOGICAL_BLOCK);
        boolean lengthFits;
        if (more) {
            lengthFits = length > 0 && length < remaining && length % block == 0;
        } else if (result != 0) {
            lengthFits = length == 0 || (length > 0 && length < remaining && length % block == 0);
        } else {
            lengthFits = length == remaining;
        }
        boolean special = zeroes || segmented;
        if (!lengthFits
                || result > 0
                || (zeroes && segmented)
                || (special && (request.operation != Abi.OP_READ || (more && result != 0)))) {
            return -Errno.EBADMSG.number();
        }
        if (request.operation == Abi.OP_ZONE_APPEND && result == 0) {
            if (more) {
                return -Errno.EBADMSG.number();
            }
            request.read = ByteBuffer.allocate(Long.BYTES)
                    .putLong(0, answer.getLong(Abi.ANSWER_DATA))
                    .array();
        }
        boolean reads = request.operation == Abi.OP_READ || request.operation == Abi.OP_ZONE_REPORT;
        if (reads && length > 0 && !(more && result != 0)) {
            if (request.read == null) {
                request.read = new byte[(int) request.length];
            }
            int refused = zeroes ? 0 : copy(answer.getLong(Abi.ANSWER_DATA), segments, (int) length, request);
            if (refused != 0) {
                return refused;
            }
        }
        if (more) {
            request.endPart(length, result);
            return 0;
        }
        if (result != 0 && length > 0) {
            request.endPart(length, 0);
        }
        request.end(result);
        return 0;
    }

    /** Copies the data of an answer; {@code segments} is 0 if it is in one piece. */
    private static int copy(long data, int segments, int length, Request request) {
        if (data < 4096) {
            return -Errno.EFAULT.number();
        }
        int done = 0;
        for (int i = 0; i < Math.max(1, segments); i++) {
            ByteBuffer segment = segments == 0 ? null : at(data + (long) i * Abi.SEGMENT_SIZE, Abi.SEGMENT_SIZE);
            long from = segment == null ? data : segment.getLong(Abi.SEGMENT_DATA);
            long size = segment == null ? length : segment.getLong(Abi.SEGMENT_LENGTH);
            if (size <= 0 || size > length - done) {
                return -Errno.EBADMSG.number();
            }
            if (from != 0 && from < 4096) {
                return -Errno.EFAULT.number();
            }
            int to = (int) request.answered + done;
            if (from == 0) {
                Arrays.fill(request.read, to, to + (int) size, (byte) 0);
            } else {
                at(from, (int) size).get(0, request.read, to, (int) size);
            }
            done += (int) size;
        }
        return done == length ? 0 : -Errno.EBADMSG.number();
    }

    private int fetch(Device device, ByteBuffer call, int wanted) {
        int which = call.getInt(Abi.SERVE_QUEUE);
        long free = call.getLong(Abi.SERVE_BUFFER_SIZE);
        long data = call.getLong(Abi.SERVE_BUFFER);
        int got = 0;
        long now = System.nanoTime();
        for (Deque<Request> queue : which == Abi.QUEUE_ANY ? device.queues : List.of(device.queues.get(which))) {
            while (got < wanted && !queue.isEmpty()) {
                Request request = queue.peek();
                boolean write = request.operation == Abi.OP_WRITE || request.operation == Abi.OP_ZONE_APPEND;
                if (write && request.length > free) {
                    return got;
                }
                queue.remove();
                ByteBuffer out = at(call.getLong(Abi.SERVE_REQUESTS) + (long) got * Abi.REQUEST_SIZE, Abi.REQUEST_SIZE);
                out.putLong(Abi.REQUEST_COOKIE, request.cookie);
                out.putLong(Abi.REQUEST_SECTOR, request.sector);
                out.putLong(Abi.REQUEST_LENGTH, request.length);
                out.putLong(Abi.REQUEST_DATA, write ? data : 0);
                out.putShort(Abi.REQUEST_OP, (short) request.operation);
                out.putShort(Abi.REQUEST_QUEUE, (short) request.queue);
                out.putInt(Abi.REQUEST_FLAGS, request.flags);
                out.putLong(Abi.REQUEST_ISSUED_NS, request.issued);
                out.putLong(Abi.REQUEST_FETCHED_NS, now);
                lastFetched = now;
                if (write) {
                    at(data, (int) request.length).put(0, request.data);
                    data += request.length;
                    free -= request.length;
                }
                device.handedOut.put(request.cookie, request);
                got++;
            }
        }
        return got;
    }

    private static ByteBuffer at(long address, int size) {
        return new Pointer(address).getByteBuffer(0, size).order(ByteOrder.nativeOrder());
    }

    private static boolean isZero(ByteBuffer buffer, int from, int to) {
        for (int i = from; i < to; i++) {
            if (buffer.get(i) != 0) {
                return false;
            }
        }
        return true;
    }

    private static String string(ByteBuffer buffer, int at) {
        byte[] bytes = new byte[Abi.NAME_LEN];
        buffer.get(at, bytes);
        return string(bytes, 0);
    }

    private static String string(byte[] bytes, int at) {
        int end = at;
        while (bytes[end] != 0) {
            end++;
        }
        return new String(bytes, at, end - at, StandardCharsets.US_ASCII);
    }
}
