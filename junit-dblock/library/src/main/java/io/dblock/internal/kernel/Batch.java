// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import io.dblock.handler.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.function.LongConsumer;

/**
 * The arguments of DBLOCK_SERVE in one piece of memory outside the heap: answers to give and requests received. Used by
 * one thread at a time. Nothing here allocates while requests are served.
 *
 * <p>The members of the structures are accessed in arrays that are copied as a whole. Accesses to a direct buffer would
 * cost many times as much with only the first compiler of the JVM.
 */
public final class Batch {
    private static final int REQUESTS = Abi.SERVE_SIZE + 24; // the next multiple of 64
    private static final long NO_LIMIT = -1;

    /** Where in a long its halves, its first two quarters and its third byte are. */
    private static final boolean LITTLE = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private static final int FIRST_HALF = LITTLE ? 0 : 32;
    private static final int SECOND_HALF = LITTLE ? 32 : 0;
    private static final int FIRST_QUARTER = LITTLE ? 0 : 48;
    private static final int SECOND_QUARTER = LITTLE ? 16 : 32;
    private static final int THIRD_BYTE = LITTLE ? 16 : 40;

    private static final int REQUEST_LONGS = Abi.REQUEST_SIZE / Long.BYTES;
    private static final int ANSWER_LONGS = Abi.ANSWER_SIZE / Long.BYTES;
    private static final int SEGMENT_LONGS = Abi.SEGMENT_SIZE / Long.BYTES;
    /** The longs of the call, without its reserved members. */
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
    /** Of the answers, one after the other. */
    private final long[] segments;

    private final int answersAt;
    private final int segmentsAt;
    private final int capacity;
    private final int maxAnswers;
    private int maxRequests;
    private int answers;
    /** How much of {@link #segments} is in use. */
    private int segmentLongs;

    private int requests;
    private boolean ended;

    /**
     * Creates a batch for a device and one of its queues, -1 for any of them.
     *
     * @param maxRequests how many requests one call takes at most, 0 to 4096; 0: only answers
     * @param maxAnswers how many answers one call gives at most, 1 to 4096
     */
    public Batch(int device, int queue, int maxRequests, int maxAnswers) {
        this(device, queue, maxRequests, maxRequests, maxAnswers, maxAnswers);
    }

    /**
     * Creates a batch with memory for {@code capacity} requests, which {@link #direct} may ask for later.
     *
     * @param maxSegments how many segments the answers of one call have together at most
     */
    public Batch(int device, int queue, int maxRequests, int capacity, int maxAnswers, int maxSegments) {
        this.capacity = capacity;
        this.maxAnswers = maxAnswers;
        answersAt = REQUESTS + capacity * Abi.REQUEST_SIZE;
        segmentsAt = answersAt + maxAnswers * Abi.ANSWER_SIZE;
        memory = NativeMemory.allocate(segmentsAt + maxSegments * Abi.SEGMENT_SIZE);
        buffer = memory.buffer();
        serve = buffer.slice(0, Abi.SERVE_SIZE).order(ByteOrder.nativeOrder());
        longs = buffer.asLongBuffer();
        address = memory.address();
        asked = new long[capacity * REQUEST_LONGS];
        given = new long[maxAnswers * ANSWER_LONGS];
        segments = new long[maxSegments * SEGMENT_LONGS];
        direct(device, queue, maxRequests);
    }

    /**
     * Makes the batch serve another device or queue, as if it were new.
     *
     * @param limit how many requests one call takes at most; not more than the batch was made for
     * @throws IllegalStateException if it has answers that were not given yet
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

    /** Returns whether one more answer fits. */
    public boolean hasRoom() {
        return answers < maxAnswers;
    }

    /** Returns whether one more answer fits that has so many segments. */
    public boolean hasRoomForSegments(int count) {
        return hasRoom() && count <= (segments.length - segmentLongs) / SEGMENT_LONGS;
    }

    /** Returns whether all added answers were given. */
    public boolean hasNoAnswers() {
        return answers == 0;
    }

    /**
     * Adds an answer: the rest of a request succeeded. For a read or a report, {@code data} is the address of its data;
     * for a zone append, the sector at which the data was put.
     */
    public void answer(long cookie, long data, long length) {
        add(cookie, data, length, 0, 0);
    }

    /** Adds an answer: the rest of a read succeeded and is zeros. */
    public void answerZeroes(long cookie, long length) {
        add(cookie, 0, length, 0, Abi.ANS_ZEROES);
    }

    /**
     * Adds an answer: the rest of a read succeeded, and its data are in segments.
     *
     * @param data where each segment starts; 0: it is zeros
     * @param lengths how long it is, in bytes; together {@code length}
     * @param count how many there are
     */
    public void answerSegments(long cookie, long[] data, long[] lengths, int count, long length) {
        if (!hasRoomForSegments(count)) {
            throw new IllegalStateException("The batch has no room for an answer with " + count + " segments.");
        }
        long first = address + segmentsAt + (long) segmentLongs * Long.BYTES;
        for (int i = 0; i < count; i++) {
            segments[segmentLongs + Abi.SEGMENT_DATA / Long.BYTES] = data[i];
            segments[segmentLongs + Abi.SEGMENT_LENGTH / Long.BYTES] = lengths[i];
            segmentLongs += SEGMENT_LONGS;
        }
        add(cookie, first, length, 0, Abi.ANS_SEGMENTS, count);
    }

    /** Adds an answer: the rest of a request failed. */
    public void answerError(long cookie, int errno) {
        add(cookie, 0, 0, -errno, 0);
    }

    /**
     * Adds an answer to the next {@code length} bytes of a request only. The next answer, added by any of these
     * methods, is about the bytes behind them.
     *
     * @param data the address of the data of this part of a read; ignored if the part failed
     * @param length in bytes: a multiple of the logical block, more than 0 and less than the rest; the last answer must
     *     not be one to a part
     * @param errno the error of the whole part, or 0
     */
    public void answerPart(long cookie, long data, long length, int errno) {
        add(cookie, errno == 0 ? data : 0, length, -errno, Abi.ANS_MORE);
    }

    /** Adds an answer: the next {@code length} bytes of a read are zeros; see {@link #answerPart}. */
    public void answerPartZeroes(long cookie, long length) {
        add(cookie, 0, length, 0, Abi.ANS_MORE | Abi.ANS_ZEROES);
    }

    private void add(long cookie, long data, long length, int result, int flags) {
        add(cookie, data, length, result, flags, 0);
    }

    private void add(long cookie, long data, long length, int result, int flags, int count) {
        if (answers == maxAnswers) {
            throw new IllegalStateException("The batch has its " + maxAnswers + " answers already.");
        }
        int at = answers * ANSWER_LONGS;
        given[at + Abi.ANSWER_COOKIE / Long.BYTES] = cookie;
        given[at + Abi.ANSWER_DATA / Long.BYTES] = data;
        given[at + Abi.ANSWER_LENGTH / Long.BYTES] = length;
        given[at + Abi.ANSWER_RESULT / Long.BYTES] = halves(result, flags);
        given[at + Abi.ANSWER_SEGMENTS / Long.BYTES] = halves(count, 0);
        answers++;
    }

    /** Packs two consecutive members of 32 bits. */
    private static long halves(int first, int second) {
        return (first & 0xffffffffL) << FIRST_HALF | (second & 0xffffffffL) << SECOND_HALF;
    }

    /**
     * Gives the answers and waits for requests. Signals do not end the wait. An answer that came too late is dropped,
     * and its cookie is passed to {@code late}, once for consecutive answers to one request. An answer that the module
     * cannot take because its data cannot be read becomes EIO.
     *
     * @param data where the data of writes goes
     * @return how many requests there are now; 0 when the device has ended
     * @throws ControlException if the module refuses the call as a whole
     */
    public int serve(ControlSession session, NativeMemory data, LongConsumer late) {
        return serve(session, data, NO_LIMIT, late);
    }

    /**
     * Gives the answers and waits for requests, no longer than {@code nanos}; without limit if it is negative.
     *
     * @return how many requests there are now; 0 if none came in this time, or the device has ended
     */
    public int serve(ControlSession session, NativeMemory data, long nanos, LongConsumer late) {
        return call(
                session, data == null ? 0 : data.address(), data == null ? 0 : data.size(), maxRequests, nanos, late);
    }

    /**
     * Gives the answers and waits for requests, with a part of the memory for data.
     *
     * @param from where in {@code data} the part starts
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
        longs.put(segmentsAt / Long.BYTES, segments, 0, segmentLongs);
        segmentLongs = 0;
        int taken = 0;
        boolean mended = false;
        while (true) {
            call[Abi.SERVE_ANSWERS / Long.BYTES] =
                    taken == answers ? 0 : address + answersAt + (long) taken * Abi.ANSWER_SIZE;
            call[Abi.SERVE_NR_ANSWERS / Long.BYTES] = halves(answers - taken, wanted);
            // The members that the module sets are zero until then.
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
                    "This is a bug in junit-dblock or in the module; please report it.");
        }
    }

    private static boolean isRefusedAnswer(int result) {
        return result == -Errno.EFAULT.number() || result == -Errno.EBADMSG.number();
    }

    private long cookieOfAnswer(int index) {
        return given[index * ANSWER_LONGS + Abi.ANSWER_COOKIE / Long.BYTES];
    }

    /** Turns all answers that were added and not given yet into this error, one for each request. */
    public void failAnswers(int errno) {
        int requests = 0;
        for (int i = 0; i < answers; i++) {
            long cookie = cookieOfAnswer(i);
            if (requests == 0 || cookieOfAnswer(requests - 1) != cookie) {
                given[requests * ANSWER_LONGS + Abi.ANSWER_COOKIE / Long.BYTES] = cookie;
                failAnswer(requests++, false, errno);
            }
        }
        answers = requests;
    }

    /** A part whose data cannot be read fails alone; an invalid part fails the rest of its request, too. */
    private void failAnswer(int index, boolean keepsItsPlace, int errno) {
        int at = index * ANSWER_LONGS;
        int flags = (int) (given[at + Abi.ANSWER_RESULT / Long.BYTES] >>> SECOND_HALF);
        boolean part = keepsItsPlace && (flags & Abi.ANS_MORE) != 0;
        if (!part) {
            given[at + Abi.ANSWER_LENGTH / Long.BYTES] = 0;
        }
        given[at + Abi.ANSWER_DATA / Long.BYTES] = 0;
        given[at + Abi.ANSWER_SEGMENTS / Long.BYTES] = 0;
        given[at + Abi.ANSWER_RESULT / Long.BYTES] = halves(-errno, part ? Abi.ANS_MORE : 0);
    }

    /** Returns whether the device has ended: then make no more calls. */
    public boolean ended() {
        return ended;
    }

    /** Names request {@code i} in its answer. */
    public long cookie(int i) {
        return asked[at(i) + Abi.REQUEST_COOKIE / Long.BYTES];
    }

    /** Returns where request {@code i} starts, in bytes. */
    public long offset(int i) {
        return asked[at(i) + Abi.REQUEST_SECTOR / Long.BYTES] * Abi.SECTOR_SIZE;
    }

    /** Returns the length of request {@code i} in bytes. */
    public long length(int i) {
        return asked[at(i) + Abi.REQUEST_LENGTH / Long.BYTES];
    }

    /** Returns the address of the data of a write. */
    public long data(int i) {
        return asked[at(i) + Abi.REQUEST_DATA / Long.BYTES];
    }

    /** Returns one of the {@code OP_} numbers. */
    public int operation(int i) {
        return (int) (kind(i) >>> FIRST_QUARTER) & 0xffff;
    }

    /** Returns the queue that the request came through. */
    public int queue(int i) {
        return (int) (kind(i) >>> SECOND_QUARTER) & 0xffff;
    }

    /** Returns bits of {@code REQ_}. */
    public int flags(int i) {
        return (int) (kind(i) >>> SECOND_HALF);
    }

    /**
     * Returns the I/O priority of request {@code i}, as in ioprio_set(2), and above its 16 bits the RWH_WRITE_LIFE_
     * number.
     */
    public int hints(int i) {
        long hints = asked[at(i) + Abi.REQUEST_IOPRIO / Long.BYTES];
        return ((int) (hints >>> FIRST_QUARTER) & 0xffff) | ((int) (hints >>> THIRD_BYTE) & 0xff) << 16;
    }

    /** Returns when the block layer got request {@code i}, by {@link System#nanoTime()}. */
    public long issuedAt(int i) {
        return asked[at(i) + Abi.REQUEST_ISSUED_NS / Long.BYTES];
    }

    /** Returns when request {@code i} was fetched, by {@link System#nanoTime()}. */
    public long fetchedAt(int i) {
        return asked[at(i) + Abi.REQUEST_FETCHED_NS / Long.BYTES];
    }

    private int at(int i) {
        if (i < 0 || i >= requests) {
            throw new IndexOutOfBoundsException("request " + i + " of " + requests);
        }
        return i * REQUEST_LONGS;
    }

    /** Returns the operation, queue and flags of a request. */
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
