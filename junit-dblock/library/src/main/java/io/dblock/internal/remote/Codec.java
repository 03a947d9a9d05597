// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.RuleSet;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * Turns values into bytes and back, by their declared types: primitives, strings, enums, byte arrays, records, sealed
 * interfaces of records, collections and optionals of these, and objects sent by reference, see {@link References}. Null
 * is not allowed. Both sides have the same classes, so the bytes contain values only. Of a supplier, the supplied value is
 * sent; the receiver's supplier decodes it anew at each call.
 */
final class Codec {
    private static final Map<Type, Form> FORMS = new ConcurrentHashMap<>();

    private Codec() {}

    /** Writes and reads the values of one type. */
    interface Form {
        void write(Object value, DataOutputStream out) throws IOException;

        Object read(DataInputStream in) throws IOException;
    }

    /** Returns a value of this type as bytes. */
    static byte[] encode(Type type, Object value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            of(type).write(value, new DataOutputStream(bytes));
        } catch (IOException e) {
            throw new UncheckedIOException(e); // Cannot happen: the stream is in memory.
        }
        return bytes.toByteArray();
    }

    /** Returns the value that {@link #encode} turned into these bytes. */
    static Object decode(Type type, byte[] bytes) {
        try {
            return of(type).read(new DataInputStream(new ByteArrayInputStream(bytes)));
        } catch (IOException e) {
            throw new UncheckedIOException("These " + bytes.length + " bytes are not a " + type, e);
        }
    }

    /**
     * Returns the form of a type.
     *
     * @throws IllegalArgumentException if values of this type cannot be sent
     */
    static Form of(Type type) {
        Form known = FORMS.get(type);
        if (known == null) {
            // computeIfAbsent() does not allow that make() adds the forms of a record's components.
            known = make(type);
            FORMS.put(type, known);
        }
        return known;
    }

    private static Form make(Type type) {
        if (type instanceof ParameterizedType generic) {
            return generic(generic);
        }
        if (!(type instanceof Class<?> raw)) {
            throw cannotBeSent(type);
        }
        Form simple = simple(raw);
        if (simple != null) {
            return simple;
        }
        if (References.isListed(raw)) {
            return References.form(raw);
        }
        if (raw.isEnum()) {
            // Both sides have the same classes, so the ordinal identifies a constant.
            List<?> constants = List.of(raw.getEnumConstants());
            return form((value, out) -> out.writeByte(constants.indexOf(value)), in -> constants.get(in.readByte()));
        }
        if (raw.isRecord()) {
            return record(raw);
        }
        if (raw.isSealed()) {
            return sealed(raw);
        }
        throw cannotBeSent(type);
    }

    private static IllegalArgumentException cannotBeSent(Type type) {
        return new IllegalArgumentException("Values of " + type.getTypeName() + " cannot be sent to another process.");
    }

    private interface Writer {
        void write(Object value, DataOutputStream out) throws IOException;
    }

    private interface Reader {
        Object read(DataInputStream in) throws IOException;
    }

    private static Form form(Writer writer, Reader reader) {
        return new Form() {
            @Override
            public void write(Object value, DataOutputStream out) throws IOException {
                writer.write(Objects.requireNonNull(value, "a null cannot be sent to another process"), out);
            }

            @Override
            public Object read(DataInputStream in) throws IOException {
                return reader.read(in);
            }
        };
    }

    private static Form simple(Class<?> type) {
        if (type == boolean.class || type == Boolean.class) {
            return form((value, out) -> out.writeBoolean((Boolean) value), DataInputStream::readBoolean);
        }
        if (type == int.class || type == Integer.class) {
            return form((value, out) -> out.writeInt((Integer) value), DataInputStream::readInt);
        }
        if (type == long.class || type == Long.class) {
            return form((value, out) -> out.writeLong((Long) value), DataInputStream::readLong);
        }
        if (type == double.class || type == Double.class) {
            return form((value, out) -> out.writeDouble((Double) value), DataInputStream::readDouble);
        }
        if (type == byte[].class) {
            return form((value, out) -> writeBytes((byte[]) value, out), Codec::readBytes);
        }
        if (type == String.class) {
            return form(
                    (value, out) -> writeBytes(((String) value).getBytes(StandardCharsets.UTF_8), out),
                    in -> new String(readBytes(in), StandardCharsets.UTF_8));
        }
        if (type == Path.class) {
            return form(
                    (value, out) -> writeBytes(value.toString().getBytes(StandardCharsets.UTF_8), out),
                    in -> Path.of(new String(readBytes(in), StandardCharsets.UTF_8)));
        }
        if (type == StackTraceElement.class) {
            return form(Codec::writeStackTraceElement, Codec::readStackTraceElement);
        }
        if (type == Throwable.class) {
            Form failure = Codec.of(Failure.class);
            return form(
                    (value, out) -> failure.write(Failure.of((Throwable) value), out),
                    in -> References.toThrowable(in, (Failure) failure.read(in)));
        }
        if (type == Faults.class) {
            // Faults is a class and cannot have a proxy, so its rules are sent by reference.
            Form rules = References.form(RuleSet.class);
            return form(
                    (value, out) -> rules.write(((RuleSet) value), out),
                    in -> new RemoteFaults((RuleSet) rules.read(in)));
        }
        if (type == Duration.class) {
            return form(
                    (value, out) -> {
                        out.writeLong(((Duration) value).toSeconds());
                        out.writeInt(((Duration) value).toNanosPart());
                    },
                    in -> Duration.ofSeconds(in.readLong(), in.readInt()));
        }
        if (type == OptionalLong.class) {
            return form(
                    (value, out) -> {
                        OptionalLong optional = (OptionalLong) value;
                        out.writeBoolean(optional.isPresent());
                        if (optional.isPresent()) {
                            out.writeLong(optional.getAsLong());
                        }
                    },
                    in -> in.readBoolean() ? OptionalLong.of(in.readLong()) : OptionalLong.empty());
        }
        return null;
    }

    private static void writeStackTraceElement(Object value, DataOutputStream out) throws IOException {
        StackTraceElement at = (StackTraceElement) value;
        Form text = Codec.of(String.class);
        text.write(at.getClassName(), out);
        text.write(at.getMethodName(), out);
        text.write(at.getFileName() == null ? "" : at.getFileName(), out);
        out.writeInt(at.getLineNumber());
    }

    private static Object readStackTraceElement(DataInputStream in) throws IOException {
        Form text = Codec.of(String.class);
        String type = (String) text.read(in);
        String method = (String) text.read(in);
        String file = (String) text.read(in);
        return new StackTraceElement(type, method, file.isEmpty() ? null : file, in.readInt());
    }

    private static void writeBytes(byte[] bytes, DataOutputStream out) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static byte[] readBytes(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt());
    }

    private static Form generic(ParameterizedType type) {
        Type[] of = type.getActualTypeArguments();
        Form first = Codec.of(of[0]);
        if (type.getRawType() == List.class) {
            return form(
                    (value, out) -> writeAll((List<?>) value, first, out), in -> readAll(in, first, new ArrayList<>()));
        }
        if (type.getRawType() == Set.class) {
            return form(
                    (value, out) -> writeAll((Set<?>) value, first, out),
                    in -> readAll(in, first, new LinkedHashSet<>()));
        }
        if (type.getRawType() == Optional.class) {
            return form(
                    (value, out) -> {
                        out.writeBoolean(((Optional<?>) value).isPresent());
                        if (((Optional<?>) value).isPresent()) {
                            first.write(((Optional<?>) value).get(), out);
                        }
                    },
                    in -> in.readBoolean() ? Optional.of(first.read(in)) : Optional.empty());
        }
        if (type.getRawType() == Predicate.class) {
            return predicate();
        }
        if (type.getRawType() == Supplier.class) {
            return form((value, out) -> writeBytes(encode(of[0], ((Supplier<?>) value).get()), out), in -> {
                byte[] bytes = readBytes(in);
                return (Supplier<Object>) () -> decode(of[0], bytes);
            });
        }
        if (type.getRawType() == Map.class) {
            Form second = Codec.of(of[1]);
            return form(
                    (value, out) -> {
                        out.writeInt(((Map<?, ?>) value).size());
                        for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                            first.write(entry.getKey(), out);
                            second.write(entry.getValue(), out);
                        }
                    },
                    in -> {
                        Map<Object, Object> map = new LinkedHashMap<>();
                        int size = in.readInt();
                        for (int i = 0; i < size; i++) {
                            map.put(first.read(in), second.read(in));
                        }
                        return map;
                    });
        }
        throw cannotBeSent(type);
    }

    /** A predicate is sent by reference and evaluated where it was made. */
    @SuppressWarnings("unchecked") // All predicates that are sent are of requests.
    private static Form predicate() {
        Form question = References.form(References.Question.class);
        return form(
                (value, out) -> question.write((References.Question) ((Predicate<RequestInfo>) value)::test, out),
                in -> (Predicate<RequestInfo>) ((References.Question) question.read(in))::test);
    }

    private static void writeAll(Collection<?> values, Form form, DataOutputStream out) throws IOException {
        out.writeInt(values.size());
        for (Object value : values) {
            form.write(value, out);
        }
    }

    private static Object readAll(DataInputStream in, Form form, Collection<Object> to) throws IOException {
        int size = in.readInt();
        for (int i = 0; i < size; i++) {
            to.add(form.read(in));
        }
        return to;
    }

    private static Form record(Class<?> type) {
        RecordComponent[] components = type.getRecordComponents();
        Form[] forms = new Form[components.length];
        Method[] accessors = new Method[components.length];
        Class<?>[] types = new Class<?>[components.length];
        for (int i = 0; i < components.length; i++) {
            forms[i] = of(components[i].getGenericType());
            accessors[i] = components[i].getAccessor();
            accessors[i].setAccessible(true);
            types[i] = components[i].getType();
        }
        Constructor<?> constructor;
        try {
            constructor = type.getDeclaredConstructor(types);
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException("A record without its canonical constructor: " + type, e);
        }
        constructor.setAccessible(true);
        return form(
                (value, out) -> {
                    for (int i = 0; i < forms.length; i++) {
                        forms[i].write(get(accessors[i], value), out);
                    }
                },
                in -> {
                    Object[] values = new Object[forms.length];
                    for (int i = 0; i < forms.length; i++) {
                        values[i] = forms[i].read(in);
                    }
                    return create(constructor, values);
                });
    }

    private static Object get(Method accessor, Object value) {
        try {
            return accessor.invoke(value);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("Cannot read " + accessor, e);
        }
    }

    private static Object create(Constructor<?> constructor, Object[] values) {
        try {
            return constructor.newInstance(values);
        } catch (InstantiationException | IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("Cannot make a " + constructor.getDeclaringClass() + " again", e);
        }
    }

    private static Form sealed(Class<?> type) {
        Class<?>[] kinds = type.getPermittedSubclasses();
        Form[] forms = new Form[kinds.length];
        for (int i = 0; i < kinds.length; i++) {
            forms[i] = of(kinds[i]);
        }
        return form(
                (value, out) -> {
                    int kind = 0;
                    while (kinds[kind] != value.getClass()) {
                        kind++;
                    }
                    out.writeByte(kind);
                    forms[kind].write(value, out);
                },
                in -> forms[in.readByte()].read(in));
    }
}
