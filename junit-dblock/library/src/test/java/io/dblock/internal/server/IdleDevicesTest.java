// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import static io.dblock.internal.server.ServedHandlers.FILTERS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.BlockHandler;
import io.dblock.handler.BlockRequest;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestHandler;
import io.dblock.handler.WriteFlags;
import io.dblock.internal.kernel.Batch;
import io.dblock.internal.kernel.ControlException;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.kernel.FakeKernel.Completion;
import io.dblock.internal.store.MemoryStore;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When a device has threads, and that every request is answered while threads come and leave. */
@Timeout(120)
class IdleDevicesTest {
    private static final int SIZE = 1 << 20;
    /** In /proc/PID/stat, behind the name; see proc(5). */
    private static final int MINOR_FAULTS = 7;

    private static final Duration LONG = Duration.ofSeconds(30);

    private abstract static class ReadHandler implements BlockHandler {
        @Override
        public void write(long offset, ByteBuffer src, WriteFlags flags) {
            throw new AssertionError("nothing writes here");
        }
    }

    private FakeKernel kernel = new FakeKernel();
    private final List<LocalDevice> devices = new ArrayList<>();

    @AfterEach
    void closeAll() {
        devices.forEach(LocalDevice::close);
        assertThat(kernel.openSessions()).as("open sessions").isZero();
    }

    private static DeviceParameters parameters(int queues) {
        return parameters(queues, 65536);
    }

    private static DeviceParameters parameters(int queues, int maxIo) {
        return new DeviceParameters("", SIZE, 512, 512, 512, 0, queues, 64, maxIo, 30000, 0, SIZE, SIZE, Set.of());
    }

    private LocalDevice serve(int queues, BlockHandler handler) {
        return started(LocalDevice.create(kernel.session(), parameters(queues), FILTERS, handler));
    }

    private LocalDevice serve(RequestHandler handler) {
        return started(LocalDevice.create(kernel.session(), parameters(1), FILTERS, handler));
    }

    private LocalDevice started(LocalDevice device) {
        devices.add(device);
        device.start();
        return device;
    }

    private CompletableFuture<Completion> read(LocalDevice device, int queue) {
        return kernel.submit(device.created().name(), Batch.OP_READ, queue, 0, 512, null, 0);
    }

    private static void ok(CompletableFuture<Completion> completion) throws Exception {
        assertThat(completion.get(20, SECONDS).result()).isZero();
    }

    private static List<String> threads(String part) {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.contains(part))
                .toList();
    }

    private static List<String> threads(LocalDevice device) {
        return threads(device.created().name() + "-queue");
    }

    private static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (!condition.call()) {
            assertThat(System.nanoTime()).as("%s within %s", what, LONG).isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    private void awaitIdle(LocalDevice device) throws Exception {
        await("no thread of " + device.created().name(), () -> threads(device).isEmpty());
    }

    @Test
    void anIdleDeviceHasNoThreadAndABusyOneHasAgain() throws Exception {
        // The handler looks for the threads: on a busy machine, the thread may have left before the test looks.
        List<List<String>> seen = Collections.synchronizedList(new ArrayList<>());
        LocalDevice device = serve(1, new ReadHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                seen.add(threads("-queue"));
                dst.put(new byte[dst.remaining()]);
            }
        });
        for (int round = 0; round < 3; round++) {
            awaitIdle(device);
            ok(read(device, 0));
        }
        assertThat(seen)
                .containsExactlyElementsOf(
                        Collections.nCopies(3, List.of(device.created().name() + "-queue0")));
        assertThat(device.failures()).isEmpty();
    }

    @Test
    void hundredsOfIdleDevicesHaveOneThreadTogether() throws Exception {
        for (int i = 0; i < 300; i++) {
            ok(read(serve(1, new MemoryStore(SIZE)), 0));
        }
        await("no thread of any", () -> threads("-queue").isEmpty());
        await("no thread left over", () -> threads("dblock-spare").isEmpty());
        assertThat(kernel.openWaits()).isEqualTo(2);
        Random random = new Random(1);
        for (int i = 0; i < 100; i++) {
            ok(read(devices.get(random.nextInt(300)), 0));
        }
    }

    @Test
    void allQueuesAreServedAsLongAsOneIsBusy() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        LocalDevice device = serve(2, new ReadHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                dst.put(new byte[dst.remaining()]);
                if (calls.getAndIncrement() == 0) {
                    inside.countDown();
                    awaitLatch(goOn);
                }
            }
        });
        CompletableFuture<Completion> slow = read(device, 0);
        assertThat(inside.await(20, SECONDS)).isTrue();
        await(
                "the thread of the other queue to come, too",
                () -> threads(device).size() == 2);
        for (int i = 0; i < 3; i++) {
            // This takes as long as the threads of an idle device take to leave.
            LocalDevice other = serve(1, new MemoryStore(SIZE));
            ok(read(other, 0));
            awaitIdle(other);
            assertThat(threads(device)).hasSize(2);
        }
        ok(read(device, 1));
        assertThat(slow).isNotDone();
        goOn.countDown();
        ok(slow);
        awaitIdle(device);
        ok(read(device, 1));
        ok(read(device, 0));
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void requestsThatComeWhenThreadsAreAboutToLeaveAreAnswered() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        kernel = new FakeKernel(seed, 0.05);
        for (int generation = 0; generation < 20; generation++) {
            List<LocalDevice> some = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                some.add(serve(2, new MemoryStore(SIZE)));
            }
            readAll(some, random, seed);
            // The next requests come just about when the threads leave.
            long linger = Serving.LINGER.toNanos();
            long pause = linger - linger / 10 + (long) (random.nextDouble() * linger / 5);
            Thread.sleep(pause / 1_000_000, (int) (pause % 1_000_000));
            readAll(some, random, seed);
        }
        for (LocalDevice device : devices) {
            assertThat(device.failures()).as("seed %s", seed).isEmpty();
        }
    }

    private void readAll(List<LocalDevice> some, Random random, long seed) throws Exception {
        List<CompletableFuture<Completion>> all = new ArrayList<>();
        for (LocalDevice device : some) {
            all.add(read(device, random.nextInt(2)));
            if (random.nextBoolean()) {
                all.add(read(device, random.nextInt(2)));
            }
        }
        for (CompletableFuture<Completion> one : all) {
            assertThat(one.get(20, SECONDS).result()).as("seed %s", seed).isZero();
        }
    }

    @Test
    void threadsThatComeBackSoonStayLonger() throws Exception {
        LocalDevice device = serve(1, new MemoryStore(SIZE));
        ok(read(device, 0));
        assertThat(device.parts().serving().linger()).isEqualTo(Serving.LINGER);
        await("threads that stay longer", () -> {
            awaitIdle(device);
            ok(read(device, 0));
            return device.parts().serving().linger().equals(Serving.LONG_LINGER);
        });
        long before = System.nanoTime();
        ok(read(device, 0));
        awaitIdle(device);
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isGreaterThanOrEqualTo(Serving.LONG_LINGER);
    }

    /** The data of writes goes to the log. The buffer for when there is no memory for that has 256 pages. */
    @Test
    void aThreadThatComesTouchesNoBufferThatItDoesNotUse() throws Exception {
        AtomicLong faults = new AtomicLong();
        BlockHandler handler = new ReadHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) throws IOException {
                String stat = Files.readString(Path.of("/proc/thread-self/stat"));
                faults.set(
                        Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[MINOR_FAULTS]));
                dst.put(new byte[dst.remaining()]);
            }
        };
        LocalDevice device = started(LocalDevice.create(kernel.session(), parameters(1, 1 << 20), FILTERS, handler));
        ok(read(device, 0));
        assertThat(faults).hasPositiveValue().hasValueLessThan(256);
    }

    @Test
    void threadsThatWereAwayForLongStayAsLongAsAtFirst() {
        assertThat(Serving.lingerAfter(Serving.LONG_LINGER.minusNanos(1))).isEqualTo(Serving.LONG_LINGER);
        assertThat(Serving.lingerAfter(Serving.LONG_LINGER)).isEqualTo(Serving.LINGER);
    }

    @Test
    void aHeldRequestKeepsNoThread() throws Exception {
        BlockingQueue<BlockRequest> held = new LinkedBlockingQueue<>();
        LocalDevice device = serve(held::add);
        CompletableFuture<Completion> read = read(device, 0);
        BlockRequest request = held.poll(20, SECONDS);
        request.data().put(0, (byte) 7);
        awaitIdle(device);
        request.complete();
        assertThat(read.get(20, SECONDS).data()[0]).isEqualTo((byte) 7);
    }

    @Test
    void aModuleThatCannotBePolledIsServedByThreadsThatStay() throws Exception {
        kernel.withoutPoll();
        LocalDevice device = serve(2, new MemoryStore(SIZE));
        ok(read(device, 0));
        ok(read(device, 1));
        long until = System.nanoTime() + 5 * Serving.LINGER.toNanos();
        while (System.nanoTime() < until) {
            assertThat(threads(device)).hasSize(2);
            Thread.sleep(Serving.LINGER.toMillis() / 5);
        }
        ok(read(device, 0));
    }

    @Test
    void theEndOfAnIdleDeviceIsNoticed() throws Exception {
        LocalDevice device = serve(1, new MemoryStore(SIZE));
        ok(read(device, 0));
        awaitIdle(device);
        try (ControlSession other = kernel.session()) {
            other.destroy(device.created().name(), true);
        }
        await("nobody waits for it any more", () -> kernel.openWaits() == 0);
        assertThat(device.failures()).isEmpty();
    }

    @Test
    void afterTheLastDeviceNothingIsLeft() throws Exception {
        ok(read(serve(1, new MemoryStore(SIZE)), 0));
        devices.get(0).close();
        await("no file open", () -> kernel.openWaits() == 0);
        await("no dispatcher", () -> threads("dblock-dispatcher").isEmpty());
        await("no thread", () -> threads("dblock-spare").isEmpty());
        ok(read(serve(1, new MemoryStore(SIZE)), 0));
    }

    @Test
    void withoutMemoryForAWorkerADeviceIsServedAsSoonAsThereIsSome() throws Exception {
        LocalDevice device = serve(1, new MemoryStore(SIZE));
        DeviceParts parts = device.parts();
        parts.serving().close(Duration.ofSeconds(20));
        AtomicInteger tries = new AtomicInteger();
        Serving serving = new Serving(parts.kernel(), parts.failures(), null);
        serving.start(queue -> {
            if (tries.getAndIncrement() < 3) {
                throw new OutOfMemoryError("simulated " + tries.get());
            }
            return new Worker(parts, queue);
        });
        ok(read(device, 0));
        assertThat(device.failures())
                .extracting(Throwable::getMessage)
                .containsExactly("simulated 1", "simulated 2", "simulated 3");
        assertThat(serving.close(Duration.ofSeconds(20))).isNull();
    }

    @Test
    void aDeviceThatCannotBeServedFailsItsRequestsAndSaysWhy() throws Exception {
        LocalDevice device = serve(1, new MemoryStore(SIZE));
        awaitIdle(device);
        kernel.refusingToServe(Errno.EPERM);
        assertThat(read(device, 0).get(20, SECONDS).result()).isNegative();
        assertThat(device.failures()).singleElement().satisfies(failure -> assertThat(failure)
                .isInstanceOf(ControlException.class)
                .hasMessageContaining("EPERM"));
    }

    @Test
    void aThreadTakesNothingFromOneDeviceToTheNext() throws Exception {
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        RequestHandler handler = request -> {
            Thread thread = Thread.currentThread();
            seen.add(thread.isInterrupted() + " "
                    + thread.getContextClassLoader().getName() + " " + thread.getName());
            thread.interrupt();
            request.complete();
        };
        Thread here = Thread.currentThread();
        ClassLoader before = here.getContextClassLoader();
        try (URLClassLoader one = new URLClassLoader("one", new URL[0], before);
                URLClassLoader two = new URLClassLoader("two", new URL[0], before)) {
            here.setContextClassLoader(one);
            LocalDevice first = serve(handler);
            here.setContextClassLoader(two);
            LocalDevice second = serve(handler);
            here.setContextClassLoader(before);
            ok(read(first, 0));
            assertThat(seen.poll(20, SECONDS)).isEqualTo("false one dblock0-queue0");
            awaitIdle(first);
            ok(read(second, 0));
            assertThat(seen.poll(20, SECONDS)).isEqualTo("false two dblock1-queue0");
        } finally {
            here.setContextClassLoader(before);
        }
    }

    @Test
    void devicesThatComeAndGoAtOnceAreServed() throws Exception {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            CompletableFuture<Void> done = new CompletableFuture<>();
            all.add(done);
            threads.add(new Thread(() -> {
                try {
                    for (int round = 0; round < 50; round++) {
                        try (LocalDevice device =
                                LocalDevice.create(kernel.session(), parameters(2), FILTERS, new MemoryStore(SIZE))) {
                            device.start();
                            ok(read(device, round % 2));
                        }
                    }
                    done.complete(null);
                } catch (Throwable t) {
                    done.completeExceptionally(t);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (CompletableFuture<Void> one : all) {
            one.get(60, SECONDS);
        }
        assertThat(kernel.deviceCount()).isZero();
    }

    @Test
    void aBufferThatAHandlerOfTheUsersSawIsNeverAnotherDevices() throws Exception {
        List<ByteBuffer> kept = Collections.synchronizedList(new ArrayList<>());
        BlockHandler keeping = new ReadHandler() {
            @Override
            public void read(long offset, ByteBuffer dst) {
                kept.add(dst.duplicate());
                dst.put(new byte[dst.remaining()]);
            }
        };
        LocalDevice first = serve(1, keeping);
        ok(read(first, 0));
        awaitIdle(first);
        LocalDevice second = serve(1, keeping);
        ok(read(second, 0));
        kept.get(0).put(0, (byte) 1);
        assertThat(kept.get(1).get(0)).isZero();
    }
}
