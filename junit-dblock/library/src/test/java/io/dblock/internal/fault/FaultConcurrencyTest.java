// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.fault.Action;
import io.dblock.fault.Delay;
import io.dblock.fault.Fault;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import io.dblock.internal.fault.FaultBench.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FaultConcurrencyTest {
    private static final int THREADS = 4;
    private static final int REQUESTS = 2000;
    private static final List<Operation> OPERATIONS = java.util.Arrays.stream(Operation.values())
            .filter(operation -> !operation.isZoned())
            .toList();

    private final FaultBench bench = new FaultBench();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicBoolean over = new AtomicBoolean();

    @AfterEach
    void nothingWentWrongUnseen() {
        bench.close();
        threads.shutdownNow();
        assertThat(bench.failures).isEmpty();
        assertThat(bench.openSnapshots).hasValue(0);
    }

    /** Runs it in several threads at once. */
    private static <T> List<T> together(ExecutorService threads, int count, Callable<T> task) throws Exception {
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            futures.add(threads.submit(task));
        }
        List<T> results = new ArrayList<>();
        for (Future<T> future : futures) {
            results.add(future.get(50, TimeUnit.SECONDS));
        }
        return results;
    }

    @Test
    void countersAreExactUnderLoad() throws Exception {
        Fault fault = bench.faults.on(READ).after(100).times(1000).fail(Errno.EIO);
        AtomicLong failed = new AtomicLong();
        together(threads, THREADS, () -> {
            for (int i = 0; i < REQUESTS; i++) {
                if (bench.read(0, 0).answer().firstError() != null) {
                    failed.incrementAndGet();
                }
            }
            return null;
        });
        assertThat(failed).hasValue(1000);
        assertThat(fault.hits()).isEqualTo(1000);
    }

    @Test
    void everyRequestIsAnsweredOnceWhileRulesComeChangeAndGo() throws Exception {
        Future<Long> changer = threads.submit(() -> {
            long rounds = 0;
            while (!over.get()) {
                try (Fault fault = bench.faults.onAny().sectors(0, 63).hold()) {
                    for (Action action : List.of(
                            new Action.Fail(Errno.EIO),
                            new Action.Wait(Delay.fixed(Duration.ofMillis(1))),
                            new Action.Hold(),
                            new Action.Hold(),
                            new Action.Full(2),
                            new Action.Wait(Delay.fixed(Duration.ofHours(1))),
                            new Action.LimitIops(1),
                            new Action.Stale(),
                            new Action.MediumError())) {
                        fault.replace(fault.rule().withAction(action));
                        LockSupport.parkNanos(20_000);
                        fault.release();
                        rounds++;
                    }
                }
            }
            return rounds;
        });
        List<Long> answered = together(threads, THREADS, () -> {
            long count = 0;
            List<Request> open = new ArrayList<>();
            for (int i = 0; i < REQUESTS; i++) {
                int at = ThreadLocalRandom.current().nextInt(100);
                Operation operation = OPERATIONS.get(i % 5);
                open.add(
                        switch (operation) {
                            case READ -> bench.read(at, at + 20);
                            case WRITE -> bench.write(at, at + 20, 'a');
                            case FLUSH -> bench.flush();
                            case DISCARD -> bench.discard(at, at + 20);
                            case WRITE_ZEROES -> bench.zeroes(at, at + 20);
                            default -> throw new AssertionError("not among those drawn: " + operation);
                        });
                if (open.size() == 16) {
                    for (Request request : open) {
                        request.answer();
                        count++;
                    }
                    open.clear();
                }
            }
            return count;
        });
        over.set(true);
        assertThat(answered).containsOnly((long) REQUESTS);
        assertThat(changer.get(10, TimeUnit.SECONDS)).isPositive();
    }

    @Test
    void aRemovedRuleActsOnNothingThatComesAfter() throws Exception {
        Future<?> load = threads.submit(() -> {
            while (!over.get()) {
                bench.read(0, 0).answer();
            }
        });
        for (int i = 0; i < 300; i++) {
            Fault fault = bench.faults.on(READ).fail(Errno.EIO);
            fault.awaitHit(Duration.ofSeconds(10));
            fault.close();
            long hits = fault.hits();
            assertThat(bench.read(0, 0).result()).isEqualTo("ok");
            assertThat(fault.hits()).isEqualTo(hits);
        }
        over.set(true);
        load.get(10, TimeUnit.SECONDS);
    }

    @Test
    void releasingFailingAndClosingAtOnceAnswersEachRequestOnce() throws Exception {
        for (int round = 0; round < 200; round++) {
            Fault hold = bench.faults.on(WRITE).fallThrough().hold();
            Fault other = bench.faults.on(WRITE).hold();
            List<Request> writes = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                writes.add(bench.write(i, i, 'a'));
            }
            List<HeldRequest> held = hold.held();
            List<Future<?>> all = List.of(
                    threads.submit(hold::release),
                    threads.submit(other::close),
                    threads.submit(() -> held.forEach(request -> {
                        try {
                            request.fail(Errno.EBUSY);
                        } catch (IllegalStateException e) {
                            assertThat(e).hasMessageContaining("no longer held");
                        }
                    })));
            for (Future<?> future : all) {
                future.get(10, TimeUnit.SECONDS);
            }
            hold.close();
            for (Request write : writes) {
                assertThat(write.result()).isIn("ok", "EBUSY");
            }
        }
    }

    @Test
    void closingTheDeviceUnderLoadAnswersEverything() throws Exception {
        for (int round = 0; round < 50; round++) {
            FaultBench device = new FaultBench();
            Fault hold = device.faults.on(WRITE).lenient().hold();
            device.faults.on(READ).lenient().delay(Delay.uniform(Duration.ZERO, Duration.ofMillis(1)));
            Future<List<List<Request>>> load = threads.submit(() -> together(threads, THREADS, () -> {
                List<Request> requests = new ArrayList<>();
                for (int i = 0; i < 50; i++) {
                    requests.add(device.write(0, 0, 'a'));
                    requests.add(device.read(0, 0));
                }
                return requests;
            }));
            hold.awaitHit(Duration.ofSeconds(10));
            device.close();
            List<String> results = load.get(50, TimeUnit.SECONDS).stream()
                    .flatMap(List::stream)
                    .map(Request::result)
                    .toList();
            assertThat(results)
                    .as("that which was held, and the others")
                    .hasSize(THREADS * 100)
                    .contains("EIO")
                    .isSubsetOf("ok", "EIO");
            assertThat(device.failures).isEmpty();
        }
    }
}
