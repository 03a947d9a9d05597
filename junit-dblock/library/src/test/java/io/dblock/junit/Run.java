// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;
import org.junit.platform.testkit.engine.EventType;
import org.opentest4j.AssertionFailedError;

/** Runs test classes in an engine of their own, with fake devices. */
final class Run {
    private final EngineTestKit.Builder kit;

    private Run(EngineTestKit.Builder kit) {
        this.kit = kit;
    }

    static Run of(Class<?>... testClasses) {
        EngineTestKit.Builder kit = EngineTestKit.engine("junit-jupiter")
                .selectors(Arrays.stream(testClasses)
                        .map(type -> selectClass(type))
                        .toList()
                        .toArray(new org.junit.platform.engine.DiscoverySelector[0]))
                .enableImplicitConfigurationParameters(false)
                .configurationParameter("junit.platform.output.capture.stdout", "false")
                .configurationParameter(Devices.PROVIDER, FakeLab.Provider.class.getName())
                .configurationParameter(DblockParameters.ARTIFACTS, "never");
        return new Run(kit);
    }

    Run with(String parameter, String value) {
        kit.configurationParameter(parameter, value);
        return this;
    }

    EngineExecutionResults execute() {
        return kit.execute();
    }

    /** Runs the tests, all of which must succeed. */
    EngineExecutionResults expectSuccess() {
        EngineExecutionResults results = execute();
        List<Throwable> failures = failures(results);
        if (!failures.isEmpty()) {
            AssertionError error = new AssertionError("Expected no failures, there are " + failures.size());
            failures.forEach(error::addSuppressed);
            throw error;
        }
        if (results.testEvents().succeeded().count() == 0) {
            throw new AssertionError("No test was run");
        }
        return results;
    }

    /** Runs the tests; exactly one test or container must fail. */
    Throwable expectOneFailure() {
        List<Throwable> failures = failures(execute());
        if (failures.size() != 1) {
            AssertionError error = new AssertionError("Expected one failure, there are " + failures.size());
            failures.forEach(error::addSuppressed);
            throw error;
        }
        return failures.get(0);
    }

    /** Returns what the teardown of a device threw: the cause of the failure, whose message tools show. */
    static Throwable teardown(Throwable failure) {
        if (!(failure instanceof AssertionFailedError) || failure.getCause() == null) {
            throw new AssertionError("Expected the failure of a teardown", failure);
        }
        return failure.getCause();
    }

    static List<Throwable> failures(EngineExecutionResults results) {
        return results.allEvents()
                .filter(event -> event.getType() == EventType.FINISHED)
                .map(event -> event.getRequiredPayload(TestExecutionResult.class))
                .filter(result -> result.getStatus() == TestExecutionResult.Status.FAILED)
                .map(TestExecutionResult::getThrowable)
                .flatMap(Optional::stream)
                .toList();
    }

    static List<Map<String, String>> reportEntries(EngineExecutionResults results) {
        return results.allEvents().reportingEntryPublished().map(Run::entry).toList();
    }

    private static Map<String, String> entry(Event event) {
        return event.getRequiredPayload(org.junit.platform.engine.reporting.ReportEntry.class)
                .getKeyValuePairs();
    }
}
