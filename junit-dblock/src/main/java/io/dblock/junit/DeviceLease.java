// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.handler.BlockIOException;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.StoreScope;
import org.junit.jupiter.api.io.CleanupMode;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

/**
 * A device and the scope it was made for. It lives in the store of that scope's context, which closes it, once, when the
 * scope ends; what close() throws fails the test.
 */
final class DeviceLease implements AutoCloseable {
    private static final Namespace NAMESPACE = Namespace.create(DeviceLease.class);
    private static final System.Logger LOGGER = System.getLogger(DeviceLease.class.getName());

    private static final int SHOWN = 10;

    private final BlockDevice device;
    private final DeviceSettings settings;
    private final String declaration;
    private final ExtensionContext context;
    private final CleanupTracker tracker;
    private final ArtefactFiles artefacts;
    private FileChannel channel;
    /** How many of the device's incidents have been reported. */
    private int told;

    DeviceLease(BlockDevice device, DeviceSettings settings, String declaration, ExtensionContext context) {
        this.device = device;
        this.settings = settings;
        this.declaration = declaration;
        this.context = context;
        this.tracker = CleanupTracker.install(context);
        this.artefacts = ArtefactFiles.of(settings.artefactsDirectory, declaration, context);
        artefacts.clear();
    }

    BlockDevice device() {
        return device;
    }

    FileChannel openChannel() {
        channel = device.openChannel();
        return channel;
    }

    /** Arms the declaration's own rules. */
    void armFaults() {
        settings.faults.forEach(device.faults()::add);
    }

    /** Told for every device, so that a test that hangs or fails has said which node was its own. */
    void report() {
        Map<String, String> entry = new LinkedHashMap<>();
        entry.put("junit-dblock.device", declaration);
        entry.put("junit-dblock.node", device.path().toString());
        entry.put("junit-dblock.size", ByteSize.format(device.size()));
        if (settings.filesystem != Filesystem.NONE) {
            entry.put("junit-dblock.filesystem", settings.filesystem.type());
        }
        context.publishReportEntry(entry);
    }

    @Override
    public void close() {
        // A test ended by @Timeout may leave the thread interrupted, which would abort the waits of an orderly
        // teardown.
        boolean interrupted = Thread.interrupted();
        try {
            end();
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void end() {
        boolean failedBefore = tracker.failed() && !isAborted();
        // Before the teardown, whose requests are not the test's.
        Throwable failure = unusedFaults();
        if (failure != null) {
            tracker.markFailed();
        }
        boolean reported = failedBefore || failure != null;
        if (reported) {
            reportFailure(failure);
        }
        try {
            if (toBeKept()) {
                keep();
            } else {
                tearDown();
            }
        } catch (DblockException e) {
            if (failure == null) {
                failure = e;
            } else {
                failure.addSuppressed(e);
            }
        }
        reportLateIncidents();
        if (failure == null) {
            if (!reported && settings.artefacts == Artefacts.ALWAYS) {
                artefacts.write(device, declaration).forEach(context::publishReportEntry);
            }
            return;
        }
        tracker.markFailed();
        if (!reported) {
            reportFailure(failure);
        }
        if (failure instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) failure;
    }

    private boolean isAborted() {
        return context.getExecutionException()
                .filter(TestAbortedException.class::isInstance)
                .isPresent();
    }

    /** What a test says that armed a rule in vain: it has not shown what it was to show. Null if there is no such rule. */
    private AssertionError unusedFaults() {
        if (isAborted()) {
            return null;
        }
        List<io.dblock.fault.Fault> unused = device.faults().unused();
        if (unused.isEmpty()) {
            return null;
        }
        String rules = unused.stream().map(fault -> "\n  " + fault.rule()).collect(Collectors.joining());
        List<JournalEntry> entries = device.journal().entries();
        List<JournalEntry> last = entries.subList(Math.max(0, entries.size() - SHOWN), entries.size());
        return new AssertionFailedError((unused.size() == 1 ? "A fault rule" : unused.size() + " fault rules") + " of "
                + declaration + " never acted on a request:" + rules
                + "\nSo the test has not shown what it armed " + (unused.size() == 1 ? "it" : "them")
                + " for. Let what is to be hit happen before the test ends, or declare the rule lenient."
                + (last.isEmpty()
                        ? "\nThe device has had no request."
                        : "\nThe last entries of the device's journal:\n"
                                + Journal.timeline(last).stripTrailing()));
    }

    /** Where JUnit shows it: as a report entry, and with the failure, if that was the test's own and is yet to be shown. */
    private void reportFailure(Throwable own) {
        Map<String, String> entry = new LinkedHashMap<>();
        entry.put("junit-dblock.device", declaration);
        entry.put("junit-dblock.seed", Long.toString(device.seed()));
        List<String> rules = device.faults().history().stream()
                .map(fault -> fault.rule() + ": " + fault.hits() + " hits")
                .toList();
        if (!rules.isEmpty()) {
            entry.put("junit-dblock.faults", String.join("; ", rules));
        }
        putIncidents(entry);
        if (settings.artefacts != Artefacts.NEVER) {
            entry.putAll(artefacts.write(device, declaration));
        }
        context.publishReportEntry(entry);
        context.getExecutionException()
                .or(() -> Optional.ofNullable(own))
                .ifPresent(thrown -> thrown.addSuppressed(new DeviceReport(entry)));
    }

    private void putIncidents(Map<String, String> entry) {
        List<String> incidents = device.incidents();
        List<String> untold = incidents.subList(Math.min(told, incidents.size()), incidents.size());
        told = incidents.size();
        if (!untold.isEmpty()) {
            entry.put("junit-dblock.incidents", String.join("\n    ", untold));
        }
    }

    /** What has happened since the failure was reported: a test that ran into its time limit may have been freed only now. */
    private void reportLateIncidents() {
        Map<String, String> entry = new LinkedHashMap<>();
        putIncidents(entry);
        if (!entry.isEmpty()) {
            entry.put("junit-dblock.device", declaration);
            context.publishReportEntry(entry);
            context.getExecutionException().ifPresent(thrown -> thrown.addSuppressed(new DeviceReport(entry)));
        }
    }

    private boolean toBeKept() {
        return settings.cleanup == CleanupMode.NEVER
                || (settings.cleanup == CleanupMode.ON_SUCCESS && tracker.failed());
    }

    private void keep() {
        String kept = declaration + " keeps its device, cleanup is " + settings.cleanup + ": " + device.path()
                + device.mountPoint().map(path -> ", mounted at " + path).orElse(", not mounted")
                + ". It is served by this JVM (pid " + ProcessHandle.current().pid()
                + ") and ends with the test run; to end it before: java -jar junit-dblock-cli.jar destroy --force "
                + device.name();
        LOGGER.log(System.Logger.Level.WARNING, kept);
        context.publishReportEntry("junit-dblock.kept", kept);
        context.getStore(StoreScope.LAUNCHER_SESSION, NAMESPACE).put(this, (AutoCloseable) this::endKept);
        failOnHandlerExceptions();
    }

    /** There is no test left to fail. Whoever looks at the device may well be holding it just now. */
    private void endKept() {
        try {
            closeChannelAndDevice();
        } catch (DblockException e) {
            LOGGER.log(System.Logger.Level.WARNING, e.getMessage());
        }
    }

    private void tearDown() {
        DblockException failure = null;
        try {
            closeChannelAndDevice();
        } catch (DblockException e) {
            failure = e;
        }
        try {
            failOnHandlerExceptions();
        } catch (DblockException e) {
            failure = joined(failure, e);
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void closeChannelAndDevice() {
        DblockException failure = null;
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                failure = new DblockException("The channel of " + declaration + " could not be closed: " + e, e);
            }
        }
        try {
            device.close();
        } catch (LeakException e) {
            // The holders' lines are in the cause's message.
            LeakException leak = new LeakException(declaration + ": " + e.getMessage(), e.holders());
            leak.initCause(e);
            failure = joined(failure, leak);
        } catch (RuntimeException e) {
            failure = joined(
                    failure,
                    new DblockException("The device of " + declaration + " was not torn down: " + e.getMessage(), e));
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void failOnHandlerExceptions() {
        if (!settings.failOnHandlerException) {
            return;
        }
        List<Throwable> failures = device.handlerFailures().stream()
                .filter(failure -> !(failure instanceof BlockIOException))
                .toList();
        if (failures.isEmpty()) {
            return;
        }
        Throwable first = failures.get(0);
        DblockException exception = new DblockException(
                "The handler of " + declaration + " threw " + first
                        + (failures.size() == 1 ? "" : " and " + (failures.size() - 1) + " more")
                        + "; each failed its request. To fail requests on purpose, throw a BlockIOException, or say"
                        + " failOnHandlerException = false.",
                first);
        failures.subList(1, failures.size()).forEach(exception::addSuppressed);
        throw exception;
    }

    private static DblockException joined(DblockException first, DblockException next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }
}
