// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.DeviceStatistics;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.fault.Evidence;
import io.dblock.internal.kernel.DeviceInfo;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.kernel.FakeKernel;
import io.dblock.internal.store.MemoryStore;
import io.dblock.journal.Journal;
import io.dblock.journal.Recorder;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * A device of a {@link FakeKernel} whose server can die or stop. The real filters serve it, over memory. Every call goes to
 * the server except {@link #info()}, {@link #created()}, {@link #answering()} and {@link #server()}.
 */
public final class FakeServedDevice implements ServedDevice {
    private final LocalDevice device;
    private final RuleSet faults = new RuleSet();
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile Runnable before = () -> {};
    private volatile Runnable after = () -> {};

    /** Creates the device over a store in memory. */
    public FakeServedDevice(FakeKernel kernel, DeviceParameters parameters, FilterSpec filters) {
        device = LocalDevice.create(kernel.session(), parameters, filters, new MemoryStore(parameters.size()));
    }

    /** Makes every later call fail at once. */
    public void die() {
        answerBy(() -> {
            throw new DblockException("The server process is gone.");
        });
    }

    /** Makes every later call wait for {@link #goOn()} and then fail. */
    public void stop() {
        answerBy(() -> {
            boolean interrupted = false;
            while (true) {
                try {
                    end.await();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            throw new DblockException("The server process did not answer.");
        });
    }

    /** Makes the server answer again, and ends the calls that wait for it. */
    public void goOn() {
        answerBy(() -> {});
        answerAfterwards(() -> {});
        end.countDown();
    }

    /** Runs this before each later call to the server. If it throws, the call fails and the server does nothing. */
    public void answerBy(Runnable what) {
        before = what;
    }

    /** Runs this after each later call to the server. If it throws, the call fails although the server has done its part. */
    public void answerAfterwards(Runnable what) {
        after = what;
    }

    private <T> T ask(Supplier<T> question) {
        before.run();
        T answer = question.get();
        after.run();
        return answer;
    }

    private void tell(Runnable command) {
        before.run();
        command.run();
        after.run();
    }

    @Override
    public DeviceServer server() {
        return device.server();
    }

    @Override
    public Answering answering() {
        return device.answering();
    }

    @Override
    public DeviceInfo created() {
        return device.created();
    }

    @Override
    public DeviceInfo info() {
        return device.info();
    }

    @Override
    public void start() {
        tell(device::start);
    }

    @Override
    public void resize(long bytes) {
        tell(() -> device.resize(bytes));
    }

    @Override
    public void setReadOnly(boolean readOnly) {
        tell(() -> device.setReadOnly(readOnly));
    }

    @Override
    public DeviceStatistics statistics() {
        return ask(device::statistics);
    }

    @Override
    public Faults faults() {
        return faults;
    }

    @Override
    public Evidence evidence() {
        return ask(device::evidence);
    }

    @Override
    public Recorder recorder() {
        return ask(device::recorder);
    }

    @Override
    public Journal journal() {
        return ask(device::journal);
    }

    @Override
    public CutReport powerCut(Survivors survivors) {
        return ask(() -> device.powerCut(survivors));
    }

    @Override
    public void restorePower() {
        tell(device::restorePower);
    }

    @Override
    public boolean powered() {
        return ask(device::powered);
    }

    @Override
    public List<UnflushedWrite> unflushed() {
        return ask(device::unflushed);
    }

    @Override
    public ServedSnapshot snapshot() {
        return ask(device::snapshot);
    }

    @Override
    public ServedSnapshot snapshot(Survivors survivors) {
        return ask(() -> device.snapshot(survivors));
    }

    @Override
    public ServedRecording record() {
        return ask(device::record);
    }

    @Override
    public void show(ServedRecording recording, byte[] changes) {
        tell(() -> device.show(recording, changes));
    }

    @Override
    public Reads reads(long after) {
        return ask(() -> device.reads(after));
    }

    @Override
    public List<Throwable> failures() {
        return ask(device::failures);
    }

    @Override
    public void destroy(boolean force) {
        tell(() -> device.destroy(force));
    }

    @Override
    public void close() {
        tell(device::close);
    }

    /** The rules of the device. Every call goes to the server. */
    private final class RuleSet extends Faults {
        private Faults rules() {
            return ask(device::faults);
        }

        @Override
        public Fault add(FaultRule rule, Predicate<RequestInfo> predicate) {
            return rules().add(rule, predicate);
        }

        @Override
        public List<Fault> list() {
            return rules().list();
        }

        @Override
        public Optional<Fault> find(String name) {
            return rules().find(name);
        }

        @Override
        public List<Fault> history() {
            return rules().history();
        }

        @Override
        public List<Fault> unused() {
            return rules().unused();
        }

        @Override
        public void clear() {
            rules().clear();
        }

        @Override
        public long seed() {
            return rules().seed();
        }

        @Override
        public void seed(long seed) {
            rules().seed(seed);
        }
    }
}
