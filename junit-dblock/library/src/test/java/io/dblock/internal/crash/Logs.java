// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.internal.store.RecordedRequests;
import io.dblock.internal.store.RecordedRequests.Kind;
import io.dblock.internal.store.RecordedRequests.Request;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;

/** Makes logs by hand. A block's content is a number, which stands for its hash. */
final class Logs {
    static final int BLOCK = 512;
    static final long ZERO = 0;

    private final List<Request> requests = new ArrayList<>();
    private final List<Integer> acknowledged = new ArrayList<>();
    private final TreeSet<Long> touched = new TreeSet<>();
    private long completions;

    private Logs add(Kind kind, long block, boolean durable, long completion, long... contents) {
        ByteBuffer hashes = ByteBuffer.allocate(contents.length * Long.BYTES);
        hashes.asLongBuffer().put(contents);
        for (int i = 0; i < contents.length; i++) {
            touched.add(block + i);
        }
        requests.add(new Request(
                kind,
                kind == Kind.FLUSH ? 0 : requests.size() + 100,
                block * BLOCK,
                (long) contents.length * BLOCK,
                durable,
                completion,
                hashes.array()));
        return this;
    }

    /** A write that is completed before the next request comes. */
    Logs write(long block, long... contents) {
        return add(Kind.WRITE, block, false, ++completions, contents);
    }

    /** A write that is never completed. */
    Logs writeUnderWay(long block, long... contents) {
        return add(Kind.WRITE, block, false, 0, contents);
    }

    Logs writeFua(long block, long... contents) {
        return add(Kind.WRITE, block, true, 0, contents);
    }

    Logs discard(long block, int count) {
        return add(Kind.DISCARD, block, false, ++completions, new long[count]);
    }

    Logs flush() {
        return flush(completions);
    }

    /** A flush that came when so many writes were completed. */
    Logs flush(long completion) {
        return add(Kind.FLUSH, 0, true, completion);
    }

    Logs acknowledge() {
        acknowledged.add(requests.size());
        return this;
    }

    CrashLog log() {
        return log(BLOCK);
    }

    /** The log of a disk that writes so many bytes at once. */
    CrashLog log(int atomic) {
        return log(atomic, false);
    }

    /** The log of a disk that loses only the last writes. */
    CrashLog logInOrder() {
        return log(BLOCK, true);
    }

    /** The log of a disk that ignores flushes. */
    CrashLog logOfNothingDurable() {
        return new CrashLog(recorded().withNothingDurable(), BLOCK, false, ZERO, acknowledged());
    }

    private CrashLog log(int atomic, boolean keepsOrder) {
        return new CrashLog(recorded(), atomic, keepsOrder, ZERO, acknowledged());
    }

    private int[] acknowledged() {
        return acknowledged.stream().mapToInt(i -> i).toArray();
    }

    private RecordedRequests recorded() {
        ByteBuffer start = ByteBuffer.allocate(touched.size() * Long.BYTES);
        touched.forEach(block -> start.putLong(1000 + block));
        return new RecordedRequests(BLOCK, 1 << 20, requests, start.array(), "");
    }

    /** A log of a few requests over a few blocks; some bring what is there already. */
    static CrashLog random(long seed, int length) {
        return randomly(seed, length).log();
    }

    /** The same on a disk that loses only the last writes. */
    static CrashLog randomInOrder(long seed, int length) {
        return randomly(seed, length).logInOrder();
    }

    private static Logs randomly(long seed, int length) {
        Random random = new Random(seed);
        Logs logs = new Logs();
        for (int i = 0; i < length; i++) {
            long block = random.nextInt(4);
            long[] contents = random.longs(1 + random.nextInt(3), 1, 5).toArray();
            switch (random.nextInt(10)) {
                case 0 -> logs.flush();
                case 1 -> logs.flush(random.nextInt((int) logs.completions + 1));
                case 2 -> logs.writeFua(block, contents);
                case 3 -> logs.discard(block, contents.length);
                case 4 -> logs.writeUnderWay(block, contents);
                case 5 -> logs.acknowledge();
                default -> logs.write(block, contents);
            }
        }
        return logs;
    }
}
