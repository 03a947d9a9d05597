// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.support;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;

/** A program that runs a test class with one test in it, where there is no build tool. */
public final class OneTest {

    private OneTest() {}

    /** Ends with status 0 if the one test of the class with this name was run and has passed. */
    public static void main(String[] args) {
        EngineExecutionResults results = EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(args[0]))
                .execute();
        results.allEvents().failed().debug(System.out);
        results.testEvents().assertStatistics(events -> events.started(1).succeeded(1));
        System.out.println("1 passed, 0 failed");
        System.exit(0);
    }
}
