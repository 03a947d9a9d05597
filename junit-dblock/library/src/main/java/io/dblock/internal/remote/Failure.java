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
 * @param kind which it becomes again
 * @param type the name of its class
 * @param message its message; may be empty
 * @param errno of those that have one, else 0
 * @param stack where it was thrown
 * @param origin of one that came from the test's own code, its number there; else 0
 */
record Failure(Kind kind, String type, String message, int errno, List<StackTraceElement> stack, long origin) {

    /** What is known on both sides. */
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
        /** Anything else: it becomes a {@link DblockException} that names it. */
        OTHER
    }

    /** A failure of the test's own code that was called from the server process, on its way back. */
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

    /** Of one that is kept by the sender under this number. */
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
        // The exact classes: what a subclass has besides is lost, so that its name has to be told.
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

    /** The throwable again, thrown where it was. */
    Throwable toThrowable() {
        return toThrowable(number -> null);
    }

    /** The same; {@code kept} gives what was thrown by the receiver's own code, or null. */
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
