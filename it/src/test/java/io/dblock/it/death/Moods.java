// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;

/** What can go wrong in a handler. */
final class Moods {

    private static final int HUGE = Integer.MAX_VALUE - 8;
    private static final int PIECE = 256 << 10;
    private static final long HOARDED_NANOS = 300_000_000L;

    /** Keeps the heap full; in a field, so that no frame of a handler does. */
    private static volatile List<byte[]> hoard;

    private Moods() {}

    /** One array too large for the heap, or a heap that stays full for a while: then everybody runs out of memory. */
    static MoodyHandler.Mood outOfMemory(RandomGenerator random) {
        if (random.nextBoolean()) {
            return () -> {
                throw new IOException("never thrown, there is no memory for " + new long[HUGE].length);
            };
        }
        Thread relief = new Thread(
                () -> {
                    LockSupport.parkNanos(HOARDED_NANOS);
                    while (hoard == null) {
                        LockSupport.parkNanos(HOARDED_NANOS);
                    }
                    LockSupport.parkNanos(HOARDED_NANOS);
                    hoard = null;
                },
                "relief");
        relief.setDaemon(true);
        relief.start();
        return () -> {
            if (hoard == null && relief.isAlive()) {
                hoard = new ArrayList<>(1024);
            }
            List<byte[]> pieces = hoard;
            while (pieces != null) {
                pieces.add(new byte[PIECE]);
            }
            throw new IOException("never thrown, there is no memory for " + new long[HUGE].length);
        };
    }

    /** An exception or an Error of a kind chosen now. */
    static MoodyHandler.Mood thrown(RandomGenerator random) {
        return switch (random.nextInt(7)) {
            case 0 ->
                () -> {
                    throw new IOException("the handler's own");
                };
            case 1 ->
                () -> {
                    throw new BlockIOException(Errno.ENOSPC, "the handler's own");
                };
            case 2 ->
                () -> {
                    throw new IllegalStateException("the handler's own");
                };
            case 3 ->
                () -> {
                    throw new AssertionError("the handler's own");
                };
            case 4 -> Moods::overflow;
            case 5 ->
                () -> {
                    throw new NoClassDefFoundError("the handler's own");
                };
            default ->
                () -> {
                    throw new NullPointerException();
                };
        };
    }

    @SuppressWarnings("InfiniteRecursion") // That is its purpose.
    private static void overflow() {
        overflow();
    }

    /** Waits until the latch is open, whoever interrupts, or not even that. */
    static MoodyHandler.Mood hanging(CountDownLatch end, RandomGenerator random) {
        boolean heedsInterrupts = random.nextBoolean();
        return () -> {
            boolean interrupted = false;
            while (end.getCount() > 0) {
                try {
                    end.await();
                } catch (InterruptedException e) {
                    if (heedsInterrupts) {
                        throw new IOException(e);
                    }
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        };
    }
}
