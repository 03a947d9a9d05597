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
 * Calls between two processes, in both directions at once, over a pair of streams. Each side has an interface whose
 * methods the other side calls through a proxy. Arguments, results and exceptions are sent as data, see {@link Codec} and
 * {@link Failure}, or by reference, see {@link References}.
 *
 * <p>A frame has the length of its rest (4 bytes), its kind (1), the number of the call (8), and its content. The content
 * of a call has the number of the object (8; 0 for the side's own interface), the index of the method among those of the
 * interface, sorted by name (2), and the arguments.
 *
 * <p>Every call has a limit, whatever the other side does: one thread writes, one reads, and each incoming call has its
 * own thread. Safe for use by several threads.
 *
 * <p>A call may take long, so its limit says little about the other process. While a call waits, this side sends a ping,
 * which the reading thread of the other side answers even if its calls are busy. A process that sends nothing is silent
 * once it is stopped, or once it has been idle for {@link Peer#patience()} after it had sent something earlier. Calls to a
 * silent process fail at once, until it sends something or is continued. A busy process is slow, not silent.
 */
final class Connection implements AutoCloseable {
    private static final byte CALL = 1;
    private static final byte RETURN = 2;
    private static final byte THROW = 3;
    private static final byte CANCEL = 4;
    private static final byte PING = 5;
    private static final byte PONG = 6;
    /** The most bytes of a frame. A longer frame ends the connection. */
    static final int MAX_FRAME = 1 << 30;

    /** The number of a side's own interface. */
    private static final long OWN = 0;

    private static final int MAX_KEPT = 1000;
    private static final String DEAD = "it is dead.";
    /** How often a waiting call checks the other process. */
    private static final Duration LOOK = Duration.ofMillis(500);
    /**
     * How many checks in a row must find a process stopped until it counts as silent. Checks are counted instead of time,
     * because this process may itself have been stopped meanwhile, for example by a debugger.
     */
    private static final int STOPPED_LOOKS = 4;
    /** The limit of a usually short call after another call was not answered within its limit, until one is answered. */
    private static final Duration AFTER_UNANSWERED = Duration.ofSeconds(5);

    /** The methods of an interface that can be called, by index. Cached, because finding them takes longer than a call. */
    private static final ClassValue<List<Method>> METHODS = new ClassValue<>() {
        @Override
        protected List<Method> computeValue(Class<?> type) {
            return findMethods(type);
        }
    };

    /** Can also be called on an object that was sent by reference. */
    private static final Method TO_STRING = toStringMethod();

    private final DataInputStream in;
    private final DataOutputStream out;
    private final Class<?> calls;
    private final References references = new References(this);
    private final Peer peer;

    /** The object with the number 0: it has this side's own interface. */
    private References.Exported target;

    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, CompletableFuture<Frame>> pending = new ConcurrentHashMap<>();
    private final Map<Long, Running> running = new ConcurrentHashMap<>();
    private final LinkedBlockingQueue<Frame> outgoing = new LinkedBlockingQueue<>();
    private final ExecutorService callers;
    /** Exceptions that this side has thrown to the other, by number, because they may come back. */
    private final Map<Long, Throwable> thrownHere = new LinkedHashMap<>();

    private final Thread reader;
    private final Thread writer;
    private final List<Runnable> atEnd = new ArrayList<>();
    /** How many reads of the stream have returned. */
    private final AtomicLong heard = new AtomicLong();
    /** Whether a ping is not answered yet. */
    private final AtomicBoolean pinged = new AtomicBoolean();
    /** The state of the other process when it was found silent; null if it is not silent. */
    private volatile Peer.Liveness silent;
    /** Whether a call was not answered within its limit, and no call has been answered since. */
    private volatile boolean unanswered;
    /** The reason why the connection has ended; null while it is open. */
    private volatile String end;

    /** A frame without its length. */
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

    /** A call by the other side, until it is answered. */
    private static final class Running {
        private Thread thread;
        private boolean cancelled;

        /** Sets the current thread as the one that makes the call. */
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

        /** Clears the interrupt: one that came too late for this call must not hit the next call of this thread. */
        synchronized void end() {
            thread = null;
            Thread.interrupted();
        }
    }

    /** Counts reads, so that a part of a large frame also counts as a sign of life. */
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
     * Creates a connection over these streams. Nothing happens before {@link #start}. The output is closed with the
     * connection.
     *
     * @param calls the interface that the other side calls
     * @param peer the process of the other side
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

    /** Returns the methods of an interface that can be called, by index. */
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
            // The other methods can only be called on the object itself.
            methods.removeIf(method -> !canBeSent(method));
            methods.add(TO_STRING);
        }
        // A method whose types cannot be sent is a bug, so it fails now and not at its first call.
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

    /** Starts the connection; {@code answering} answers the calls of the other side. */
    void start(Object answering) {
        target = new References.Exported(calls, answering, null);
        reader.start();
        writer.start();
    }

    /** Runs {@code action} when the connection ends; at once if it has ended. */
    void atEnd(Runnable action) {
        synchronized (atEnd) {
            if (end == null) {
                atEnd.add(action);
                return;
            }
        }
        action.run();
    }

    /** Returns whether the connection has not ended. */
    boolean isOpen() {
        return end == null;
    }

    /**
     * Returns whether the next call is likely to be answered: the connection has not ended, the other side is not silent,
     * and no call has exceeded its limit since the last answer.
     */
    boolean answers() {
        return isOpen() && silent == null && !unanswered;
    }

    /**
     * Returns a proxy of the other side's own interface. Its methods throw {@link DblockException} if the other side has
     * ended, is silent, or does not answer within the limit. After a call was not answered within its limit, limits up to
     * {@link Command#timeout()} are reduced to 5 s until a call is answered. A method that declares
     * {@link InterruptedException} can be interrupted, which also interrupts the call on the other side; all other methods
     * go on waiting.
     */
    <T> T remote(Class<T> type, Duration limit) {
        return references.proxy(type, OWN, null, limit);
    }

    /** Returns the objects that this connection sends by reference. */
    References references() {
        return references;
    }

    /** Calls a method of the other side's object with this number. */
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
            // A limit above the usual one is kept, because such a call may need the time.
            boolean hasty =
                    unanswered && limit.compareTo(AFTER_UNANSWERED) > 0 && limit.compareTo(Command.timeout()) <= 0;
            Frame frame = await(method, number, answer, hasty ? AFTER_UNANSWERED : limit);
            if (frame.kind() == THROW) {
                // After an error, the other side keeps no references. After no answer, it may still have them.
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
        // The process was continued and is about to answer.
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

    /** Checks the other process while a call waits for it. Not thread-safe. */
    private final class Vigil {
        private long heardBefore = heard.get();
        private int quiet;
        private int stopped;

        /** Makes one check and returns whether the process is silent. Ends the connection if the process is gone. */
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
                // A process that has sent nothing yet may still be starting.
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
        // To the caller, the exception was thrown here.
        thrown.setStackTrace(new Throwable().getStackTrace());
        return thrown;
    }

    /** Returns the throwable that was sent; the same object if this side has thrown it. */
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
            // The other side has closed the connection, as usual.
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
                // The call may have ended meanwhile.
                if (call != null) {
                    call.cancel();
                }
            }
            case RETURN, THROW -> {
                unanswered = false;
                CompletableFuture<Frame> waiting = pending.get(frame.number());
                // The caller no longer waits if its limit has passed.
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
        // This comes before the next frame is read, which may cancel this call.
        running.put(call.number(), known);
        try {
            callers.execute(() -> answer(call, known));
        } catch (RuntimeException | Error e) {
            running.remove(call.number());
            // At the end of the connection, no answer is possible. Otherwise no thread could be started.
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

    /** Encodes a throwable; never fails, because the caller needs an answer, even if the throwable cannot be described. */
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

    /** Keeps an exception of the test JVM, such as a predicate's, so that it can come back as the same object. */
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
            // end() has interrupted this thread.
        } catch (Throwable e) {
            reason = "writing to it failed: " + e + ".";
        }
        end(reason);
        // Only this thread closes the stream: another one would wait for a write that the other side does not take.
        try {
            out.close();
        } catch (IOException e) {
            // The connection has ended, so unwritten data does not matter.
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

    /** Ends the connection: calls that wait fail. Does not wait for the other side. */
    @Override
    public void close() {
        end("this side has closed the connection.");
    }
}
