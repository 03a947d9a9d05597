// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.testkit.engine.EventConditions.event;
import static org.junit.platform.testkit.engine.EventConditions.finishedSuccessfully;
import static org.junit.platform.testkit.engine.EventConditions.finishedWithFailure;
import static org.junit.platform.testkit.engine.EventConditions.test;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.message;

import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/** The page on kill -9: the test with a killed process passes, and the one with a power cut fails. */
class KillAndCutIT {

    @Test
    void onlyThePowerCutFindsWhatWasNotSynced() {
        Events tests = EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(KillAndCutExample.class))
                .execute()
                .testEvents();
        tests.assertStatistics(statistics -> statistics.succeeded(1).failed(1));
        tests.assertThatEvents()
                .haveExactly(1, event(test("acknowledgedEntriesSurviveKill9"), finishedSuccessfully()))
                .haveExactly(
                        1,
                        event(
                                test("acknowledgedEntriesSurviveAPowerCut"),
                                finishedWithFailure(message(text -> text.contains("100 entries were acknowledged")))));
    }
}
