// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * Devices of tests that are about to run, whose extension has not had its turn to make them. JUnit calls extensions in an
 * order that their users do not choose, so another extension may start what needs such a device. Safe for use by several
 * threads.
 */
public final class WaitingDevices {
    private static final Set<Supplier<Optional<RuntimeException>>> WAITING = ConcurrentHashMap.newKeySet();

    private WaitingDevices() {}

    /** Adds what makes such devices. It returns why they could not be made, and may be called by any thread. */
    public static void add(Supplier<Optional<RuntimeException>> making) {
        WAITING.add(making);
    }

    /** Removes what {@link #add} has added: the devices are made, or no longer needed. */
    public static void remove(Supplier<Optional<RuntimeException>> making) {
        WAITING.remove(making);
    }

    /** Makes all devices that wait, and returns why some could not be made. */
    public static List<RuntimeException> make() {
        return WAITING.stream().map(Supplier::get).flatMap(Optional::stream).toList();
    }
}
