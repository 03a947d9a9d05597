// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.handler.Errno;
import io.dblock.handler.IoClass;
import io.dblock.handler.IoPriority;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestFlag;
import io.dblock.handler.RequestInfo;
import io.dblock.handler.WriteHint;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.NativeMemory;
import io.dblock.internal.store.Chunk;
import io.dblock.journal.Capture;
import io.dblock.journal.ContentHash;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.journal.FailedRange;
import io.dblock.journal.JournalEntry;
import io.dblock.journal.MarkEntry;
import io.dblock.journal.Recorder;
import io.dblock.journal.RequestEntry;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class JournalRingTest {
    private final JournalRing ring = new JournalRing(1024);

    @Test
    void aRequestHasNumberTimesResultAndWhatItAsksFor() {
        long before = System.nanoTime();
        long write = ring.begin(before + 1_000, Batch.OP_WRITE, Batch.REQ_FUA | Batch.REQ_META, 4096, 8192, 3);
        ring.end(write, before + 5_000, Errno.ENOSPC.number(), List.of());

        assertThat(write).isEqualTo(1);
        RequestEntry entry = request(1);
        assertThat(entry.info())
                .isEqualTo(new RequestInfo(Operation.WRITE, 4096, 8192, Set.of(RequestFlag.FUA, RequestFlag.META), 3));
        assertThat(entry.result()).isEqualTo(Errno.ENOSPC);
        assertThat(entry.failures()).containsExactly(new FailedRange(4096, 8192, Errno.ENOSPC));
        assertThat(entry.completedNanos() - entry.submittedNanos()).isEqualTo(4_000);
        assertThat(entry.completionOrder()).isEqualTo(1);
    }

    @Test
    void everyOperationAndFlagIsTold() {
        begin(Batch.OP_READ, Batch.REQ_RAHEAD, 0, 512);
        begin(Batch.OP_WRITE, Batch.REQ_SYNC, 0, 512);
        begin(Batch.OP_FLUSH, 0, 0, 0);
        begin(Batch.OP_DISCARD, 0, 0, 512);
        begin(Batch.OP_WRITE_ZEROES, Batch.REQ_NOUNMAP, 0, 512);

        assertThat(requests())
                .extracting(entry -> entry.info().operation())
                .containsExactly(
                        Operation.READ, Operation.WRITE, Operation.FLUSH, Operation.DISCARD, Operation.WRITE_ZEROES);
        assertThat(requests())
                .extracting(entry -> entry.info().flags())
                .containsExactly(
                        Set.of(RequestFlag.READ_AHEAD),
                        Set.of(RequestFlag.SYNC),
                        Set.of(),
                        Set.of(),
                        Set.of(RequestFlag.NOUNMAP));
    }

    @Test
    void anUnknownOperationIsRefused() {
        assertThatThrownBy(() -> begin(12, 0, 0, 512)).hasMessage("There is no operation 12.");
    }

    @Test
    void completionIsInTheOrderOfTheAnswers() {
        long first = begin(Batch.OP_WRITE, 0, 0, 512);
        long second = begin(Batch.OP_WRITE, 0, 512, 512);
        begin(Batch.OP_READ, 0, 0, 512);
        end(second);
        end(first);

        assertThat(requests()).extracting(RequestEntry::completionOrder).containsExactly(2L, 1L, -1L);
        assertThat(requests()).extracting(RequestEntry::isCompleted).containsExactly(true, true, false);
        assertThat(request(3).completedNanos()).isEqualTo(-1);
    }

    @Test
    void theFlushEpochCountsFlushesThatSucceeded() {
        end(begin(Batch.OP_WRITE, 0, 0, 512));
        long flush = begin(Batch.OP_FLUSH, 0, 0, 0);
        end(begin(Batch.OP_WRITE, 0, 0, 512));
        end(flush);
        end(begin(Batch.OP_WRITE, 0, 0, 512));
        ring.end(begin(Batch.OP_FLUSH, 0, 0, 0), System.nanoTime(), Errno.EIO.number(), List.of());
        end(begin(Batch.OP_WRITE, 0, 0, 512));

        assertThat(requests()).extracting(RequestEntry::flushEpoch).containsExactly(0L, 0L, 0L, 1L, 1L, 1L);
        assertThat(ring.flushEpoch()).isEqualTo(1);
    }

    @Test
    void theRulesThatActedOnItAreNamed() {
        long read = begin(Batch.OP_READ, 0, 0, 512);
        ring.end(read, System.nanoTime(), 0, List.of("slow", "flip"));

        assertThat(request(read).rules()).containsExactly("slow", "flip");
        assertThat(request(read).succeeded()).isTrue();
    }

    @Test
    void ofAnAnswerInPartsTheFailedOnesAreToldByRange() {
        long write = begin(Batch.OP_WRITE, 0, 8192, 4096);
        ring.end(
                write,
                System.nanoTime(),
                new Answer(
                        List.of(
                                new Answer.Part(1024, null),
                                new Answer.Part(512, Errno.ENODATA),
                                new Answer.Part(2560, Errno.EIO)),
                        List.of("bad sector")));

        RequestEntry entry = request(write);
        assertThat(entry.failures())
                .containsExactly(new FailedRange(9216, 512, Errno.ENODATA), new FailedRange(9728, 2560, Errno.EIO));
        assertThat(entry.result()).isEqualTo(Errno.ENODATA);
        assertThat(entry.rules()).containsExactly("bad sector");
    }

    @Test
    void anAnswerOfOnePartIsThatOfTheRequest() {
        long good = begin(Batch.OP_WRITE, 0, 0, 4096);
        ring.end(good, System.nanoTime(), Answer.all(4096, null, List.of()));
        long bad = begin(Batch.OP_WRITE, 0, 0, 4096);
        ring.end(bad, System.nanoTime(), Answer.all(4096, Errno.EBADE, List.of("r")));

        assertThat(request(good).succeeded()).isTrue();
        assertThat(request(bad).failures()).containsExactly(new FailedRange(0, 4096, Errno.EBADE));
        assertThat(request(bad).rules()).containsExactly("r");
    }

    @Test
    void toEndARequestTwiceIsAnError() {
        long write = begin(Batch.OP_WRITE, 0, 0, 512);
        end(write);
        assertThatThrownBy(() -> end(write))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Request #1 has already ended.");
    }

    @Test
    void toEndWhatWasNeverBegunIsAnError() {
        assertThatThrownBy(() -> end(7)).hasMessage("Request #7 is not under way.");
        assertThatThrownBy(() -> end(0)).hasMessage("Request #0 is not under way.");
    }

    @Test
    void marksAndEventsStandAmongTheRequests() {
        begin(Batch.OP_READ, 0, 0, 512);
        assertThat(ring.marked("commit")).isFalse();
        assertThat(ring.mark("commit")).isEqualTo(2);
        ring.note(EventKind.POWER_CUT, "nothing kept");
        begin(Batch.OP_READ, 0, 0, 512);

        assertThat(ring.entries(0)).extracting(JournalEntry::sequence).containsExactly(1L, 2L, 3L, 4L);
        assertThat(ring.entries(0).get(1)).isInstanceOfSatisfying(MarkEntry.class, mark -> assertThat(mark.text())
                .isEqualTo("commit"));
        assertThat(ring.entries(0).get(2)).isInstanceOfSatisfying(EventEntry.class, event -> {
            assertThat(event.kind()).isEqualTo(EventKind.POWER_CUT);
            assertThat(event.text()).isEqualTo("nothing kept");
        });
        assertThat(ring.entries(2)).extracting(JournalEntry::sequence).containsExactly(3L, 4L);
        assertThat(ring.marked("commit")).isTrue();
        assertThat(ring.marks()).containsEntry("commit", 2L);
    }

    @Test
    void anEntryTellsWhatHadBeenCompletedBeforeIt() {
        long first = begin(Batch.OP_WRITE, 0, 0, 512);
        long second = begin(Batch.OP_FLUSH, 0, 0, 0);
        end(first);
        ring.mark("m");
        begin(Batch.OP_FLUSH, 0, 0, 0);
        end(second);
        ring.note(EventKind.NOTE, "n");

        assertThat(ring.entries(0)).extracting(JournalEntry::completedBefore).containsExactly(0L, 0L, 1L, 1L, 2L);
    }

    @Test
    void marksAreToldToTheirListener() {
        List<String> told = new ArrayList<>();
        ring.onMark(told::add);
        ring.mark("a");
        ring.mark("b");
        assertThat(told).containsExactly("a", "b");
    }

    @Test
    void timesCountFromTheBeginningOfTheJournal() {
        long beforeAll = System.nanoTime();
        JournalRing fresh = new JournalRing(1024);
        fresh.mark("m");
        long write = fresh.begin(System.nanoTime(), Batch.OP_WRITE, 0, 0, 512, 0);
        fresh.end(write, System.nanoTime(), 0, List.of());
        long all = System.nanoTime() - beforeAll;

        RequestEntry entry = (RequestEntry) fresh.entries(0).get(1);
        assertThat(fresh.entries(0).get(0).nanos()).isBetween(0L, entry.submittedNanos());
        assertThat(entry.completedNanos()).isBetween(entry.submittedNanos(), all);
    }

    @Test
    void theNewestEntriesAreKeptAndTheOthersCounted() {
        ring.mark("early");
        for (int i = 0; i < 3000; i++) {
            end(begin(Batch.OP_READ, 0, i * 512L, 512));
        }
        ring.mark("late");

        List<JournalEntry> entries = ring.entries(0);
        assertThat(entries).hasSize(1024);
        assertThat(entries).extracting(JournalEntry::sequence).isSorted();
        assertThat(entries.get(0).sequence()).isEqualTo(3002 - 1024 + 1);
        assertThat(((RequestEntry) entries.get(0)).info().offset()).isEqualTo((3002 - 1024 - 1) * 512);
        assertThat(entries.get(1023)).isInstanceOf(MarkEntry.class);
        assertThat(ring.dropped()).isEqualTo(3002 - 1024);
        assertThat(ring.lastDropped()).isEqualTo(3002 - 1024);
        assertThat(ring.marked("early")).isTrue();
        assertThat(ring.last()).isEqualTo(3002);
    }

    @Test
    void whatStoodInAPlaceBeforeDoesNotShow() {
        for (int i = 0; i < 1024; i++) {
            long read = begin(Batch.OP_WRITE, 0, 0, 512);
            ring.data(read, bytes(512, i), 0, 512);
            ring.end(read, System.nanoTime(), Errno.EIO.number(), List.of("old rule"));
        }
        long clean = begin(Batch.OP_READ, 0, 0, 512);
        end(clean);
        ring.mark("m");

        assertThat(request(clean).rules()).isEmpty();
        assertThat(request(clean).result()).isNull();
        assertThat(request(clean).hash()).isEmpty();
        assertThat(ring.content(clean)).isEmpty();
        assertThat(ring.content(ring.last())).isEmpty();
    }

    @Test
    void aRequestUnderWayIsKeptHoweverManyFollow() {
        long held = begin(Batch.OP_FLUSH, 0, 0, 0);
        for (int i = 0; i < 5000; i++) {
            end(begin(Batch.OP_WRITE, 0, 0, 512));
        }

        assertThat(ring.entries(0)).hasSize(1025);
        assertThat(ring.entries(0).get(0)).isInstanceOfSatisfying(RequestEntry.class, entry -> {
            assertThat(entry.sequence()).isEqualTo(held);
            assertThat(entry.info().operation()).isEqualTo(Operation.FLUSH);
            assertThat(entry.isCompleted()).isFalse();
        });
        assertThat(ring.dropped()).isEqualTo(5001 - 1024 - 1);

        end(held);
        assertThat(ring.flushEpoch()).isEqualTo(1);
        assertThat(ring.entries(0)).hasSize(1024);
        assertThat(ring.dropped()).isEqualTo(5001 - 1024);
        assertThatThrownBy(() -> end(held)).hasMessage("Request #1 is not under way.");
    }

    @Test
    void dataRecentlyWrittenAreKeptWithTheirHash() {
        byte[] data = random(4096, 1);
        ByteBuffer buffer = ByteBuffer.allocateDirect(8192).put(1024, data);
        long write = begin(Batch.OP_WRITE, 0, 0, 4096);
        assertThat(ring.wantsData(Batch.OP_WRITE)).isTrue();
        assertThat(ring.wantsData(Batch.OP_READ)).isFalse();
        ring.data(write, buffer, 1024, 4096);
        buffer.put(1024, new byte[4096]);

        assertThat(request(write).hash()).hasValue(ContentHash.of(data));
        assertThat(ring.content(write)).hasValue(data);
    }

    @Test
    void dataMayBeGivenByTheirAddress() {
        byte[] data = random(4096, 2);
        NativeMemory memory = NativeMemory.allocate(4096);
        memory.buffer().put(0, data);
        for (Capture capture : List.of(Capture.RECENT, Capture.HASH, Capture.HASH_ALL, Capture.CONTENT)) {
            ring.capture(capture, 1 << 20);
            long write = begin(Batch.OP_WRITE, 0, 0, 4096);
            ring.data(write, memory.address(), 4096);
            assertThat(request(write).hash()).as("%s", capture).hasValue(ContentHash.of(data));
        }
    }

    @Test
    void dataBeyondTheLimitAreDroppedAndCounted() {
        ring.capture(Capture.RECENT, 2 << 20);
        for (int i = 0; i < 1000; i++) {
            long write = begin(Batch.OP_WRITE, 0, 0, 4096);
            ring.data(write, bytes(4096, i), 0, 4096);
            end(write);
        }

        long kept =
                requests().stream().filter(entry -> entry.hash().isPresent()).count();
        assertThat(kept).isBetween(256L, 512L);
        assertThat(ring.droppedContents()).isEqualTo(1000 - kept);
        assertThat(ring.content(1000)).hasValue(bytes(4096, 999).array());
        assertThat(ring.content(1001 - kept))
                .hasValue(bytes(4096, (int) (1000 - kept)).array());
        assertThat(ring.content(1000 - kept)).isEmpty();
    }

    @Test
    void hashesOutliveTheData() {
        ring.capture(Capture.CONTENT, 1 << 20);
        for (int i = 0; i < 1000; i++) {
            long write = begin(Batch.OP_WRITE, 0, 0, 4096);
            ring.data(write, bytes(4096, i), 0, 4096);
        }

        assertThat(ring.content(1)).isEmpty();
        assertThat(request(1).hash()).hasValue(ContentHash.of(bytes(4096, 0).array()));
        assertThat(ring.content(1000)).isPresent();
    }

    @Test
    void aWriteLargerThanTheLimitIsKeptAsTheOnlyOne() {
        ring.capture(Capture.RECENT, 1 << 20);
        byte[] big = random(4 << 20, 3);
        long write = begin(Batch.OP_WRITE, 0, 0, big.length);
        ring.data(write, ByteBuffer.wrap(big), 0, big.length);
        assertThat(ring.content(write)).hasValue(big);

        long next = begin(Batch.OP_WRITE, 0, 0, 512);
        ring.data(next, bytes(512, 1), 0, 512);
        assertThat(ring.content(write)).isEmpty();
        assertThat(ring.content(next)).hasValue(bytes(512, 1).array());
    }

    private long putInto(Chunk chunk, int length, int value) {
        int index = chunk.used();
        chunk.buffer().put(index, bytes(length, value).array());
        long write = begin(Batch.OP_WRITE, 0, 0, length);
        ring.data(write, chunk, index, length);
        return write;
    }

    @Test
    void whatIsInAChunkIsKeptThere() throws Exception {
        Chunk chunk = ring.memory().take(1 << 20);
        long first = putInto(chunk, 4096, 100);
        long other = begin(Batch.OP_WRITE, 0, 0, 4096);
        int used = chunk.used();
        ring.data(other, bytes(4096, 101), 0, 4096);
        assertThat(chunk.used()).as("where somebody may be writing now").isEqualTo(used);
        long second = putInto(chunk, 512, 102);

        assertThat(ring.content(first)).hasValue(bytes(4096, 100).array());
        assertThat(ring.content(other)).hasValue(bytes(4096, 101).array());
        assertThat(ring.content(second)).hasValue(bytes(512, 102).array());
        assertThat(request(second).hash())
                .hasValue(ContentHash.of(bytes(512, 102).array()));
    }

    /** Those of a journal of a mebibyte are at most two, and the one that is being written. */
    @Test
    void chunksOfDroppedDataAreUsedAgain() throws Exception {
        ring.capture(Capture.RECENT, 1 << 20);
        Set<Long> addresses = new HashSet<>();
        Chunk chunk = null;
        for (int i = 0; i < 2000; i++) {
            if (chunk == null || chunk.room() < 64 << 10) {
                ring.memory().giveBack(chunk);
                chunk = ring.memory().take(64 << 10);
                addresses.add(chunk.memory().address());
            }
            putInto(chunk, 64 << 10, i);
        }
        assertThat(addresses).hasSizeLessThan(8);
        for (int i = 0; i < 16; i++) {
            assertThat(ring.content(2000 - i))
                    .hasValue(bytes(64 << 10, 1999 - i).array());
        }
        assertThat(ring.droppedContents()).isEqualTo(2000 - 16);
    }

    @Test
    void whatIsInAChunkIsKeptOnlyIfTheCaptureSaysSo() throws Exception {
        Chunk chunk = ring.memory().take(1 << 20);
        for (Capture capture : List.of(Capture.METADATA, Capture.HASH, Capture.HASH_ALL)) {
            ring.capture(capture, 16 << 20);
            long write = putInto(chunk, 512, 7);
            assertThat(chunk.used()).as("%s", capture).isZero();
            assertThat(ring.content(write)).isEmpty();
            assertThat(request(write).hash().isPresent()).isEqualTo(capture != Capture.METADATA);
        }
        ring.capture(Capture.CONTENT, 16 << 20);
        long write = putInto(chunk, 512, 7);
        assertThat(chunk.used()).isEqualTo(512);
        assertThat(ring.content(write)).isPresent();
        assertThat(request(write).hash()).isPresent();
    }

    @Test
    void captureSaysWhatIsTaken() {
        ring.capture(Capture.METADATA, 0);
        assertThat(ring.wantsData(Batch.OP_WRITE)).isFalse();
        ring.data(begin(Batch.OP_WRITE, 0, 0, 512), bytes(512, 1), 0, 512);
        ring.capture(Capture.HASH, 0);
        assertThat(ring.wantsData(Batch.OP_WRITE)).isTrue();
        assertThat(ring.wantsData(Batch.OP_READ)).isFalse();
        ring.data(begin(Batch.OP_WRITE, 0, 0, 512), bytes(512, 1), 0, 512);
        ring.capture(Capture.HASH_ALL, 0);
        assertThat(ring.wantsData(Batch.OP_READ)).isTrue();
        assertThat(ring.wantsData(Batch.OP_FLUSH)).isFalse();
        ring.data(begin(Batch.OP_READ, 0, 0, 512), bytes(512, 1), 0, 512);

        assertThat(requests()).extracting(entry -> entry.hash().isPresent()).containsExactly(false, true, true);
        assertThat(ring.content(2)).isEmpty();
    }

    /** Whatever other queues do meanwhile: what is only hashed is kept nowhere, so nothing can take it away. */
    @Test
    void readsAreHashedByManyThreadsAtOnceAndNothingIsKept() throws Exception {
        int threads = 2;
        int each = 20_000;
        ring.capture(Capture.HASH_ALL, 0);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        CountDownLatch go = new CountDownLatch(1);
        List<Future<?>> done = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            byte[] data = random(4096, t);
            long hash = ContentHash.of(data);
            done.add(executor.submit(() -> {
                NativeMemory memory = NativeMemory.allocate(data.length);
                memory.buffer().put(0, data);
                go.await();
                for (int i = 0; i < each; i++) {
                    long read = begin(Batch.OP_READ, 0, 0, data.length);
                    ring.data(read, memory.address(), data.length);
                    if (i % 1000 == 0) {
                        // Under way, so that it is still there, however many the others have had meanwhile.
                        assertThat(request(read).hash()).hasValue(hash);
                    }
                    end(read);
                }
                return null;
            }));
        }
        go.countDown();
        for (Future<?> future : done) {
            future.get(60, TimeUnit.SECONDS);
        }
        executor.shutdown();

        assertThat(ring.droppedContents()).as("data that were never to be kept").isZero();
    }

    @Test
    void listenersGetEachEntryInTheOrderItIsDone() {
        Heard heard = new Heard();
        ring.subscribe(heard);
        long first = begin(Batch.OP_WRITE, 0, 0, 512);
        long second = begin(Batch.OP_WRITE, 0, 512, 512);
        ring.mark("between");
        ring.end(second, System.nanoTime(), Errno.EIO.number(), List.of("rule"));
        end(first);
        ring.unsubscribe(heard);
        end(begin(Batch.OP_WRITE, 0, 0, 512));
        ring.close();

        assertThat(heard.entries).extracting(JournalEntry::sequence).containsExactly(3L, 2L, 1L);
        assertThat(heard.entries.get(1)).isEqualTo(request(second));
        assertThat(heard.ended).isFalse();
    }

    @Test
    void aClosedJournalTellsItsListenersAndCanStillBeRead() {
        Heard heard = new Heard();
        ring.subscribe(heard);
        long write = begin(Batch.OP_WRITE, 0, 0, 512);
        ring.data(write, bytes(512, 1), 0, 512);
        ring.close();
        end(write);

        assertThat(heard.ended).isTrue();
        assertThat(heard.entries).isEmpty();
        assertThat(request(write).succeeded()).isTrue();
        assertThat(ring.content(write)).hasValue(bytes(512, 1).array());
    }

    private static final class Heard implements Recorder.Listener {
        final List<JournalEntry> entries = new ArrayList<>();
        boolean ended;

        @Override
        public void entry(JournalEntry entry) {
            entries.add(entry);
        }

        @Override
        public void end() {
            ended = true;
        }
    }

    @Test
    void threadsRecordAtTheSameTimeWithoutLoss() throws Exception {
        int threads = 4;
        int each = 20_000;
        JournalRing big = new JournalRing(1 << 17);
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        CountDownLatch go = new CountDownLatch(1);
        List<Future<?>> done = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            int thread = t;
            done.add(executor.submit(() -> {
                ByteBuffer buffer = ByteBuffer.allocateDirect(512).putLong(0, thread);
                go.await();
                for (int i = 0; i < each; i++) {
                    long sequence = big.begin(System.nanoTime(), Batch.OP_WRITE, 0, i * 512L, 512, thread);
                    big.data(sequence, buffer, 0, 512);
                    big.end(sequence, System.nanoTime(), 0, i % 7 == 0 ? List.of("r" + thread) : List.of());
                    if (i % 5000 == 0) {
                        big.entries(sequence - 1);
                    }
                }
                return null;
            }));
        }
        go.countDown();
        for (Future<?> future : done) {
            future.get(60, TimeUnit.SECONDS);
        }
        executor.shutdown();

        List<JournalEntry> entries = big.entries(0);
        assertThat(entries).hasSize(threads * each);
        List<Long> orders = new ArrayList<>();
        long[] next = new long[threads];
        for (JournalEntry entry : entries) {
            RequestEntry request = (RequestEntry) entry;
            orders.add(request.completionOrder());
            int thread = request.info().queue();
            assertThat(request.info().offset()).isEqualTo(next[thread] * 512);
            assertThat(request.rules()).isEqualTo(next[thread] % 7 == 0 ? List.of("r" + thread) : List.of());
            next[thread]++;
        }
        Collections.sort(orders);
        assertThat(orders.get(0)).isEqualTo(1);
        assertThat(orders.get(orders.size() - 1)).isEqualTo((long) threads * each);
        assertThat(Set.copyOf(orders)).hasSize(threads * each);
    }

    @Test
    void sizesThatAreNotPossibleAreRefused() {
        assertThatThrownBy(() -> new JournalRing(1000))
                .hasMessage("A journal of 1000 entries is not possible. Allowed: powers of two from 1024 on.");
        assertThatThrownBy(() -> ring.capture(Capture.RECENT, -1))
                .hasMessage("A limit of -1 bytes. Allowed: 0 and more.");
    }

    private long begin(int operation, int flags, long offset, long length) {
        return ring.begin(System.nanoTime(), operation, flags, offset, length, 0);
    }

    private void end(long sequence) {
        ring.end(sequence, System.nanoTime(), 0, List.of());
    }

    private RequestEntry request(long sequence) {
        return (RequestEntry) ring.entries(sequence - 1).get(0);
    }

    private List<RequestEntry> requests() {
        return ring.entries(0).stream().map(RequestEntry.class::cast).toList();
    }

    private static ByteBuffer bytes(int length, int value) {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        buffer.putInt(0, value);
        return buffer;
    }

    private static byte[] random(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    @Test
    void priorityAndWriteHintAreWhatTheModuleSays() {
        // IOPRIO_CLASS_RT 3 with a hint of ioprio_set's for the class of command duration limits,
        // RWH_WRITE_LIFE_EXTREME.
        ring.begin(0, Batch.OP_WRITE, Batch.REQ_PRIO, 0, 512, 63, 5 << 16 | 1 << 13 | 2 << 3 | 3);
        ring.begin(0, Batch.OP_READ, 0, 0, 512, 0, 3 << 13);
        ring.begin(0, Batch.OP_READ, 0, 0, 512, 0, 0);
        ring.begin(0, Batch.OP_READ, 0, 0, 512, 0, 0xff << 16 | 7 << 13);
        List<RequestInfo> infos = ring.entries(0).stream()
                .map(entry -> ((RequestEntry) entry).info())
                .toList();
        assertThat(infos.get(0))
                .isEqualTo(new RequestInfo(
                        Operation.WRITE,
                        0,
                        512,
                        Set.of(RequestFlag.PRIORITY),
                        63,
                        new IoPriority(IoClass.REALTIME, 3),
                        WriteHint.EXTREME));
        assertThat(infos.get(1).priority()).isEqualTo(new IoPriority(IoClass.IDLE, 0));
        assertThat(infos.get(2).priority()).isEqualTo(IoPriority.NONE);
        assertThat(infos.get(2).writeHint()).isEqualTo(WriteHint.NOT_SET);
        assertThat(infos.get(3).priority()).isEqualTo(IoPriority.NONE);
        assertThat(infos.get(3).writeHint()).isEqualTo(WriteHint.NOT_SET);
        assertThat(ring.entries(0).get(0).toString())
                .contains(" PRIORITY ioprio REALTIME/3 lifetime EXTREME: under way");
        assertThat(ring.entries(0).get(2).toString()).doesNotContain("ioprio").doesNotContain("lifetime");
    }
}
