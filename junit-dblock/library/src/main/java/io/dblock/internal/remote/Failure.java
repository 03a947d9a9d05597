// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.LeakException;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.internal.kernel.ControlException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/**
 * A throwable as data.
 *
 * @param kind the class that the receiver makes of it
 * @param type the name of its class
 * @param message its message; may be empty
 * @param errno its error number if it has one, otherwise 0
 * @param stack the stack where it was thrown
 * @param origin its number in the test JVM if the test's own code threw it, otherwise 0
 */
record Failure(Kind kind, String type, String message, int errno, List<StackTraceElement> stack, long origin) {

    /** The classes that the receiver can make again. */
    enum Kind {
        DBLOCK,
        CONTROL,
        BLOCK_IO,
        LEAK,
        ARGUMENT,
        STATE,
        BOUNDS,
        ASSERTION,
        IO,
        INTERRUPTED,
        /** Any other class: becomes a {@link DblockException} that names it. */
        OTHER
    }

    /** Stands in the server process for an exception of the test's own code, until it comes back to the test JVM. */
    static final class Foreign extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private static final AtomicLong NUMBERS = new AtomicLong();

        private final long number;

        Foreign(String message, long number) {
            super(message);
            this.number = number;
        }

        static long nextNumber() {
            return NUMBERS.incrementAndGet();
        }
    }

    static Failure of(Throwable thrown) {
        return of(thrown, thrown instanceof Foreign foreign ? foreign.number : 0);
    }

    /** Returns a throwable that the sender keeps under this number as data. */
    static Failure of(Throwable thrown, long origin) {
        int errno = 0;
        if (thrown instanceof ControlException control) {
            errno = control.errno();
        } else if (thrown instanceof BlockIOException io) {
            errno = io.errno().number();
        }
        return new Failure(
                kind(thrown),
                thrown.getClass().getName(),
                String.valueOf(thrown.getMessage()),
                errno,
                List.of(thrown.getStackTrace()),
                origin);
    }

    private static Kind kind(Throwable thrown) {
        // Only exact classes: a subclass loses its own data, so the receiver has to name it.
        Class<?> type = thrown.getClass();
        if (type == DblockException.class) {
            return Kind.DBLOCK;
        } else if (type == ControlException.class) {
            return Kind.CONTROL;
        } else if (type == BlockIOException.class) {
            return Kind.BLOCK_IO;
        } else if (type == LeakException.class) {
            return Kind.LEAK;
        } else if (type == IllegalArgumentException.class) {
            return Kind.ARGUMENT;
        } else if (type == IllegalStateException.class) {
            return Kind.STATE;
        } else if (type == IndexOutOfBoundsException.class) {
            return Kind.BOUNDS;
        } else if (type == AssertionError.class) {
            return Kind.ASSERTION;
        } else if (type == IOException.class) {
            return Kind.IO;
        } else if (type == InterruptedException.class) {
            return Kind.INTERRUPTED;
        }
        return Kind.OTHER;
    }

    /** Returns the throwable, with its stack. */
    Throwable toThrowable() {
        return toThrowable(number -> null);
    }

    /** Returns the throwable, with its stack; {@code kept} returns the receiver's own exception by its number, or null. */
    Throwable toThrowable(LongFunction<Throwable> kept) {
        Throwable original = origin == 0 ? null : kept.apply(origin);
        if (original != null) {
            return original;
        }
        Throwable thrown = origin == 0 ? create() : new Foreign(type + ": " + message, origin);
        thrown.setStackTrace(stack.toArray(StackTraceElement[]::new));
        return thrown;
    }

    private Throwable create() {
        return switch (kind) {
            case DBLOCK -> new DblockException(message);
            case CONTROL -> new ControlException(message, errno);
            case BLOCK_IO -> new BlockIOException(known(errno), message);
            case LEAK -> new LeakException(message, List.of());
            case ARGUMENT -> new IllegalArgumentException(message);
            case STATE -> new IllegalStateException(message);
            case BOUNDS -> new IndexOutOfBoundsException(message);
            case ASSERTION -> new AssertionError(message);
            case IO -> new IOException(message);
            case INTERRUPTED -> new InterruptedException(message);
            case OTHER -> new DblockException("In the server process: " + type + ": " + message);
        };
    }

    private static Errno known(int number) {
        return Arrays.stream(Errno.values())
                .filter(errno -> errno.number() == number)
                .findFirst()
                .orElse(Errno.EIO);
    }
}
