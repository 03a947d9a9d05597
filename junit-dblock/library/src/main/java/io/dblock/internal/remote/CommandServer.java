// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.DblockException;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.remote.References.LastWords;
import io.dblock.internal.server.DeviceServer;
import io.dblock.internal.server.FilterSpec;
import io.dblock.internal.server.ServedDevice;
import io.dblock.internal.server.ServedSnapshot;
import io.dblock.internal.server.StoreSpec;
import io.dblock.internal.watchdog.JavaStacks;
import io.dblock.internal.watchdog.Watchdog;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;

/** Executes the commands of the test JVM in the server process. Safe for use by several threads. */
final class CommandServer implements ServerCommands {
    /** How many closed devices are remembered, with the data that their journals have captured. */
    private static final int CLOSED_KEPT = 8;

    private final DeviceServer server;
    private final TestCommands test;
    private final References references;
    private final long testPid;
    /** Turns a path of the test JVM into a path of this process. */
    private final UnaryOperator<Path> ofTest;

    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, Device> devices = new ConcurrentHashMap<>();
    private final LinkedHashMap<Long, Closed> closed = new LinkedHashMap<>();

    /** An open device, with the subscriptions to its journal by number. */
    private record Device(ServedDevice served, Map<Long, Subscription> subscriptions) {}

    /**
     * A closed device.
     *
     * @param last the last words of its objects
     * @param failure what failed when it was closed; null if nothing did
     * @param again whether {@link #close} may be called: the test JVM may not know that the device is closed
     */
    private record Closed(Recorder recorder, LastWords last, RuntimeException failure, boolean again) {
        Remains remains() {
            if (failure != null) {
                throw failure;
            }
            return new Remains(() -> recorder.entries(0), last);
        }
    }

    CommandServer(
            DeviceServer server, TestCommands test, References references, long testPid, UnaryOperator<Path> ofTest) {
        this.server = server;
        this.test = test;
        this.references = references;
        this.testPid = testPid;
        this.ofTest = ofTest;
    }

    @Override
    public long hello() {
        return ProcessHandle.current().pid();
    }

    @Override
    public Made create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        StoreSpec here = new StoreSpec(
                store.size(), store.logicalBlock(), store.image().map(ofTest), store.mode(), store.zones());
        try {
            return add(server.create(parameters, filters, here));
        } catch (DblockException e) {
            // The message should have the path of the image that the test knows.
            if (here.image().isPresent() && e.getClass() == DblockException.class) {
                throw new DblockException(
                        e.getMessage()
                                .replace(
                                        here.image().get().toString(),
                                        store.image().get().toString()),
                        e);
            }
            throw e;
        }
    }

    private static IllegalStateException closed() {
        return new IllegalStateException("The device is closed.");
    }

    @Override
    public Made fork(ServedSnapshot snapshot, DeviceParameters parameters, FilterSpec filters) {
        return add(snapshot.fork(parameters, filters));
    }

    private Made add(ServedDevice served) {
        long number = numbers.incrementAndGet();
        devices.put(number, new Device(served, new ConcurrentHashMap<>()));
        return new Made(number, served.created(), served, served.faults(), served.recorder());
    }

    private Device device(long number) {
        Device device = devices.get(number);
        if (device == null) {
            throw closed();
        }
        return device;
    }

    @Override
    public Remains destroyAndClose(long number) {
        Device device = device(number);
        device.served().destroy(false);
        return close(number, device, true).remains();
    }

    @Override
    public Remains close(long number) {
        Closed known = closed(number);
        return known != null && known.again()
                ? known.remains()
                : close(number, device(number), false).remains();
    }

    private Closed close(long number, Device device, boolean again) {
        ServedDevice served = device.served();
        Recorder recorder = served.recorder();
        RuntimeException failure = null;
        Closed left;
        try {
            served.close();
            device.subscriptions().values().forEach(Subscription::finish);
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            // Clean up even if the close failed: the device is gone.
            devices.remove(number);
            left = new Closed(recorder, references.end(served), failure, again);
            remember(number, left);
        }
        return left;
    }

    private void remember(long number, Closed device) {
        synchronized (closed) {
            closed.put(number, device);
            if (closed.size() > CLOSED_KEPT) {
                closed.remove(closed.keySet().iterator().next());
            }
        }
    }

    private Closed closed(long number) {
        synchronized (closed) {
            return closed.get(number);
        }
    }

    // ---- power ----

    @Override
    public void joinPower(List<Long> numbers) {
        server.joinPower(served(numbers));
    }

    @Override
    public List<Optional<CutReport>> cutPower(List<Long> numbers, Survivors survivors) {
        List<Optional<Device>> known = numbers.stream()
                .map(number -> Optional.ofNullable(devices.get(number)))
                .toList();
        List<ServedDevice> open =
                known.stream().flatMap(Optional::stream).map(Device::served).toList();
        if (open.isEmpty()) {
            throw new IllegalStateException("Every device of the power domain is closed.");
        }
        Iterator<Optional<CutReport>> reports = server.cutPower(open, survivors).iterator();
        return known.stream()
                .map(device -> device.isPresent() ? reports.next() : Optional.<CutReport>empty())
                .toList();
    }

    private List<ServedDevice> served(List<Long> numbers) {
        return numbers.stream().map(number -> device(number).served()).toList();
    }

    // ---- snapshots ----

    @Override
    public ServedSnapshot snapshot(long device) {
        return device(device).served().snapshot();
    }

    @Override
    public ServedSnapshot snapshotAfterCut(long device, Survivors survivors) {
        return device(device).served().snapshot(survivors);
    }

    @Override
    public void saveSnapshot(ServedSnapshot snapshot, String file) throws IOException {
        snapshot.save(ofTest.apply(Path.of(file)));
    }

    @Override
    public void closeSnapshot(ServedSnapshot snapshot) {
        references.end(snapshot);
        snapshot.close();
    }

    // ---- journal ----

    private Recorder recorder(long device) {
        return device(device).served().recorder();
    }

    @Override
    public Optional<byte[]> content(long device, long sequence) {
        Closed gone = closed(device);
        if (gone != null) {
            return gone.recorder().content(sequence);
        }
        Device live = devices.get(device);
        return live == null ? Optional.empty() : live.served().recorder().content(sequence);
    }

    @Override
    public void subscribe(long device, long number) {
        Device known = device(device);
        Subscription subscription = new Subscription(number, test);
        known.subscriptions().put(number, subscription);
        known.served().recorder().subscribe(subscription);
    }

    @Override
    public void unsubscribe(long device, long number) {
        Subscription subscription = device(device).subscriptions().remove(number);
        if (subscription != null) {
            recorder(device).unsubscribe(subscription);
            subscription.finish();
        }
    }

    // ---- the process ----

    @Override
    public List<String> stacks() {
        return JavaStacks.ofThisJvm();
    }

    @Override
    public void watch(int id, List<String> description) {
        Watchdog.watch(new TestJvmDevice(id, description, testPid, test));
    }

    /** Destroys all devices by force, even if they are in use. */
    void destroyAll() {
        List<ServedDevice> left = new ArrayList<>();
        devices.values().forEach(device -> left.add(device.served()));
        for (ServedDevice served : left) {
            try {
                served.destroy(true);
            } catch (DblockException e) {
                // This process is about to exit, and the kernel then destroys the device.
            }
        }
    }
}
