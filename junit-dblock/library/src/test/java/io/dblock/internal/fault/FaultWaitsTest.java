// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static java.lang.Thread.State.BLOCKED;
import static java.lang.Thread.State.TIMED_WAITING;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Action;
import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.Errno;
import io.dblock.internal.fault.FaultBench.Request;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FaultWaitsTest {
    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration BOUND = Duration.ofSeconds(10);

    private final FaultBench bench = new FaultBench();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void nothingWentWrongUnseen() {
        bench.close();
        threads.shutdownNow();
        assertThat(bench.failures).isEmpty();
    }

    // ---- hold ----

    @Test
    void aHeldRequestIsDoneWhenItIsReleased() throws Exception {
        Fault hold = bench.faults.on(WRITE).hold();
        Request write = bench.write(0, 3, 'a');
        hold.awaitHit(BOUND);
        assertThat(write.answered()).isFalse();
        assertThat(bench.letters(4)).isEqualTo("....");
        assertThat(hold.held()).singleElement().satisfies(held -> {
            assertThat(held.info()).isEqualTo(write.info());
            assertThat(held.heldFor()).isPositive();
        });
        hold.held().get(0).release();
        assertThat(write.result()).isEqualTo("ok");
        assertThat(write.answer().rules()).containsExactly(hold.name());
        assertThat(bench.letters(4)).isEqualTo("aaaa");
        assertThat(hold.held()).isEmpty();
    }

    @Test
    void heldRequestsGoInWhateverOrderTheTestLetsThem() {
        Fault hold = bench.faults.on(WRITE).hold();
        List<Request> writes = new ArrayList<>();
        for (char letter : "abc".toCharArray()) {
            writes.add(bench.write(0, 0, letter));
        }
        List<HeldRequest> held = hold.held();
        held.get(2).release();
        held.get(0).release();
        assertThat(writes).extracting(Request::answered).containsExactly(true, false, true);
        assertThat(bench.letters(1)).isEqualTo("a");
        assertThat(hold.held()).containsExactly(held.get(1));
        held.get(1).fail(Errno.ETIMEDOUT);
        assertThat(writes.get(1).result()).isEqualTo("ETIMEDOUT");
        assertThat(bench.letters(1)).isEqualTo("a");
    }

    @Test
    void releaseLetsAllGoInOrder() {
        Fault hold = bench.faults.on(WRITE).hold();
        for (char letter : "abcdef".toCharArray()) {
            bench.write(letter - 'a', 6, letter);
        }
        hold.release();
        assertThat(bench.letters(7)).isEqualTo("abcdeff");
        assertThat(hold.isArmed()).isTrue();
        Request next = bench.write(0, 0, 'x');
        assertThat(next.answered()).isFalse();
    }

    @Test
    void closingARuleReleasesWhatItHolds() {
        Fault hold = bench.faults.onAny().hold();
        Request write = bench.write(0, 0, 'a');
        Request flush = bench.flush();
        Request read = bench.read(0, 0);
        hold.close();
        assertThat(List.of(write, flush, read)).extracting(Request::result).containsOnly("ok");
        assertThat(bench.write(0, 0, 'b').answered()).isTrue();
        assertThat(hold.isArmed()).isFalse();
    }

    @Test
    void aRequestIsReleasedOnlyOnce() {
        Fault hold = bench.faults.on(READ).hold();
        bench.read(8, 15);
        HeldRequest held = hold.held().get(0);
        held.release();
        for (Runnable again : List.<Runnable>of(held::release, () -> held.fail(Errno.EIO))) {
            assertThatThrownBy(again::run)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("READ sectors 8-15")
                    .hasMessageContaining("no longer held by \"" + hold.name() + "\"");
        }
    }

    @Test
    void aHeldRequestFailsOnlyWithWhatReachesTheApplication() {
        Fault hold = bench.faults.on(READ).hold();
        Request read = bench.read(0, 0);
        HeldRequest held = hold.held().get(0);
        assertThatThrownBy(() -> held.fail(Errno.EPERM))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("EPERM");
        assertThat(read.answered()).isFalse();
        held.release();
    }

    @Test
    void aRequestHeldByTwoRulesWaitsForBoth() throws Exception {
        Fault first = bench.faults.on(WRITE).sectors(0, 3).hold();
        Fault second = bench.faults.on(WRITE).sectors(4, 7).hold();
        Request write = bench.write(0, 7, 'a');
        first.awaitHit(BOUND);
        second.awaitHit(BOUND);
        first.release();
        assertThat(write.answered()).isFalse();
        assertThat(first.held()).isEmpty();
        second.release();
        assertThat(write.result()).isEqualTo("ok");
        assertThat(write.answer().rules()).containsExactly(first.name(), second.name());
    }

    @Test
    void failingARequestTakesItFromAllThatHoldIt() {
        Fault first = bench.faults.on(WRITE).fallThrough().hold();
        Fault second = bench.faults.on(WRITE).hold();
        Fault delay = bench.faults.on(WRITE).first().fallThrough().delay(Delay.fixed(LONG));
        Request write = bench.write(0, 7, 'a');
        HeldRequest other = first.held().get(0);
        second.held().get(0).fail(Errno.EBUSY);
        assertThat(write.result()).isEqualTo("EBUSY");
        assertThat(first.held()).isEmpty();
        assertThatThrownBy(other::release).isInstanceOf(IllegalStateException.class);
        assertThat(delay.hits()).isEqualTo(1);
    }

    @Test
    void whatOtherRulesDoWithAHeldRequestIsDecidedWhenItComes() {
        Fault hold = bench.faults.on(WRITE).fallThrough().hold();
        Fault fail = bench.faults.on(WRITE).sectors(1, 1).times(1).fail(Errno.EIO);
        Request write = bench.write(0, 2, 'a');
        assertThat(fail.hits()).isEqualTo(1);
        fail.close();
        hold.release();
        assertThat(write.result()).isEqualTo("1 ok, 1 EIO, 1 ok");
        assertThat(write.answer().rules()).containsExactly(fail.name(), hold.name());
    }

    @Test
    void aHeldRequestKeepsNoOtherFromPassing() {
        bench.faults.on(READ).sectors(0, 0).hold();
        Request held = bench.read(0, 0);
        assertThat(bench.read(1, 1).answered()).isTrue();
        assertThat(bench.write(0, 0, 'a').answered()).isTrue();
        assertThat(held.answered()).isFalse();
    }

    @Test
    void closingTheDeviceFailsWhatIsHeldOrDelayedAtOnce() {
        Fault hold = bench.faults.on(READ).hold();
        bench.faults.on(WRITE).delay(Delay.fixed(LONG));
        Request read = bench.read(0, 0);
        Request write = bench.write(0, 0, 'a');
        bench.close();
        assertThat(read.result()).isEqualTo("EIO");
        assertThat(write.result()).isEqualTo("EIO");
        assertThat(hold.isArmed()).isFalse();
        assertThat(hold.held()).isEmpty();
        assertThat(bench.faults.list()).isEmpty();
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        assertThatThrownBy(() -> bench.faults.on(READ).fail(Errno.EIO))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        bench.close();
    }

    @Test
    void failPendingLeavesTheRulesArmed() {
        Fault hold = bench.faults.on(READ).hold();
        Request first = bench.read(0, 0);
        bench.filter.failPending(Errno.ENODEV);
        assertThat(first.result()).isEqualTo("ENODEV");
        assertThat(bench.read(0, 0).answered()).isFalse();
        assertThat(hold.hits()).isEqualTo(2);
    }

    // ---- delay and limits ----

    @Test
    void aDelayedRequestIsDoneAfterItsTime() {
        Fault delay = bench.faults.on(WRITE).delay(Delay.fixed(Duration.ofMillis(50)));
        long start = System.nanoTime();
        Request write = bench.write(0, 0, 'a');
        assertThat(bench.read(0, 0).answered()).isTrue();
        assertThat(write.result()).isEqualTo("ok");
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(50_000_000L);
        assertThat(write.answer().rules()).containsExactly(delay.name());
        assertThat(bench.letters(1)).isEqualTo("a");
    }

    @Test
    void aDelayOfNothingIsNoWait() {
        Fault delay = bench.faults.onAny().delay(Delay.fixed(Duration.ZERO));
        assertThat(bench.write(0, 0, 'a').answered()).isTrue();
        assertThat(delay.hits()).isEqualTo(1);
        assertThat(delay.held()).isEmpty();
    }

    @Test
    void removingADelayLetsGoWhatItDelays() {
        Fault delay = bench.faults.onAny().delay(Delay.fixed(LONG));
        Request write = bench.write(0, 0, 'a');
        assertThat(write.answered()).isFalse();
        delay.close();
        assertThat(write.answered()).isTrue();
    }

    @Test
    void theTimeOfTwoDelaysIsTheLongerOne() {
        bench.faults.on(FLUSH).fallThrough().delay(Delay.fixed(Duration.ofMillis(1)));
        Fault longer = bench.faults.on(FLUSH).delay(Delay.fixed(LONG));
        Request flush = bench.flush();
        longer.close();
        assertThat(flush.result()).isEqualTo("ok");
    }

    @Test
    void requestsBeginAtTheLimitedRate() {
        Fault limit = bench.faults.onAny().limitIops(100);
        long start = System.nanoTime();
        List<Request> requests = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            requests.add(bench.read(i, i));
        }
        assertThat(requests.get(0).answered()).isTrue();
        requests.forEach(Request::answer);
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(49_000_000L);
        assertThat(limit.hits()).isEqualTo(6);
    }

    @Test
    void theBandwidthLimitCountsTheMatchedBytes() {
        Fault limit = bench.faults.onAny().sectors(0, 9).limitBandwidth(100 * 512);
        long start = System.nanoTime();
        bench.read(5, 14).answer();
        bench.write(8, 20, 'a').answer();
        Request last = bench.read(9, 9);
        last.answer();
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(69_000_000L);
        assertThat(bench.discard(0, 9).answered()).isTrue();
        assertThat(limit.hits()).isEqualTo(3);
    }

    @Test
    void aPercentileDelayVaries() {
        Fault delay = bench.faults.on(READ).delay(Delay.uniform(Duration.ofNanos(1), Duration.ofMillis(2)));
        for (int i = 0; i < 20; i++) {
            assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        }
        assertThat(delay.hits()).isEqualTo(20);
    }

    // ---- replacing ----

    @Test
    void replacingAHoldByAnotherKeepsWhatIsHeld() {
        Fault hold = bench.faults.on(READ).hold();
        Request read = bench.read(0, 0);
        hold.replace(bench.faults.on(WRITE).rule(new Action.Hold()));
        assertThat(read.answered()).isFalse();
        assertThat(hold.held()).hasSize(1);
        hold.replace(bench.faults.on(WRITE).rule(new Action.Fail(Errno.EIO)));
        assertThat(read.result()).isEqualTo("ok");
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("EIO");
        assertThat(hold.hits()).isEqualTo(2);
    }

    // ---- waiting for hits ----

    @Test
    void awaitHitWakesSeveralThreads() throws Exception {
        Fault hold = bench.faults.on(WRITE).hold();
        int waiters = 8;
        CountDownLatch begun = new CountDownLatch(waiters);
        List<Future<Integer>> seen = new ArrayList<>();
        for (int i = 0; i < waiters; i++) {
            seen.add(threads.submit(() -> {
                begun.countDown();
                hold.awaitHits(2, BOUND);
                return hold.held().size();
            }));
        }
        assertThat(begun.await(10, TimeUnit.SECONDS)).isTrue();
        bench.write(0, 0, 'a');
        assertThat(seen).noneMatch(Future::isDone);
        bench.write(0, 0, 'b');
        for (Future<Integer> future : seen) {
            assertThat(future.get(10, TimeUnit.SECONDS)).isEqualTo(2);
        }
    }

    @Test
    void anAwaitedHitThatNeverComesNamesTheRuleAndWhatCameInstead() {
        Fault fault = bench.faults.on(WRITE).sectors(8, 15).named("log").fail(Errno.EIO);
        bench.write(0, 7, 'a');
        bench.read(8, 15);
        bench.write(8, 15, 'a');
        assertThatThrownBy(() -> fault.awaitHits(2, Duration.ofMillis(20)))
                .isInstanceOf(AssertionError.class)
                .hasMessage("The fault \"log\": on WRITE, sectors 8-15: fail with EIO has acted on 1 of 2 requests"
                        + " within 20 ms. The last requests while there were rules:\n"
                        + "  #1 WRITE sectors 0-7: other sectors\n"
                        + "  #2 READ sectors 8-15: another operation\n"
                        + "  #3 WRITE sectors 8-15: matches by operation, range, flags and length");
    }

    @Test
    void anAwaitedHitOnAnIdleDiskNamesThePageCache() {
        Fault fault = bench.faults.on(READ).hold();
        assertThatThrownBy(() -> fault.awaitHit(Duration.ZERO))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("page cache")
                .hasMessageContaining("dropCaches()");
    }

    @Test
    void removingARuleEndsTheWaitForIt() throws Exception {
        Fault fault = bench.faults.on(READ).hold();
        AtomicReference<Thread> thread = new AtomicReference<>();
        Future<?> waiter = threads.submit(() -> {
            thread.set(Thread.currentThread());
            fault.awaitHit(LONG);
            return null;
        });
        await("the waiter to wait", () -> thread.get() != null && thread.get().getState() == TIMED_WAITING);
        fault.close();
        assertThatThrownBy(() -> waiter.get(10, TimeUnit.SECONDS))
                .hasRootCauseInstanceOf(AssertionError.class)
                .hasMessageContaining("before it was removed");
    }

    // ---- a hit, or the end of the workload ----

    @Test
    void aWorkloadIsFollowedFromOneHeldRequestToTheNextUntilItEnds() throws Exception {
        Fault hold = bench.faults.on(FLUSH).hold();
        Future<?> workload = threads.submit(() -> {
            for (int i = 0; i < 3; i++) {
                bench.write(i, i, 'a');
                bench.flush().result();
            }
            return null;
        });
        List<String> states = new ArrayList<>();
        for (int n = 1; hold.awaitHits(n, workload, BOUND); n++) {
            states.add(bench.letters(4));
            hold.release();
        }
        assertThat(states).containsExactly("a...", "aa..", "aaa.");
        assertThat(workload).isDone();
    }

    @Test
    void aWorkloadThatEndsWithoutARequestIsToldWithoutAnError() throws Exception {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        assertThat(hold.awaitHit(threads.submit(() -> bench.write(0, 0, 'a')), BOUND))
                .isFalse();
        assertThat(hold.awaitHit(CompletableFuture.completedFuture("done"), Duration.ZERO))
                .isFalse();
        Thread thread = new Thread(() -> bench.write(0, 0, 'a'));
        thread.start();
        assertThat(hold.awaitHit(thread, BOUND)).isFalse();
        assertThat(thread.isAlive()).isFalse();
    }

    @Test
    void ofAWorkloadThatFailsWithoutARequestTheExceptionIsItsOwn() {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        List<Throwable> own = List.of(
                new IOException("its own"), new IllegalStateException("its own"), new StackOverflowError("its own"));
        for (Throwable failure : own) {
            assertThatThrownBy(() -> hold.awaitHit(CompletableFuture.failedFuture(failure), BOUND))
                    .isSameAs(failure);
        }
        CompletableFuture<Void> cancelled = new CompletableFuture<>();
        cancelled.cancel(true);
        assertThatThrownBy(() -> hold.awaitHit(cancelled, BOUND)).isInstanceOf(CancellationException.class);
    }

    @Test
    void aRequestCountsEvenIfItIsWhatTheWorkloadFailedOf() throws Exception {
        Fault bad = bench.faults.on(FLUSH).fail(Errno.EIO);
        Future<?> workload = threads.submit(() -> {
            throw new IOException(bench.flush().result());
        });
        assertThat(bad.awaitHit(workload, BOUND)).isTrue();
        assertThatThrownBy(() -> workload.get(10, TimeUnit.SECONDS))
                .cause()
                .isInstanceOf(IOException.class)
                .hasMessage("EIO");
        assertThat(bad.awaitHit(workload, Duration.ZERO)).as("after its end").isTrue();
        assertThatThrownBy(() -> bad.awaitHits(2, workload, BOUND)).hasMessage("EIO");
    }

    @Test
    void ifNeitherComesInTimeTheMessageHasBoth() throws Exception {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        bench.write(0, 7, 'a');
        Thread stuck = new Thread(() -> {
            try {
                Thread.sleep(LONG.toMillis());
            } catch (InterruptedException e) {
                // The end of the test.
            }
        });
        stuck.setName("the workload");
        stuck.start();
        assertThatThrownBy(() -> hold.awaitHit(stuck, Duration.ofMillis(20)))
                .isInstanceOf(AssertionError.class)
                .hasMessageStartingWith("Within 20 ms neither has the workload ended (thread \"the workload\"")
                .hasMessageContaining("Thread.sleep")
                .hasMessageContaining("WRITE sectors 0-7: another operation");
        stuck.interrupt();
        stuck.join(BOUND.toMillis());
        assertThatThrownBy(() -> hold.awaitHit(new CompletableFuture<>(), Duration.ZERO))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("Not completed");
    }

    @Test
    void aWaitForAWorkloadEndsWhenTheRuleIsRemoved() throws Exception {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        hold.close();
        assertThatThrownBy(() -> hold.awaitHit(new CompletableFuture<>(), LONG))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("before it was removed");
        assertThat(hold.awaitHit(CompletableFuture.completedFuture("done"), BOUND))
                .as("of a workload that has ended")
                .isFalse();
    }

    @Test
    void aWaitForAWorkloadTakesNoCountBelow1AndNoThreadThatWasNotStarted() {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        assertThatThrownBy(() -> hold.awaitHits(0, CompletableFuture.completedFuture("done"), BOUND))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("count is 0")
                .hasMessageContaining("at least 1");
        assertThatThrownBy(() -> hold.awaitHit(new Thread(() -> {}, "unborn"), BOUND))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"unborn\"")
                .hasMessageContaining("start()");
    }

    @Test
    void aWaitForAWorkloadCanBeInterrupted() throws Exception {
        Fault hold = bench.faults.on(FLUSH).lenient().hold();
        AtomicReference<Thread> thread = new AtomicReference<>();
        Future<?> waiter = threads.submit(() -> {
            thread.set(Thread.currentThread());
            return hold.awaitHit(new CompletableFuture<>(), LONG);
        });
        await("the waiter to wait", () -> thread.get() != null && thread.get().getState() == TIMED_WAITING);
        thread.get().interrupt();
        assertThatThrownBy(() -> waiter.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(InterruptedException.class);
    }

    private static void await(String what, BooleanSupplier condition) throws InterruptedException {
        for (int i = 0; i < 1000; i++) {
            if (condition.getAsBoolean()) {
                return;
            }
            Thread.sleep(10);
        }
        throw new AssertionError("Waited 10 s in vain for " + what);
    }

    @Test
    void theTimersThreadEndsWithTheDevice() throws Exception {
        AtomicReference<Thread> timer = new AtomicReference<>();
        bench.elsewhere = task -> {
            timer.set(Thread.currentThread());
            task.run();
        };
        // If the time is over before the caller has left the request alone, the caller does the work.
        for (long millis = 1; millis < LONG.toMillis(); millis *= 2) {
            Fault delay = bench.faults.onAny().delay(Delay.fixed(Duration.ofMillis(millis)));
            bench.flush().answer();
            delay.close();
            if (timer.get() != Thread.currentThread()) {
                break;
            }
        }
        assertThat(timer.get()).matches(Thread::isDaemon).matches(Thread::isAlive);
        assertThat(timer.get().getName()).isEqualTo("dblock-faults");
        bench.close();
        await("the timer's thread to end", () -> !timer.get().isAlive());
    }

    @Test
    void aRuleThatIsRemovedOrReplacedWhileARequestComesDoesNotKeepIt() {
        Fault removed = bench.faults.on(READ).fallThrough().hold();
        Fault replaced = bench.faults.on(READ).fallThrough().hold();
        bench.faults
                .on(READ)
                .matching(info -> {
                    removed.close();
                    replaced.replace(replaced.rule().withAction(new Action.Fail(Errno.EIO)));
                    return true;
                })
                .hold();
        Request read = bench.read(0, 0);
        assertThat(bench.faults.list().get(1).held()).hasSize(1);
        bench.faults.list().get(1).release();
        assertThat(read.result()).isEqualTo("ok");
        assertThat(removed.hits() + replaced.hits()).isZero();
    }

    @Test
    void aHitBeforeTheWaitCounts() throws Exception {
        Fault fault = bench.faults.on(READ).fail(Errno.EIO);
        bench.read(0, 0);
        fault.close();
        fault.awaitHit(Duration.ZERO);
        assertThat(fault.hits()).isEqualTo(1);
    }

    /** As when the power is cut: the request is answered just before the rule, which has decided to, begins to hold it. */
    @Test
    void aRequestThatFailsJustBeforeARuleHoldsItIsNotHeld() throws Exception {
        Fault hold = bench.faults.on(READ).fallThrough().hold();
        Request read = readStoppedBefore(bench.filter.rules().get(0), () -> bench.filter.failPending(Errno.EIO));
        assertThat(read.result()).isEqualTo("EIO");
        assertThat(hold.held()).isEmpty();
    }

    /** A rule that has acted turns out to be gone, while the request fails and names those that have acted. */
    @Test
    void aRequestFailsWhileARuleThatWasToHoldItGoes() throws Exception {
        int others = 1000;
        for (int i = 0; i < others; i++) {
            // It takes a while to name so many.
            bench.faults.on(READ).fallThrough().garbage();
        }
        for (int round = 0; round < 200; round++) {
            bench.faults.on(READ).fallThrough().first().hold();
            FaultState state = bench.filter.rules().get(0);
            AtomicReference<Future<?>> failing = new AtomicReference<>();
            Request read = readStoppedBefore(state, () -> {
                failing.set(blocked(() -> bench.filter.failPending(Errno.EIO)));
                assertThat(state.disarm()).isEmpty();
            });
            failing.get().get(10, TimeUnit.SECONDS);
            assertThat(read.answer().rules()).as("round %s", round).hasSizeGreaterThanOrEqualTo(others);
            bench.filter.remove(state);
        }
    }

    private interface Step {
        void run() throws Exception;
    }

    /** Has a read come, and this done after the rules have decided about it and before this one of them begins to keep it. */
    private Request readStoppedBefore(FaultState state, Step step) throws Exception {
        CountDownLatch deciding = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicReference<Thread> thread = new AtomicReference<>();
        Fault last = bench.faults
                .on(READ)
                .matching(info -> {
                    thread.set(Thread.currentThread());
                    deciding.countDown();
                    try {
                        assertThat(goOn.await(10, TimeUnit.SECONDS)).isTrue();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                    return false;
                })
                .hold();
        Future<Request> reading = threads.submit(() -> bench.read(0, 0));
        assertThat(deciding.await(10, TimeUnit.SECONDS)).isTrue();
        synchronized (state) {
            goOn.countDown();
            await("the read to wait for the rule's lock", () -> thread.get().getState() == BLOCKED);
            step.run();
        }
        Request read = reading.get(10, TimeUnit.SECONDS);
        last.close();
        return read;
    }

    /** Begins this and waits until it waits for the lock that the caller has. */
    private Future<?> blocked(Runnable task) throws InterruptedException {
        AtomicReference<Thread> thread = new AtomicReference<>();
        Future<?> future = threads.submit(() -> {
            thread.set(Thread.currentThread());
            task.run();
        });
        await(
                "a thread to wait for the rule's lock",
                () -> thread.get() != null && thread.get().getState() == BLOCKED);
        return future;
    }
}
