// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.ByteSize;
import io.dblock.DblockException;
import io.dblock.DeviceOption;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import io.dblock.fault.Action;
import io.dblock.fault.Unproven;
import io.dblock.handler.BlockIOException;
import io.dblock.journal.EventEntry;
import io.dblock.journal.EventKind;
import io.dblock.journal.Journal;
import io.dblock.journal.JournalEntry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.StoreScope;
import org.junit.jupiter.api.io.CleanupMode;
import org.opentest4j.AssertionFailedError;
import org.opentest4j.TestAbortedException;

/**
 * A device and the scope it was made for. The store of the scope's context holds the lease and closes it once, when the
 * scope ends. An exception of {@link #close()} fails the test.
 */
final class DeviceLease implements AutoCloseable {
    private static final Namespace NAMESPACE = Namespace.create(DeviceLease.class);
    private static final System.Logger LOGGER = System.getLogger(DeviceLease.class.getName());

    private static final int SHOWN = 10;

    private final BlockDevice device;
    private final DeviceSettings settings;
    private final Declaration declaration;
    private final ExtensionContext context;
    private final CleanupTracker tracker;
    private final ArtifactFiles artifacts;
    private FileChannel channel;
    /** How many of the device's incidents have been reported. */
    private int told;

    /** All failures so far, in the order in which they occurred. */
    private final List<Throwable> failures = new ArrayList<>();
    /** The first failed question to the device, after which there are no further ones. */
    private Optional<DblockException> unanswered = Optional.empty();
    /** The report that is added to a failure that is not the test's own. */
    private Optional<DeviceReport> report = Optional.empty();

    DeviceLease(BlockDevice device, DeviceSettings settings, Declaration declaration, ExtensionContext context) {
        this.device = device;
        this.settings = settings;
        this.declaration = declaration;
        this.context = context;
        this.tracker = CleanupTracker.install(context);
        this.artifacts = ArtifactFiles.of(settings.get(TestOption.ARTIFACTS_DIRECTORY), declaration, context);
        artifacts.clear();
    }

    BlockDevice device() {
        return device;
    }

    Declaration declaration() {
        return declaration;
    }

    FileChannel openChannel() {
        channel = device.openChannel();
        return channel;
    }

    /** Arms the rules of the declaration. */
    void armFaults() {
        settings.faults().forEach(device.faults()::add);
    }

    /** Reports the device, so that the node of a test is known even if the test hangs or fails. */
    void report() {
        Filesystem filesystem = settings.get(DeviceOption.FILESYSTEM);
        context.publishReportEntry(
                "junit-dblock.device",
                device.path() + " (" + ByteSize.format(device.size())
                        + (filesystem == Filesystem.NONE ? "" : ", " + filesystem.type()) + "): "
                        + declaration);
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

    /**
     * Tears the device down even if its server is gone or does not answer. All failures are thrown at the end, as an
     * error, because JUnit hides exceptions behind one of its own.
     */
    private void end() {
        boolean aborted = isAborted();
        boolean failedBefore = tracker.failed() && !aborted;
        // This comes before the teardown, because the requests of the teardown are not the test's.
        Optional<AssertionError> unproven = aborted ? Optional.empty() : unproven();
        unproven.ifPresent(this::failed);
        boolean reported = failedBefore || unproven.isPresent();
        if (reported) {
            tracker.markFailed();
            attempt(this::reportFailure);
        } else {
            attempt(this::reportHeld);
        }
        attempt(toBeKept() ? this::keep : this::tearDown);
        attempt(this::reportLateIncidents);
        unanswered.filter(e -> !aborted || !failures.isEmpty()).ifPresent(this::failed);
        if (failures.isEmpty()) {
            if (!reported && settings.get(TestOption.ARTIFACTS) == Artifacts.ALWAYS) {
                writeArtifacts().forEach(context::publishReportEntry);
            }
            return;
        }
        tracker.markFailed();
        if (!reported) {
            attempt(this::reportFailure);
        }
        throw failure();
    }

    /** Runs this step and records its failure, so that the next step runs in any case. */
    private void attempt(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException | Error e) {
            failed(e);
        }
    }

    private void failed(Throwable failure) {
        failures.add(failure);
    }

    private AssertionError failure() {
        Throwable first = failures.get(0);
        AssertionError error = first instanceof AssertionError assertion
                ? assertion
                : new AssertionFailedError(
                        first instanceof DblockException ? first.getMessage() : first.toString(), first);
        report.ifPresent(error::addSuppressed);
        failures.subList(1, failures.size()).forEach(error::addSuppressed);
        return error;
    }

    /**
     * Asks the device. Once a question has failed, there are no further ones, because each might take as long.
     */
    private <T> Optional<T> ask(String what, Supplier<T> question) {
        if (unanswered.isPresent()) {
            return Optional.empty();
        }
        try {
            return Optional.of(question.get());
        } catch (RuntimeException | Error e) {
            unanswered = Optional.of(new DblockException(
                    "The device of " + declaration + " could not be asked for " + what + ": " + e.getMessage(), e));
            return Optional.empty();
        }
    }

    private Map<String, String> writeArtifacts() {
        return ask("its artifacts", () -> artifacts.write(device, declaration))
                .orElseGet(() -> Map.of(
                        "junit-dblock.artifacts",
                        "not written: " + unanswered.orElseThrow().getMessage()));
    }

    private boolean isAborted() {
        return context.getExecutionException()
                .filter(TestAbortedException.class::isInstance)
                .isPresent();
    }

    /**
     * Returns the failure of a test that armed or asked for something without effect: the test has not shown what it was
     * meant to show.
     */
    private Optional<AssertionError> unproven() {
        List<Unproven> unproven =
                ask("what its rules have done", device::unproven).orElse(List.of());
        if (unproven.isEmpty()) {
            return Optional.empty();
        }
        // Most tools show only the first line, so that one says what is wrong.
        StringBuilder text = new StringBuilder(declaration + ": ");
        if (unproven.size() == 1) {
            text.append(unproven.get(0));
        } else {
            text.append(unproven.size()).append(" things have come to nothing that the test armed or asked for:");
            unproven.forEach(one -> text.append("\n  ").append(one));
        }
        Set<Unproven.Kind> kinds = EnumSet.noneOf(Unproven.Kind.class);
        unproven.forEach(one -> kinds.add(one.kind()));
        kinds.forEach(kind -> text.append('\n').append(kind.advice()));
        ask("its journal", device.journal()::entries).ifPresent(entries -> {
            List<JournalEntry> last = entries.subList(Math.max(0, entries.size() - SHOWN), entries.size());
            text.append(
                    last.isEmpty()
                            ? "\nThe device has had no request."
                            : "\nThe last entries of the device's journal:\n"
                                    + Journal.timeline(last).stripTrailing());
        });
        return Optional.of(new AssertionFailedError(text.toString()));
    }

    /** Reports the device where JUnit shows it: as a report entry, and with the failure. */
    private void reportFailure() {
        Map<String, String> entry = new LinkedHashMap<>();
        entry.put("junit-dblock.device", declaration.text());
        ask("its seed", device::seed).ifPresent(seed -> entry.put("junit-dblock.seed", Long.toString(seed)));
        ask("its rules", () -> device.faults().history().stream()
                        .map(fault -> fault.rule() + ": " + fault.hits() + " hits")
                        .collect(Collectors.joining("; ")))
                .filter(rules -> !rules.isEmpty())
                .ifPresent(rules -> entry.put("junit-dblock.faults", rules));
        ask("its power cuts", () -> device.journal().entries().stream()
                        .filter(one -> one instanceof EventEntry event && event.kind() == EventKind.POWER_CUT)
                        .map(JournalEntry::toString)
                        .collect(Collectors.joining("\n    ")))
                .filter(cuts -> !cuts.isEmpty())
                .ifPresent(cuts -> entry.put("junit-dblock.cuts", cuts));
        putHeld(entry);
        putIncidents(entry);
        if (settings.get(TestOption.ARTIFACTS) != Artifacts.NEVER) {
            entry.putAll(writeArtifacts());
        }
        context.publishReportEntry(entry);
        DeviceReport shown = new DeviceReport(entry);
        Optional<Throwable> thrown = context.getExecutionException();
        if (thrown.isPresent()) {
            thrown.get().addSuppressed(shown);
        } else {
            report = Optional.of(shown);
        }
    }

    /** Reports requests that are still held when the test ends: the threads that made them still wait. */
    private void reportHeld() {
        Map<String, String> entry = new LinkedHashMap<>();
        putHeld(entry);
        if (!entry.isEmpty()) {
            entry.put("junit-dblock.device", declaration.text());
            context.publishReportEntry(entry);
        }
    }

    private void putHeld(Map<String, String> entry) {
        ask("the requests its rules hold", () -> device.faults().list().stream()
                        .filter(fault -> fault.rule().action() instanceof Action.Hold)
                        .filter(fault -> !fault.held().isEmpty())
                        .map(fault -> fault.rule() + ": "
                                + fault.held().stream()
                                        .map(request -> request.info() + " for "
                                                + request.heldFor().toMillis() + " ms")
                                        .collect(Collectors.joining(", "))
                                + ", which nobody has released")
                        .collect(Collectors.joining("; ")))
                .filter(held -> !held.isEmpty())
                .ifPresent(held -> entry.put("junit-dblock.held", held));
    }

    private void putIncidents(Map<String, String> entry) {
        // This also works for a device that no longer answers.
        List<String> incidents;
        try {
            incidents = device.incidents();
        } catch (RuntimeException e) {
            incidents = List.of("could not be asked for: " + e);
        }
        List<String> untold = incidents.subList(Math.min(told, incidents.size()), incidents.size());
        told = Math.max(told, incidents.size());
        if (!untold.isEmpty()) {
            entry.put("junit-dblock.incidents", String.join("\n    ", untold));
        }
    }

    /**
     * Reports incidents since the failure was reported. The teardown may have caused some, for example by ending the wait
     * of a test that ran into its time limit.
     */
    private void reportLateIncidents() {
        Map<String, String> entry = new LinkedHashMap<>();
        putIncidents(entry);
        if (!entry.isEmpty()) {
            entry.put("junit-dblock.device", declaration.text());
            context.publishReportEntry(entry);
            context.getExecutionException().ifPresent(thrown -> thrown.addSuppressed(new DeviceReport(entry)));
        }
    }

    private boolean toBeKept() {
        return settings.get(TestOption.CLEANUP) == CleanupMode.NEVER
                || (settings.get(TestOption.CLEANUP) == CleanupMode.ON_SUCCESS && tracker.failed());
    }

    private void keep() {
        String kept = declaration + " keeps its device, cleanup is " + settings.get(TestOption.CLEANUP) + ": "
                + device.path()
                + device.mountPoint().map(path -> ", mounted at " + path).orElse(", not mounted")
                + ". It is served by this JVM (pid " + ProcessHandle.current().pid()
                + ") and ends with the test run; to end it before: java -jar junit-dblock-cli.jar destroy --force "
                + device.name();
        LOGGER.log(System.Logger.Level.WARNING, kept);
        context.publishReportEntry("junit-dblock.kept", kept);
        context.getStore(StoreScope.LAUNCHER_SESSION, NAMESPACE).put(this, (AutoCloseable) this::endKept);
        failOnHandlerExceptions();
    }

    /** Ends a kept device. Failures are only logged: no test is left to fail, and a user may still inspect the device. */
    private void endKept() {
        closeAll().forEach(e -> LOGGER.log(System.Logger.Level.WARNING, e.getMessage()));
    }

    private void tearDown() {
        closeAll().forEach(this::failed);
        failOnHandlerExceptions();
    }

    /** Closes the channel, the forks and the device, each even if an earlier one failed. Returns the failures. */
    private List<DblockException> closeAll() {
        List<DblockException> failed = new ArrayList<>();
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException | RuntimeException e) {
                failed.add(new DblockException("The channel of " + declaration + " could not be closed: " + e, e));
            }
        }
        close("The forks", device::closeForks, failed);
        close("The device", device::close, failed);
        return failed;
    }

    private void close(String what, Runnable closing, List<DblockException> failed) {
        try {
            closing.run();
        } catch (LeakException e) {
            LeakException leak = new LeakException(declaration + ": " + e.getMessage(), e.holders());
            leak.initCause(e);
            failed.add(leak);
        } catch (RuntimeException | Error e) {
            failed.add(
                    new DblockException(what + " of " + declaration + " could not be torn down: " + e.getMessage(), e));
        }
    }

    private void failOnHandlerExceptions() {
        if (!settings.get(TestOption.FAIL_ON_HANDLER_EXCEPTION)) {
            return;
        }
        List<Throwable> thrown = ask("what its handler has thrown", device::handlerFailures).orElse(List.of()).stream()
                .filter(failure -> !(failure instanceof BlockIOException))
                .toList();
        if (thrown.isEmpty()) {
            return;
        }
        Throwable first = thrown.get(0);
        DblockException exception = new DblockException(
                "The handler of " + declaration + " threw " + first
                        + (thrown.size() == 1 ? "" : " and " + (thrown.size() - 1) + " more")
                        + "; each failed its request. To fail requests on purpose, throw a BlockIOException, or set"
                        + " failOnHandlerException to false.",
                first);
        thrown.subList(1, thrown.size()).forEach(exception::addSuppressed);
        failed(exception);
    }
}
