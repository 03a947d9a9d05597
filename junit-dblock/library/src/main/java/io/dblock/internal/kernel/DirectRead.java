// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.FileDescriptor;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Method;

/**
 * read(2) by the JDK's own native method: cheaper than JNA, and without what a channel adds, its locks and its end by an
 * interrupt.
 */
final class DirectRead {
    /** The JVM option that {@link #of} needs. */
    static final String JVM_OPTION = "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED";

    /** Of the type (FileDescriptor, long address, int length) int; null if this JVM has none or not for us. */
    private static final MethodHandle READ = find();

    /** How the JDK says that a call would have waited, or was interrupted by a signal. */
    private static final int UNAVAILABLE = -2;

    private static final int INTERRUPTED = -3;

    private DirectRead() {}

    private static MethodHandle find() {
        // Since JDK 21, and before.
        for (String name : new String[] {"sun.nio.ch.UnixFileDispatcherImpl", "sun.nio.ch.FileDispatcherImpl"}) {
            try {
                Method method =
                        Class.forName(name).getDeclaredMethod("read0", FileDescriptor.class, long.class, int.class);
                method.setAccessible(true);
                MethodHandle read = MethodHandles.lookup().unreflect(method);
                return read.type().equals(MethodType.methodType(int.class, FileDescriptor.class, long.class, int.class))
                        ? read
                        : null;
            } catch (ClassNotFoundException | NoSuchMethodException e) {
                // Another JDK has it under the other name.
            } catch (IllegalAccessException | InaccessibleObjectException e) {
                return null;
            }
        }
        return null;
    }

    /** Returns how to read a session that is open by its number; null unless the JVM has {@link #JVM_OPTION}. */
    static ServeReader of(int number) {
        FileDescriptor file = READ == null ? null : descriptor(number);
        return file == null ? null : address -> read(file, address, Abi.SERVE_SIZE);
    }

    /** The descriptor does not own the file: nothing closes it but who opened it. */
    private static FileDescriptor descriptor(int number) {
        try {
            Method method = Class.forName("sun.nio.ch.IOUtil").getDeclaredMethod("newFD", int.class);
            method.setAccessible(true);
            return (FileDescriptor) method.invoke(null, number);
        } catch (ReflectiveOperationException | InaccessibleObjectException e) {
            return null;
        }
    }

    static void read(FileDescriptor file, long address, int length) throws IOException {
        int count;
        try {
            count = (int) READ.invokeExact(file, address, length);
        } catch (IOException | RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        if (count != length) {
            throw new IOException("A read of " + length + " bytes "
                    + (count == UNAVAILABLE || count == INTERRUPTED
                            ? "did not take place."
                            : "returned " + count + "."));
        }
    }
}
