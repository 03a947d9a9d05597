// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.fault.Fault;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.RuleSet;
import io.dblock.internal.kernel.Command;
import io.dblock.internal.server.DeviceCommands;
import io.dblock.internal.server.ServedRecording;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.journal.Recorder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The objects that one side of a connection lets the other side call. Of an object with a listed interface, only a number
 * is sent. The receiver gets a proxy of that interface, which makes its calls on the object itself. Proxies of equal
 * objects are equal. A proxy that is sent back arrives as the object.
 *
 * <p>Each object is in a scope. A call of a connection's own interface begins a new scope, and what a call of an object
 * sends is in that object's scope. A scope is released as a whole, with the device or the snapshot that it belongs to.
 * Before that, its objects say their last words: the answers that their proxies give from then on. Safe for use by several
 * threads.
 */
final class References {
    /** The most objects of one interface in one scope. Beyond that, the least recently used one is forgotten. */
    static final int MOST = 10_000;

    /**
     * The listed interfaces, and those of their methods without parameters that a proxy answers after the end. A void
     * method does nothing then.
     */
    private static final Map<Class<?>, Set<String>> LISTED = Map.of(
            DeviceCommands.class, Set.of("statistics", "failures", "powered"),
            Recorder.class, Set.of("last", "marks", "dropped", "lastDropped", "droppedContents", "flushEpoch"),
            RuleSet.class, Set.of("list", "history", "unused", "clear", "seed"),
            Fault.class, Set.of("name", "rule", "isArmed", "hits", "held", "release", "close", "toString"),
            HeldRequest.class, Set.of(),
            ServedSnapshot.class, Set.of(),
            ServedRecording.class, Set.of("close"),
            Question.class, Set.of());

    private final Connection connection;
    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, Exported> exported = new ConcurrentHashMap<>();

    /** Creates the references of one side of a connection, which is null in some unit tests. */
    References(Connection connection) {
        this.connection = connection;
    }

    /** A predicate of the test, which the test JVM evaluates. */
    interface Question {
        boolean test(RequestInfo request);
    }

    /** An object that the other side can call, through this interface. */
    record Exported(Class<?> type, Object object, Scope scope) {}

    /** Objects that are released together. */
    static final class Scope {
        // Guarded by this.
        /** The numbers of the objects that this side has sent, by interface; the least recently used ones come first. */
        private final Map<Class<?>, LinkedHashMap<Object, Long>> numbers = new HashMap<>();

        private boolean released;
        /** The last words of the objects that this side was sent; null until the other side has released them. */
        private volatile LastWords lastWords;

        private synchronized List<Long> all() {
            return numbers.values().stream()
                    .flatMap(known -> known.values().stream())
                    .toList();
        }

        private synchronized void use(Exported one) {
            LinkedHashMap<Object, Long> known = numbers.get(one.type());
            if (known != null) {
                // A look-up makes the object the most recently used one.
                known.get(one.object());
            }
        }
    }

    /** What the objects of a scope answer from now on, by the number of the object and the index of the method. */
    record LastWords(Map<Long, Map<Integer, byte[]>> answers) {}

    static boolean isListed(Class<?> type) {
        return LISTED.containsKey(type);
    }

    // ---- on the side of the objects ----

    /** Returns how many objects the other side can call. */
    int size() {
        return exported.size();
    }

    /**
     * Returns the object with this number.
     *
     * @throws IllegalStateException if it was released or forgotten
     */
    Exported find(long number) {
        Exported found = exported.get(number);
        if (found == null) {
            throw new IllegalStateException(
                    "It is closed with its device, or has not been used for so long that it is forgotten.");
        }
        found.scope().use(found);
        return found;
    }

    private long export(Class<?> type, Object object, Scope scope, List<Long> fresh) {
        synchronized (scope) {
            if (scope.released) {
                throw new IllegalStateException("The device is closed.");
            }
            LinkedHashMap<Object, Long> known =
                    scope.numbers.computeIfAbsent(type, kind -> new LinkedHashMap<>(16, 0.75f, true));
            Long before = known.get(object);
            if (before != null) {
                return before;
            }
            long number = numbers.incrementAndGet();
            exported.put(number, new Exported(type, object, scope));
            known.put(object, number);
            fresh.add(number);
            if (known.size() > MOST) {
                Iterator<Long> oldest = known.values().iterator();
                exported.remove(oldest.next());
                oldest.remove();
            }
            return number;
        }
    }

    /** Returns the last words of all objects in the scope of this object, and releases them. */
    LastWords end(Object object) {
        Map<Long, Map<Integer, byte[]>> answers = new HashMap<>();
        for (Exported one : exported.values()) {
            if (one.object() == object) {
                try {
                    lastWords(one.scope(), answers);
                } finally {
                    release(one.scope());
                }
            }
        }
        return new LastWords(answers);
    }

    private void lastWords(Scope scope, Map<Long, Map<Integer, byte[]>> answers) {
        List<Long> left = scope.all();
        while (!left.isEmpty()) {
            for (long number : left) {
                Exported one = exported.get(number);
                answers.put(number, one == null ? Map.of() : lastWords(one));
            }
            // Last words may refer to objects that were not in the scope before.
            left = scope.all().stream()
                    .filter(number -> !answers.containsKey(number))
                    .toList();
        }
    }

    private Map<Integer, byte[]> lastWords(Exported one) {
        Map<Integer, byte[]> answers = new HashMap<>();
        List<Method> methods = Connection.methodsOf(one.type());
        for (int i = 0; i < methods.size(); i++) {
            Method method = methods.get(i);
            if (method.getParameterCount() == 0 && LISTED.get(one.type()).contains(method.getName())) {
                try (Output out = output(one.scope())) {
                    if (method.getReturnType() != void.class) {
                        Codec.of(method.getGenericReturnType()).write(method.invoke(one.object()), out);
                    }
                    answers.put(i, out.bytes());
                } catch (IOException | IllegalAccessException | InvocationTargetException e) {
                    // The proxy then answers that the device is closed.
                }
            }
        }
        return answers;
    }

    private void release(Scope scope) {
        synchronized (scope) {
            scope.released = true;
            scope.all().forEach(exported::remove);
            scope.numbers.clear();
        }
    }

    // ---- on the side of the proxies ----

    /** Returns a proxy of the other side's object with this number. A call's limit is this plus its Duration arguments. */
    <T> T proxy(Class<T> type, long number, Scope scope, Duration limit) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, new Handle(this, type, number, scope, limit)));
    }

    /** Ends the scope of this proxy: its objects now answer with these last words. */
    void ended(Object proxy, LastWords words) {
        handle(proxy).scope.lastWords = words;
        ended(proxy);
    }

    /** Releases the objects that this side has sent in the scope of this proxy. */
    void ended(Object proxy) {
        release(handle(proxy).scope);
    }

    /** Returns a proxy of the same object with another limit. */
    <T> T within(Duration limit, T proxy) {
        Handle handle = handle(proxy);
        @SuppressWarnings("unchecked") // The new proxy has the same interface.
        T other = (T) proxy(handle.type, handle.number, handle.scope, limit);
        return other;
    }

    private Handle handle(Object object) {
        return Proxy.isProxyClass(object.getClass())
                        && Proxy.getInvocationHandler(object) instanceof Handle handle
                        && handle.references == this
                ? handle
                : null;
    }

    /** The handler of a proxy: calls the other side's object. */
    private static final class Handle implements InvocationHandler {
        private final References references;
        private final Class<?> type;
        private final long number;
        private final Scope scope;
        private final Duration limit;

        Handle(References references, Class<?> type, long number, Scope scope, Duration limit) {
            this.references = references;
            this.type = type;
            this.number = number;
            this.scope = scope;
            this.limit = limit;
        }

        @Override
        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            int called = Connection.methodsOf(type).indexOf(method);
            if (called < 0 && method.isDefault()) {
                // It has an argument that cannot be sent, and is made of calls that can.
                return InvocationHandler.invokeDefault(proxy, method, arguments);
            }
            if (called < 0) {
                return ofObject(method, arguments);
            }
            Object[] given = arguments == null ? new Object[0] : arguments;
            if (lastWords() == null) {
                try {
                    return references.connection.call(number, scope, method, called, given, limit(given));
                } catch (DblockException | IllegalStateException e) {
                    // The scope may have ended meanwhile.
                    if (lastWords() == null || !lastWords().containsKey(called)) {
                        throw e;
                    }
                }
            }
            byte[] answer = lastWords().get(called);
            if (answer == null) {
                throw new IllegalStateException("The device is closed.");
            }
            return method.getReturnType() == void.class
                    ? null
                    : Codec.of(method.getGenericReturnType())
                            .read(references.input(new ByteArrayInputStream(answer), scope));
        }

        /** Returns the last words of the object; null until its scope has ended. */
        private Map<Integer, byte[]> lastWords() {
            LastWords words = scope == null ? null : scope.lastWords;
            return words == null ? null : words.answers().getOrDefault(number, Map.of());
        }

        /** Adds all Duration arguments to the limit: the call makes the other side wait that long. */
        private Duration limit(Object[] arguments) {
            Duration sum = limit;
            for (Object argument : arguments) {
                if (argument instanceof Duration wait) {
                    sum = sum.plus(wait);
                }
            }
            return sum;
        }

        private Object ofObject(Method method, Object[] arguments) {
            return switch (method.getName()) {
                case "equals" -> {
                    Handle other = arguments[0] == null ? null : references.handle(arguments[0]);
                    yield other != null && other.number == number && other.type == type;
                }
                case "hashCode" -> Long.hashCode(number);
                case "toString" -> "remote " + type.getSimpleName();
                default -> throw new UnsupportedOperationException(method + " cannot be called in another process.");
            };
        }
    }

    // ---- on the way ----

    /** Returns the throwable that was sent; the same object if this side has thrown it. */
    static Throwable toThrowable(DataInputStream in, Failure failure) {
        return in instanceof Input input && input.references.connection != null
                ? input.references.connection.toThrowable(failure)
                : failure.toThrowable();
    }

    /** Returns a stream for what a call sends: in this scope, or in a new one if {@code scope} is null. */
    Output output(Scope scope) {
        return new Output(this, new ByteArrayOutputStream(), scope == null ? new Scope() : scope);
    }

    /** Returns a stream for what a call has received: in this scope, or in a new one if {@code scope} is null. */
    DataInputStream input(ByteArrayInputStream bytes, Scope scope) {
        return new Input(this, bytes, scope == null ? new Scope() : scope);
    }

    /** Encoded values, which may include references. */
    static final class Output extends DataOutputStream {
        private final References references;
        private final Scope scope;
        private final List<Long> fresh = new ArrayList<>();

        private Output(References references, ByteArrayOutputStream bytes, Scope scope) {
            super(bytes);
            this.references = references;
            this.scope = scope;
        }

        byte[] bytes() {
            return ((ByteArrayOutputStream) out).toByteArray();
        }

        /** Releases the objects that were sent first through this stream: the other side has not kept them. */
        void forget() {
            synchronized (scope) {
                scope.numbers.values().forEach(known -> known.values().removeAll(fresh));
                fresh.forEach(references.exported::remove);
            }
        }
    }

    private static final class Input extends DataInputStream {
        private final References references;
        private final Scope scope;

        private Input(References references, ByteArrayInputStream bytes, Scope scope) {
            super(bytes);
            this.references = references;
            this.scope = scope;
        }
    }

    /** Returns the form of a listed interface. The number of an object of the receiver is sent negated. */
    static Codec.Form form(Class<?> type) {
        return new Codec.Form() {
            @Override
            public void write(Object value, DataOutputStream out) throws IOException {
                Output to = (Output) out;
                Handle back = to.references.handle(Objects.requireNonNull(value, "a null cannot be sent"));
                out.writeLong(back != null ? -back.number : to.references.export(type, value, to.scope, to.fresh));
            }

            @Override
            public Object read(DataInputStream in) throws IOException {
                Input from = (Input) in;
                long number = in.readLong();
                return number < 0
                        ? from.references.find(-number).object()
                        : from.references.proxy(type, number, from.scope, Command.timeout());
            }
        };
    }
}
