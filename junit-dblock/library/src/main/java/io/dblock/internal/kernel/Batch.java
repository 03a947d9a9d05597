// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.function.LongConsumer;

/**
 * The arguments of DBLOCK_SERVE, in one piece of memory outside the heap: answers to give, requests got. Belongs to one
 * thread at a time. Nothing here allocates on the way of a request.
 *
 * <p>The members of its structures are read and written in arrays, which are copied as a whole: an access to a direct buffer
 * costs many times as much where only the first compiler of the JVM is at work.
 */
public final class Batch {
    private static final int REQUESTS = Abi.SERVE_SIZE + 24; // the next multiple of 64
    private static final long NO_LIMIT = -1;

    /** Where in a long its first and second half are, its first and second quarter, and its third byte. */
    private static final boolean LITTLE = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private static final int FIRST_HALF = LITTLE ? 0 : 32;
    private static final int SECOND_HALF = LITTLE ? 32 : 0;
    private static final int FIRST_QUARTER = LITTLE ? 0 : 48;
    private static final int SECOND_QUARTER = LITTLE ? 16 : 32;
    private static final int THIRD_BYTE = LITTLE ? 16 : 40;

    private static final int REQUEST_LONGS = Abi.REQUEST_SIZE / Long.BYTES;
    private static final int ANSWER_LONGS = Abi.ANSWER_SIZE / Long.BYTES;
    /** Of the call: all but its reserved members. */
    private static final int CALL_LONGS = Abi.SERVE_RESULT / Long.BYTES + 1;

    private final NativeMemory memory;
    private final ByteBuffer buffer;
    /** The structure of the call. */
    private final ByteBuffer serve;

    private final LongBuffer longs;
    private final long address;
    private final long[] call = new long[CALL_LONGS];
    private final long[] asked;
    private final long[] given;
    private final int answersAt;
    private final int capacity;
    private final int maxAnswers;
    private int maxRequests;
    private int answers;
    private int requests;
    private boolean ended;

    /**
     * For a device and one of its queues, -1 for any of them.
     *
     * @param maxRequests how many requests to take at most in one call, 0 to 4096; 0: only answers
     * @param maxAnswers how many answers to give at most in one call, 1 to 4096
     */
    public Batch(int device, int queue, int maxRequests, int maxAnswers) {
        this(device, queue, maxRequests, maxRequests, maxAnswers);
    }

    /** The same with memory for {@code capacity} requests, which {@link #direct} may ask for later. */
    public Batch(int device, int queue, int maxRequests, int capacity, int maxAnswers) {
        this.capacity = capacity;
        this.maxAnswers = maxAnswers;
        answersAt = REQUESTS + capacity * Abi.REQUEST_SIZE;
        memory = NativeMemory.allocate(answersAt + maxAnswers * Abi.ANSWER_SIZE);
        buffer = memory.buffer();
        serve = buffer.slice(0, Abi.SERVE_SIZE).order(ByteOrder.nativeOrder());
        longs = buffer.asLongBuffer();
        address = memory.address();
        asked = new long[capacity * REQUEST_LONGS];
        given = new long[maxAnswers * ANSWER_LONGS];
        direct(device, queue, maxRequests);
    }

    /**
     * Uses it for another device or queue from now on, as if it were new.
     *
     * @param limit how many requests to take at most in one call, no more than it was made for
     * @throws IllegalStateException if there are answers in it that nobody has given
     */
    public void direct(int device, int queue, int limit) {
        if (limit > capacity) {
            throw new IllegalArgumentException(
                    "A batch for " + capacity + " requests cannot take " + limit + " in one call.");
        }
        if (answers != 0) {
            throw new IllegalStateException("The batch still has " + answers + " answers to give.");
        }
        call[Abi.SERVE_DEVICE / Long.BYTES] = halves(device, queue);
        maxRequests = limit;
        requests = 0;
        ended = false;
    }

    /** Whether one more answer fits. */
    public boolean hasRoom() {
        return answers < maxAnswers;
    }

    /** Whether all answers added to it were given. */
    public boolean hasNoAnswers() {
        return answers == 0;
    }

    /**
     * Adds the answer that all that remains of a request succeeded; {@code data} is the address of what a read or a report has
     * read, and of a zone append the sector at which it has put its data.
     */
    public void answer(long cookie, long data, long length) {
        add(cookie, data, length, 0, 0);
    }

    /** Adds the answer that all that remains of a read succeeded and has read zeros. */
    public void answerZeroes(long cookie, long length) {
        add(cookie, 0, length, 0, Abi.ANS_ZEROES);
    }

    /** Adds the answer that all that remains of a request failed. */
    public void answerError(long cookie, int errno) {
        add(cookie, 0, 0, -errno, 0);
    }

    /**
     * Adds the answer about the next {@code length} bytes of a request only, which goes on with what remains: the answer of a
     * later call, of this method or of one about all of it, is about the bytes behind them.
     *
     * @param data the address of what a read has read in this part; ignored if it failed
     * @param length in bytes: a multiple of the logical block, more than 0 and less than what remains; the last answer is not
     *     one about a part
     * @param errno 0, or with what all of this part failed
     */
    public void answerPart(long cookie, long data, long length, int errno) {
        add(cookie, errno == 0 ? data : 0, length, -errno, Abi.ANS_MORE);
    }

    /** Adds the answer that the next {@code length} bytes of a read were read and are zeros; see {@link #answerPart}. */
    public void answerPartZeroes(long cookie, long length) {
        add(cookie, 0, length, 0, Abi.ANS_MORE | Abi.ANS_ZEROES);
    }

    private void add(long cookie, long data, long length, int result, int flags) {
        if (answers == maxAnswers) {
            throw new IllegalStateException("The batch has its " + maxAnswers + " answers already.");
        }
        int at = answers * ANSWER_LONGS;
        given[at + Abi.ANSWER_COOKIE / Long.BYTES] = cookie;
        given[at + Abi.ANSWER_DATA / Long.BYTES] = data;
        given[at + Abi.ANSWER_LENGTH / Long.BYTES] = length;
        given[at + Abi.ANSWER_RESULT / Long.BYTES] = halves(result, flags);
        answers++;
    }

    /** Two members of 32 bits, as they follow each other. */
    private static long halves(int first, int second) {
        return (first & 0xffffffffL) << FIRST_HALF | (second & 0xffffffffL) << SECOND_HALF;
    }

    /**
     * Gives the answers and waits for requests. Signals do not end it; an answer that came too late is dropped and its
     * cookie given to {@code late}, once for all answers in a row that are about the same request. An answer the module cannot
     * take (its data cannot be read) becomes EIO.
     *
     * @param data where the data of writes go
     * @return how many requests there are now; 0 when the device has ended
     * @throws ControlException if the module refuses the call as a whole
     */
    public int serve(ControlSession session, NativeMemory data, LongConsumer late) {
        return serve(session, data, NO_LIMIT, late);
    }

    /**
     * The same, waiting no longer than {@code nanos}; with less than 0, without limit.
     *
     * @return how many requests there are now; 0 when none came in this time, or when the device has ended
     */
    public int serve(ControlSession session, NativeMemory data, long nanos, LongConsumer late) {
        return call(
                session, data == null ? 0 : data.address(), data == null ? 0 : data.size(), maxRequests, nanos, late);
    }

    /**
     * The same with a part of memory.
     *
     * @param from where in {@code data} the part begins
     * @param length how long it is, in bytes
     */
    public int serve(ControlSession session, NativeMemory data, long from, long length, long nanos, LongConsumer late) {
        data.checkRange(from, length);
        return call(session, data.address() + from, length, maxRequests, nanos, late);
    }

    /** Gives the answers and does not wait. */
    public void giveAnswers(ControlSession session, LongConsumer late) {
        call(session, 0, 0, 0, NO_LIMIT, late);
    }

    private int call(ControlSession session, long data, long dataSize, int wanted, long nanos, LongConsumer late) {
        requests = 0;
        call[Abi.SERVE_REQUESTS / Long.BYTES] = wanted == 0 ? 0 : address + REQUESTS;
        call[Abi.SERVE_BUFFER / Long.BYTES] = data;
        call[Abi.SERVE_BUFFER_SIZE / Long.BYTES] = dataSize;
        call[Abi.SERVE_TIMEOUT_NS / Long.BYTES] = nanos;
        longs.put(answersAt / Long.BYTES, given, 0, answers * ANSWER_LONGS);
        int taken = 0;
        boolean mended = false;
        while (true) {
            call[Abi.SERVE_ANSWERS / Long.BYTES] =
                    taken == answers ? 0 : address + answersAt + (long) taken * Abi.ANSWER_SIZE;
            call[Abi.SERVE_NR_ANSWERS / Long.BYTES] = halves(answers - taken, wanted);
            // What the module tells is zero until it does.
            longs.put(0, call);
            int result = session.serve(serve, address);
            int consumed = buffer.getInt(Abi.SERVE_CONSUMED);
            if (consumed > 0) {
                taken += consumed;
                mended = false;
            }
            if ((buffer.getInt(Abi.SERVE_STATE) & Abi.SERVE_END) != 0 || result == -Errno.ENODEV.number()) {
                ended = true;
            }
            if (result >= 0 || ended) {
                answers = 0;
                requests = result < 0 ? 0 : buffer.getInt(Abi.SERVE_NR_REQUESTS);
                longs.get(REQUESTS / Long.BYTES, asked, 0, requests * REQUEST_LONGS);
                return requests;
            }
            if (result == -Errno.EINTR.number()) {
                continue;
            }
            if (taken < answers && result == -Errno.ESTALE.number()) {
                long cookie = cookieOfAnswer(taken);
                late.accept(cookie);
                do {
                    taken++;
                } while (taken < answers && cookieOfAnswer(taken) == cookie);
                mended = false;
                continue;
            }
            if (taken < answers && !mended && isRefusedAnswer(result)) {
                failAnswer(taken, result == -Errno.EFAULT.number(), Errno.EIO.number());
                longs.put(
                        (answersAt + taken * Abi.ANSWER_SIZE) / Long.BYTES, given, taken * ANSWER_LONGS, ANSWER_LONGS);
                mended = true;
                continue;
            }
            answers = 0;
            throw session.failure(
                    "serve device " + buffer.getInt(Abi.SERVE_DEVICE),
                    -result,
                    "This is a fault of junit-dblock or of the module; please report it.");
        }
    }

    private static boolean isRefusedAnswer(int result) {
        return result == -Errno.EFAULT.number() || result == -Errno.EBADMSG.number();
    }

    private long cookieOfAnswer(int index) {
        return given[index * ANSWER_LONGS + Abi.ANSWER_COOKIE / Long.BYTES];
    }

    /** Turns every answer that was added and not yet given, none of them a part, into this error. */
    public void failAnswers(int errno) {
        for (int i = 0; i < answers; i++) {
            failAnswer(i, false, errno);
        }
    }

    /** A part whose data cannot be read fails alone; one that makes no sense takes the rest of its request with it. */
    private void failAnswer(int index, boolean keepsItsPlace, int errno) {
        int at = index * ANSWER_LONGS;
        int flags = (int) (given[at + Abi.ANSWER_RESULT / Long.BYTES] >>> SECOND_HALF);
        boolean part = keepsItsPlace && (flags & Abi.ANS_MORE) != 0;
        if (!part) {
            given[at + Abi.ANSWER_LENGTH / Long.BYTES] = 0;
        }
        given[at + Abi.ANSWER_DATA / Long.BYTES] = 0;
        given[at + Abi.ANSWER_RESULT / Long.BYTES] = halves(-errno, part ? Abi.ANS_MORE : 0);
    }

    /** Whether the device has ended: not to be called again. */
    public boolean ended() {
        return ended;
    }

    /** How many requests the last call brought. */
    public int requests() {
        return requests;
    }

    /** Names request {@code i} in its answer. */
    public long cookie(int i) {
        return asked[at(i) + Abi.REQUEST_COOKIE / Long.BYTES];
    }

    /** Where request {@code i} starts, in bytes. */
    public long offset(int i) {
        return asked[at(i) + Abi.REQUEST_SECTOR / Long.BYTES] * Abi.SECTOR_SIZE;
    }

    /** How much request {@code i} concerns, in bytes. */
    public long length(int i) {
        return asked[at(i) + Abi.REQUEST_LENGTH / Long.BYTES];
    }

    /** The address of the data of a write. */
    public long data(int i) {
        return asked[at(i) + Abi.REQUEST_DATA / Long.BYTES];
    }

    /** One of the {@code OP_} numbers. */
    public int operation(int i) {
        return (int) (kind(i) >>> FIRST_QUARTER) & 0xffff;
    }

    /** The queue it came through. */
    public int queue(int i) {
        return (int) (kind(i) >>> SECOND_QUARTER) & 0xffff;
    }

    /** Bits of {@code REQ_}. */
    public int flags(int i) {
        return (int) (kind(i) >>> SECOND_HALF);
    }

    /** The I/O priority of request {@code i} as of ioprio_set(2), and above its 16 bits the RWH_WRITE_LIFE_ number. */
    public int hints(int i) {
        long hints = asked[at(i) + Abi.REQUEST_IOPRIO / Long.BYTES];
        return ((int) (hints >>> FIRST_QUARTER) & 0xffff) | ((int) (hints >>> THIRD_BYTE) & 0xff) << 16;
    }

    private int at(int i) {
        if (i < 0 || i >= requests) {
            throw new IndexOutOfBoundsException("request " + i + " of " + requests);
        }
        return i * REQUEST_LONGS;
    }

    /** Operation, queue and flags of a request. */
    private long kind(int i) {
        return asked[at(i) + Abi.REQUEST_OP / Long.BYTES];
    }

    /** DBLOCK_OP_READ. */
    public static final int OP_READ = Abi.OP_READ;
    /** DBLOCK_OP_WRITE. */
    public static final int OP_WRITE = Abi.OP_WRITE;
    /** DBLOCK_OP_FLUSH. */
    public static final int OP_FLUSH = Abi.OP_FLUSH;
    /** DBLOCK_OP_DISCARD. */
    public static final int OP_DISCARD = Abi.OP_DISCARD;
    /** DBLOCK_OP_WRITE_ZEROES. */
    public static final int OP_WRITE_ZEROES = Abi.OP_WRITE_ZEROES;
    /** DBLOCK_OP_ZONE_REPORT. */
    public static final int OP_ZONE_REPORT = Abi.OP_ZONE_REPORT;
    /** DBLOCK_OP_ZONE_OPEN. */
    public static final int OP_ZONE_OPEN = Abi.OP_ZONE_OPEN;
    /** DBLOCK_OP_ZONE_CLOSE. */
    public static final int OP_ZONE_CLOSE = Abi.OP_ZONE_CLOSE;
    /** DBLOCK_OP_ZONE_FINISH. */
    public static final int OP_ZONE_FINISH = Abi.OP_ZONE_FINISH;
    /** DBLOCK_OP_ZONE_RESET. */
    public static final int OP_ZONE_RESET = Abi.OP_ZONE_RESET;
    /** DBLOCK_OP_ZONE_RESET_ALL. */
    public static final int OP_ZONE_RESET_ALL = Abi.OP_ZONE_RESET_ALL;
    /** DBLOCK_OP_ZONE_APPEND. */
    public static final int OP_ZONE_APPEND = Abi.OP_ZONE_APPEND;

    /** DBLOCK_REQ_FUA. */
    public static final int REQ_FUA = Abi.REQ_FUA;
    /** DBLOCK_REQ_META. */
    public static final int REQ_META = Abi.REQ_META;
    /** DBLOCK_REQ_SYNC. */
    public static final int REQ_SYNC = Abi.REQ_SYNC;
    /** DBLOCK_REQ_NOUNMAP. */
    public static final int REQ_NOUNMAP = Abi.REQ_NOUNMAP;
    /** DBLOCK_REQ_RAHEAD. */
    public static final int REQ_RAHEAD = Abi.REQ_RAHEAD;
    /** DBLOCK_REQ_PRIO. */
    public static final int REQ_PRIO = Abi.REQ_PRIO;
    /** DBLOCK_REQ_BACKGROUND. */
    public static final int REQ_BACKGROUND = Abi.REQ_BACKGROUND;
    /** DBLOCK_REQ_SWAP. */
    public static final int REQ_SWAP = Abi.REQ_SWAP;
}
