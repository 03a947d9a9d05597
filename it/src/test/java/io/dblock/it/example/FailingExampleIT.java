// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.reporting.ReportEntry;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.EventType;

/** What a failing test leaves: a message with the disk's last requests, and files that show the rest. */
class FailingExampleIT {

    @Test
    void aFailingTestSaysWhatTheDiskWasAsked() throws Exception {
        EngineExecutionResults results = EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(ForgottenSyncExample.class))
                .execute();
        results.testEvents().assertStatistics(stats -> stats.failed(1));
        String message = results.testEvents()
                .filter(event -> event.getType() == EventType.FINISHED)
                .map(event ->
                        event.getRequiredPayload(TestExecutionResult.class).getThrowable())
                .flatMap(Optional::stream)
                .findFirst()
                .orElseThrow()
                .getMessage();
        System.out.println(message);
        assertThat(message).contains("flush", "\"commit\"", "WRITE");

        List<Map<String, String>> entries = results.testEvents()
                .filter(event -> event.getType() == EventType.REPORTING_ENTRY_PUBLISHED)
                .map(event -> event.getRequiredPayload(ReportEntry.class).getKeyValuePairs())
                .toList();
        Path directory = entries.stream()
                .flatMap(entry -> Optional.ofNullable(entry.get("junit-dblock.artifacts")).stream())
                .map(Path::of)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no artifacts reported in " + entries));
        System.out.println("artifacts of the failing example: " + directory);
        assertThat(Files.readString(directory.resolve("journal.txt"))).contains("commit", "FLUSH");
        assertThat(Files.readString(directory.resolve("picture.svg"))).contains("<svg", "commit");
        assertThat(Files.readString(directory.resolve("device.txt"))).contains("42", "bad sectors");
    }
}
