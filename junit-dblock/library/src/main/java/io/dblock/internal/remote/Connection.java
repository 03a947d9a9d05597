// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Command;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Calls between two processes, in both directions at once, over a pair of streams. Each side has an interface whose methods
 * the other calls through a proxy; arguments, results and exceptions are data, see {@link Codec} and {@link Failure}, or objects
 * that can be called in their turn, see {@link References}.
 *
 * <p>A frame is its length (4 bytes, of what follows), what it is (1), the number of the call (8), and its content: for a call
 * the number of the object (8, 0 for the side's own interface), that of the method (2), by name among those of the interface,
 * and the arguments.
 *
 * <p>No call waits without a limit, whatever the other side does: one thread writes, one reads, and each call that comes in is
 * made by a thread of its own. Safe for use by several threads.
 *
 * <p>A call may take long, so its limit says little about the other process. While a call waits, a ping is sent, which the
 * reading thread of the other side answers whatever its calls are doing. A process that does not answer it is silent if it is
 * stopped, or if it was heard of before and is idle for {@link Peer#patience()}: calls fail at once until something comes from
 * it, or until it is continued. One that is busy is slow, not silent.
 */
final class Connection implements AutoCloseable {
    private static final byte CALL = 1;
    private static final byte RETURN = 2;
    private static final byte THROW = 3;
    private static final byte CANCEL = 4;
    private static final byte PING = 5;
    private static final byte PONG = 6;
    /** Of what is sent at once, in bytes; who sends more ends the connection. */
    static final int MAX_FRAME = 1 << 30;

    /** The number of a side's own interface. */
    private static final long OWN = 0;

    private static final int MAX_KEPT = 1000;
    private static final String DEAD = "it is dead.";
    /** How often a call that waits looks at the other process. */
    private static final Duration LOOK = Duration.ofMillis(500);
    /**
     * At so many looks in a row a stopped process counts as silent. Looks are counted, not the time between them: this process
     * may be stopped, too, by a debugger for one, and then knows nothing of what was said meanwhile.
     */
    private static final int STOPPED_LOOKS = 4;
    /** The limit of a call that should not take long if one before it was not answered within its own, and none has been since. */
    private static final Duration AFTER_UNANSWERED = Duration.ofSeconds(5);

    /** What can be called of an interface, in the order of its numbers: to find that out takes longer than a call. */
    private static final ClassValue<List<Method>> METHODS = new ClassValue<>() {
        @Override
        protected List<Method> computeValue(Class<?> type) {
            return findMethods(type);
        }
    };

    /** Can be called of an object that is no data, too. */
    private static final Method TO_STRING = toStringMethod();

    private final DataInputStream in;
    private final DataOutputStream out;
    private final Class<?> calls;
    private final References references = new References(this);
    private final Peer peer;

    /** What of {@link #references} has the number 0. */
    private References.Exported target;

    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, CompletableFuture<Frame>> pending = new ConcurrentHashMap<>();
    private final Map<Long, Running> running = new ConcurrentHashMap<>();
    private final LinkedBlockingQueue<Frame> outgoing = new LinkedBlockingQueue<>();
    private final ExecutorService callers;
    /** What our own code has thrown when it was called, by its number: it may come back. */
    private final Map<Long, Throwable> thrownHere = new LinkedHashMap<>();

    private final Thread reader;
    private final Thread writer;
    private final List<Runnable> atEnd = new ArrayList<>();
    /** How often something has come. */
    private final AtomicLong heard = new AtomicLong();
    /** Whether a ping is on its way, or its answer. */
    private final AtomicBoolean pinged = new AtomicBoolean();
    /** What the other process was when it was found silent; null if it is not. */
    private volatile Peer.Liveness silent;
    /** Whether a call has not been answered within its limit, and none has been answered since. */
    private volatile boolean unanswered;
    /** Why there are no further calls; null as long as there are. */
    private volatile String end;

    /** What goes over the wire, but for its length. */
    private static final class Frame {
        private final byte kind;
        private final long number;
        private final byte[] content;

        Frame(byte kind, long number, byte[] content) {
            this.kind = kind;
            this.number = number;
            this.content = content;
        }

        byte kind() {
            return kind;
        }

        long number() {
            return number;
        }

        byte[] content() {
            return content;
        }
    }

    /** A call of the other side, from the time it has come until it is answered. */
    private static final class Running {
        private Thread thread;
        private boolean cancelled;

        /** This thread makes the call. */
        synchronized void begin() {
            thread = Thread.currentThread();
            if (cancelled) {
                thread.interrupt();
            }
        }

        synchronized void cancel() {
            cancelled = true;
            if (thread != null) {
                thread.interrupt();
            }
        }

        /** An interrupt that came too late for this call must not hit the next of this thread. */
        synchronized void end() {
            thread = null;
            Thread.interrupted();
        }
    }

    /** Counts as something heard what comes of a frame, too: a large one takes its time. */
    private static final class HeardInputStream extends FilterInputStream {
        private final AtomicLong heard;

        HeardInputStream(InputStream in, AtomicLong heard) {
            super(in);
            this.heard = heard;
        }

        @Override
        public int read() throws IOException {
            int read = in.read();
            heard.incrementAndGet();
            return read;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int read = in.read(bytes, offset, length);
            heard.incrementAndGet();
            return read;
        }
    }

    /**
     * Over these streams, which are closed with it. Nothing happens before {@link #start}.
     *
     * @param calls the interface that the other side calls
     * @param peer who is there
     */
    Connection(InputStream in, OutputStream out, Class<?> calls, Peer peer) {
        this.in = new DataInputStream(new BufferedInputStream(new HeardInputStream(in, heard), 1 << 16));
        this.out = new DataOutputStream(new BufferedOutputStream(out, 1 << 16));
        this.peer = peer;
        this.calls = calls;
        methodsOf(calls);
        callers = Executors.newCachedThreadPool(work -> daemon(work, "junit-dblock call"));
        reader = daemon(this::read, "junit-dblock from " + peer.name());
        writer = daemon(this::write, "junit-dblock to " + peer.name());
    }

    private static Thread daemon(Runnable work, String name) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        return thread;
    }

    /** What can be called of an interface, by number. */
    static List<Method> methodsOf(Class<?> type) {
        return METHODS.get(type);
    }

    private static Method toStringMethod() {
        try {
            return Object.class.getMethod("toString");
        } catch (NoSuchMethodException e) {
            throw new AssertionError(e);
        }
    }

    private static List<Method> findMethods(Class<?> type) {
        List<Method> methods = new ArrayList<>(List.of(type.getMethods()));
        methods.sort(Comparator.comparing(Method::getName).thenComparing(Method::toGenericString));
        if (References.isListed(type)) {
            // What else there is of it is for who has the object itself.
            methods.removeIf(method -> !canBeSent(method));
            methods.add(TO_STRING);
        }
        // Found out now: a method that cannot be called is an error of ours.
        for (Method method : methods) {
            typesOf(method).forEach(Codec::of);
            method.setAccessible(method.getDeclaringClass() == type);
        }
        return List.copyOf(methods);
    }

    private static List<Type> typesOf(Method method) {
        List<Type> types = new ArrayList<>(List.of(method.getGenericParameterTypes()));
        if (method.getReturnType() != void.class) {
            types.add(method.getGenericReturnType());
        }
        return types;
    }

    private static boolean canBeSent(Method method) {
        try {
            typesOf(method).forEach(Codec::of);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** Begins; {@code answering} answers the calls of the other side. */
    void start(Object answering) {
        target = new References.Exported(calls, answering, null);
        reader.start();
        writer.start();
    }

    /** Has this done when there are no further calls; at once if that is so already. */
    void atEnd(Runnable action) {
        synchronized (atEnd) {
            if (end == null) {
                atEnd.add(action);
                return;
            }
        }
        action.run();
    }

    /** Whether calls are still possible. */
    boolean isOpen() {
        return end == null;
    }

    /**
     * Whether the next call is likely to be answered: the connection has not ended, and the other side was neither found
     * silent nor has let a call wait beyond its limit without answering one since.
     */
    boolean answers() {
        return isOpen() && silent == null && !unanswered;
    }

    /**
     * The other side's interface. Its methods throw {@link DblockException} if the other side has ended, if it is silent, or if
     * there is no answer within the limit. A limit of at most {@link Command#timeout()} is a short one after a call that was not
     * answered within its own, until one is. A method that declares {@link InterruptedException} can be interrupted, and is then interrupted on the other
     * side, too; others go on waiting.
     */
    <T> T remote(Class<T> type, Duration limit) {
        return references.proxy(type, OWN, null, limit);
    }

    /** The objects that either side has of the other. */
    References references() {
        return references;
    }

    /** Calls a method of the object of this number. */
    Object call(
            long object, References.Scope scope, Method method, int methodNumber, Object[] arguments, Duration limit)
            throws Throwable {
        References.Output data = references.output(scope);
        data.writeLong(object);
        data.writeShort(methodNumber);
        Type[] types = method.getGenericParameterTypes();
        for (int i = 0; i < types.length; i++) {
            Codec.of(types[i]).write(arguments[i], data);
        }
        long number = numbers.incrementAndGet();
        CompletableFuture<Frame> answer = new CompletableFuture<>();
        pending.put(number, answer);
        try {
            if (end != null) {
                throw ended(method);
            }
            refuseIfSilent(method);
            outgoing.add(new Frame(CALL, number, data.bytes()));
            // Who gives more than the usual time makes a call that may need it.
            boolean hasty =
                    unanswered && limit.compareTo(AFTER_UNANSWERED) > 0 && limit.compareTo(Command.timeout()) <= 0;
            Frame frame = await(method, number, answer, hasty ? AFTER_UNANSWERED : limit);
            if (frame.kind() == THROW) {
                // Without an answer it may have them, now or later.
                data.forget();
                throw thrown(method, (Failure) Codec.decode(Failure.class, frame.content()));
            }
            return method.getReturnType() == void.class
                    ? null
                    : Codec.of(method.getGenericReturnType())
                            .read(references.input(new ByteArrayInputStream(frame.content()), scope));
        } finally {
            pending.remove(number);
        }
    }

    private void refuseIfSilent(Method method) {
        Peer.Liveness before = silent;
        if (before == null) {
            return;
        }
        Peer.Liveness now = peer.liveness();
        if (now == Peer.Liveness.GONE) {
            end(DEAD);
            throw ended(method);
        }
        boolean continued = before == Peer.Liveness.STOPPED && now != Peer.Liveness.STOPPED;
        if (!continued) {
            throw doesNotAnswer(method);
        }
        // It is about to answer.
        silent = null;
    }

    private DblockException doesNotAnswer(Method method) {
        return new DblockException(
                peer.name() + " does not answer, so " + method.getName() + "() is not possible. " + peer.describe());
    }

    private Frame await(Method method, long number, CompletableFuture<Frame> answer, Duration limit)
            throws InterruptedException {
        boolean interruptible = Arrays.asList(method.getExceptionTypes()).contains(InterruptedException.class);
        boolean interrupted = false;
        long deadline = System.nanoTime() + limit.toNanos();
        Vigil vigil = new Vigil();
        try {
            while (true) {
                long left = Math.max(0, deadline - System.nanoTime());
                try {
                    return answer.get(Math.min(left, LOOK.toNanos()), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    if (interruptible) {
                        outgoing.add(new Frame(CANCEL, number, new byte[0]));
                        throw e;
                    }
                    interrupted = true;
                } catch (TimeoutException e) {
                    if (vigil.finds()) {
                        throw doesNotAnswer(method);
                    }
                    if (deadline - System.nanoTime() <= 0 && !answer.isDone()) {
                        unanswered = true;
                        throw new DblockException(peer.name() + " has not answered " + method.getName() + "() within "
                                + limit.toMillis() + " ms. " + peer.describe());
                    }
                } catch (ExecutionException e) {
                    throw ended(method);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Looks at the other process while a call waits for it. For one thread. */
    private final class Vigil {
        private long heardBefore = heard.get();
        private int quiet;
        private int stopped;

        /** Whether it is silent; a look. One that is found gone is the end of the connection. */
        boolean finds() {
            long now = heard.get();
            quiet = now == heardBefore ? quiet + 1 : 0;
            heardBefore = now;
            if (quiet == 0) {
                stopped = 0;
                return false;
            }
            Peer.Liveness liveness = peer.liveness();
            if (liveness == Peer.Liveness.GONE) {
                end(DEAD);
                return false;
            }
            if (liveness == Peer.Liveness.BUSY || now == 0) {
                // Or it has not even begun.
                quiet = 0;
            }
            if (pinged.compareAndSet(false, true)) {
                outgoing.add(new Frame(PING, 0, new byte[0]));
            }
            stopped = liveness == Peer.Liveness.STOPPED ? stopped + 1 : 0;
            if (stopped < STOPPED_LOOKS && quiet <= peer.patience().dividedBy(LOOK)) {
                return false;
            }
            silent = liveness;
            if (heard.get() != heardBefore) {
                silent = null;
            }
            return silent != null;
        }
    }

    private DblockException ended(Method method) {
        return new DblockException(peer.name() + " is gone, so " + method.getName() + "() is not possible: " + end + " "
                + peer.describe());
    }

    private Throwable thrown(Method method, Failure failure) {
        Throwable thrown = toThrowable(failure);
        if (thrown instanceof Failure.Foreign) {
            return thrown;
        }
        boolean known = failure.kind() != Failure.Kind.OTHER;
        boolean unchecked = thrown instanceof RuntimeException || thrown instanceof Error;
        boolean declared = Arrays.stream(method.getExceptionTypes()).anyMatch(type -> type.isInstance(thrown));
        if (!known || (!unchecked && !declared)) {
            return new DblockException(
                    peer.name() + " failed in " + method.getName() + "(): " + failure.type() + ": " + failure.message(),
                    thrown);
        }
        // As if it had been thrown here, which to its reader it was.
        thrown.setStackTrace(new Throwable().getStackTrace());
        return thrown;
    }

    /** The throwable again; the very object if it was thrown by this side's own code. */
    Throwable toThrowable(Failure failure) {
        return failure.toThrowable(number -> {
            synchronized (thrownHere) {
                return thrownHere.get(number);
            }
        });
    }

    private void read() {
        String reason = "its end of the connection was closed.";
        try {
            while (true) {
                int length = in.readInt();
                if (length < 9 || length > MAX_FRAME) {
                    throw new IOException("a frame of " + length + " bytes came");
                }
                byte kind = in.readByte();
                long number = in.readLong();
                take(new Frame(kind, number, in.readNBytes(length - 9)));
                silent = null;
            }
        } catch (EOFException e) {
            // That is the regular end.
        } catch (Throwable e) {
            reason = "reading from it failed: " + e + ".";
        }
        end(reason);
    }

    private void take(Frame frame) throws IOException {
        switch (frame.kind()) {
            case CALL -> begin(frame);
            case CANCEL -> {
                Running call = running.get(frame.number());
                // It may have been answered meanwhile.
                if (call != null) {
                    call.cancel();
                }
            }
            case RETURN, THROW -> {
                unanswered = false;
                CompletableFuture<Frame> waiting = pending.get(frame.number());
                // Nobody waits for it any more if its limit is over.
                if (waiting != null) {
                    waiting.complete(frame);
                }
            }
            case PING -> outgoing.add(new Frame(PONG, 0, new byte[0]));
            case PONG -> pinged.set(false);
            default -> throw new IOException("a frame of the unknown kind " + frame.kind() + " came");
        }
    }

    private void begin(Frame call) {
        Running known = new Running();
        // Before the next frame is looked at, which may cancel it.
        running.put(call.number(), known);
        try {
            callers.execute(() -> answer(call, known));
        } catch (RuntimeException | Error e) {
            running.remove(call.number());
            // At the end nobody is told; else there is no memory for another thread.
            if (isOpen()) {
                outgoing.add(new Frame(THROW, call.number(), encode(e)));
            }
        }
    }

    private void answer(Frame call, Running known) {
        Frame answer;
        known.begin();
        try {
            answer = new Frame(RETURN, call.number(), make(call.content()));
        } catch (Throwable t) {
            answer = new Frame(THROW, call.number(), encode(t));
        } finally {
            running.remove(call.number());
            known.end();
        }
        outgoing.add(answer);
    }

    /** Who calls has to be told something, whatever the throwable says of itself. */
    private byte[] encode(Throwable thrown) {
        try {
            return Codec.encode(Failure.class, keep(thrown));
        } catch (Throwable t) {
            return Codec.encode(
                    Failure.class,
                    new Failure(
                            Failure.Kind.OTHER,
                            thrown.getClass().getName(),
                            "its message and its stack cannot be told: "
                                    + t.getClass().getName(),
                            0,
                            List.of(),
                            0));
        }
    }

    /** The target's own interfaces decide what of its failures may come back as the same object. */
    private Failure keep(Throwable thrown) {
        if (calls != TestCommands.class) {
            return Failure.of(thrown);
        }
        long number = Failure.Foreign.nextNumber();
        synchronized (thrownHere) {
            if (thrownHere.size() == MAX_KEPT) {
                thrownHere.remove(thrownHere.keySet().iterator().next());
            }
            thrownHere.put(number, thrown);
        }
        return Failure.of(thrown, number);
    }

    private byte[] make(byte[] content) throws Throwable {
        ByteArrayInputStream bytes = new ByteArrayInputStream(content);
        DataInputStream header = new DataInputStream(bytes);
        long number = header.readLong();
        References.Exported called = number == OWN ? target : references.find(number);
        Method method = methodsOf(called.type()).get(header.readShort());
        DataInputStream data = references.input(bytes, called.scope());
        Type[] types = method.getGenericParameterTypes();
        Object[] arguments = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            arguments[i] = Codec.of(types[i]).read(data);
        }
        try {
            Object result = method.invoke(called.object(), arguments);
            References.Output answer = references.output(called.scope());
            if (method.getReturnType() != void.class) {
                Codec.of(method.getGenericReturnType()).write(result, answer);
            }
            return answer.bytes();
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private void write() {
        String reason = "this side has closed the connection.";
        try {
            while (isOpen()) {
                Frame frame = outgoing.poll();
                if (frame == null) {
                    out.flush();
                    frame = outgoing.take();
                }
                out.writeInt(9 + frame.content().length);
                out.writeByte(frame.kind());
                out.writeLong(frame.number());
                out.write(frame.content());
            }
        } catch (InterruptedException e) {
            // The end has been told to all.
        } catch (Throwable e) {
            reason = "writing to it failed: " + e + ".";
        }
        end(reason);
        // By this thread alone: whoever else closed it would wait for a write that is not taken.
        try {
            out.close();
        } catch (IOException e) {
            // What had not been written is not wanted any more.
        }
    }

    private void end(String reason) {
        List<Runnable> actions;
        synchronized (atEnd) {
            if (end != null) {
                return;
            }
            end = reason;
            actions = List.copyOf(atEnd);
            atEnd.clear();
        }
        writer.interrupt();
        DblockException over = new DblockException(reason);
        pending.values().forEach(answer -> answer.completeExceptionally(over));
        callers.shutdown();
        actions.forEach(Runnable::run);
    }

    /** Ends it: calls that wait fail. Does not wait for the other side. */
    @Override
    public void close() {
        end("this side has closed the connection.");
    }
}
