// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.channels.FileChannel;
import java.util.Optional;

/**
 * A file that is open by its number, for calls of the JDK. Closing the channel, as an interrupt of a thread that uses
 * it does, leaves the file open.
 */
final class BorrowedFile extends FileInputStream {
    /** The JVM option that {@link #channel} needs. */
    static final String JVM_OPTION = "--add-opens=java.base/java.io=ALL-UNNAMED";

    private static final Constructor<FileDescriptor> BY_NUMBER = byNumber();

    private BorrowedFile(FileDescriptor file) {
        super(file);
    }

    private static Constructor<FileDescriptor> byNumber() {
        try {
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            return constructor;
        } catch (NoSuchMethodException | InaccessibleObjectException e) {
            return null;
        }
    }

    /** Returns a channel for reading; empty unless the JVM was started with {@link #JVM_OPTION}. */
    static Optional<FileChannel> channel(int number) {
        if (BY_NUMBER == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(new BorrowedFile(BY_NUMBER.newInstance(number)).getChannel());
        } catch (ReflectiveOperationException e) {
            return Optional.empty();
        }
    }

    /** Does nothing: the file belongs to the code that opened it. */
    @Override
    public void close() {}
}
