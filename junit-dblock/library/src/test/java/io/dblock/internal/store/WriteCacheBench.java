// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What the write cache adds to a 4k write: nanoseconds of processor time, medians of interleaved rounds. No test; run its
 * main method.
 */
final class WriteCacheBench {
    private static final int LENGTH = 4096;
    private static final int BLOCKS = 4096;
    private static final int OPERATIONS = 100_000;
    private static final int ROUNDS = 15;

    /** Keeps the compiler from leaving reads out. */
    private static volatile long sink;

    private interface Work {
        void run() throws Exception;
    }

    private static final class Case {
        final String name;
        final Work work;
        final double[] nanos = new double[ROUNDS];

        Case(String name, Work work) {
            this.name = name;
            this.work = work;
        }
    }

    private WriteCacheBench() {}

    public static void main(String[] arguments) throws Exception {
        ByteBuffer data = ByteBuffer.allocateDirect(LENGTH);
        MemoryStore bare = new MemoryStore((long) BLOCKS * LENGTH);
        WriteCache cache = new WriteCache(new MemoryStore((long) BLOCKS * LENGTH), 512, true, e -> {});
        WriteCache fresh = new WriteCache(new MemoryStore((long) BLOCKS * LENGTH), 512, true, e -> {});
        WriteCache off = new WriteCache(new MemoryStore((long) BLOCKS * LENGTH), 512, false, e -> {});
        Case[] cases = {
            of("write, bare store", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    bare.writeFrom(data, 0, offset(i), LENGTH);
                }
            }),
            of("write over data, a flush after every 32", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    write(cache, data, i, false);
                    if (i % 32 == 31) {
                        cache.flush(cache.position());
                    }
                }
            }),
            of("write over data, a flush after every 4096", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    write(cache, data, i, false);
                    if (i % 4096 == 4095) {
                        cache.flush(cache.position());
                    }
                }
            }),
            of("write with FUA", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    write(cache, data, i, true);
                }
            }),
            of("write without volatile cache", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    write(off, data, i, false);
                }
            }),
            of("write and discard, bare store", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    bare.writeFrom(data, 0, offset(i), LENGTH);
                    bare.discard(offset(i), LENGTH);
                }
            }),
            of("write where nothing was, flush, discard, flush", () -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    write(fresh, data, i, false);
                    fresh.flush(fresh.position());
                    fresh.completed(fresh.discard(offset(i), LENGTH, i, 0, fresh.position()));
                    fresh.flush(fresh.position());
                }
            }),
            of("read, bare store", () -> {
                long sum = 0;
                for (int i = 0; i < OPERATIONS; i++) {
                    sum += bare.address(offset(i), LENGTH);
                }
                sink = sum;
            }),
            of("read", () -> {
                long sum = 0;
                for (int i = 0; i < OPERATIONS; i++) {
                    long position = cache.position();
                    sum += cache.address(offset(i), LENGTH, position);
                    sum += cache.isCurrent(position) ? 1 : 0;
                }
                sink = sum;
            }),
        };
        var threads = ManagementFactory.getThreadMXBean();
        for (int round = -3; round < ROUNDS; round++) {
            for (Case one : cases) {
                long before = threads.getCurrentThreadCpuTime();
                one.work.run();
                if (round >= 0) {
                    one.nanos[round] = (threads.getCurrentThreadCpuTime() - before) / (double) OPERATIONS;
                }
            }
        }
        for (Case one : cases) {
            Arrays.sort(one.nanos);
            System.out.printf("%-50s %7.0f ns%n", one.name, one.nanos[ROUNDS / 2]);
        }
    }

    private static Case of(String name, Work work) {
        return new Case(name, work);
    }

    private static long offset(int i) {
        return (i * 7919L % BLOCKS) * LENGTH;
    }

    private static void write(WriteCache cache, ByteBuffer data, int i, boolean fua) throws Exception {
        long position = cache.position();
        long ticket = cache.writeFrom(data, 0, offset(i), LENGTH, fua, i + 1, 0, position);
        cache.completed(ticket);
        if (!cache.isCurrent(position)) {
            throw new AssertionError("no power");
        }
    }
}
