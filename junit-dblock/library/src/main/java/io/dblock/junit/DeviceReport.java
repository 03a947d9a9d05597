// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.util.Map;
import java.util.stream.Collectors;

/**
 * Shows what is known of the device with a test's failure. It is only added to the failure as suppressed, never thrown.
 */
final class DeviceReport extends RuntimeException {
    private static final long serialVersionUID = 1L;

    DeviceReport(Map<String, String> entry) {
        super(
                entry.entrySet().stream()
                        .map(line -> line.getKey().replace("junit-dblock.", "") + ": " + line.getValue())
                        .collect(Collectors.joining("\n    ", "what is known of the test's device\n    ", "")),
                null,
                false,
                false);
    }
}
