// SPDX-License-Identifier: Apache-2.0
package io.dblock.crash;

import io.dblock.internal.crash.Failed;
import java.util.List;

/**
 * A state that failed. In a crash test, the first one is in the simplest form that was found.
 *
 * @param id what the system property {@value CrashTest#STATE} or {@value FaultTest#FAULT} takes to check it alone
 * @param lostWrites how many writes the power cut loses, whole or in part
 */
public record FailedState(String id, int lostWrites) {
    static List<FailedState> of(List<Failed> all) {
        return all.stream()
                .map(failed -> new FailedState(failed.id(), failed.lostWrites()))
                .toList();
    }
}
