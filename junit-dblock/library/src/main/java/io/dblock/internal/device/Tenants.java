// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;

/** The tenants of one device. Safe for use by several threads. */
public final class Tenants {
    private final Set<Tenant> tenants = new CopyOnWriteArraySet<>();

    Tenants() {}

    /** Lets this tenant be asked before the device is unmounted or gets its power back, and ended before it is closed. */
    public static void add(BlockDevice device, Tenant tenant) {
        if (device instanceof LiveDevice live) {
            live.tenants().tenants.add(tenant);
        }
    }

    /** Returns the tenants of this device so far, in the order in which they came, whether they use it now or not. */
    public static List<Tenant> of(BlockDevice device) {
        return device instanceof LiveDevice live ? List.copyOf(live.tenants().tenants) : List.of();
    }

    /** Returns one line for each tenant that uses the device now. */
    List<String> using() {
        return tenants.stream().map(Tenant::using).flatMap(Optional::stream).toList();
    }

    /** Ends the tenants that use the device now, and returns one line for each. */
    List<String> end() {
        List<String> ended = new ArrayList<>();
        for (Tenant tenant : tenants) {
            Optional<String> using = tenant.using();
            if (using.isPresent()) {
                ended.add(using.get() + end(tenant));
            }
        }
        return ended;
    }

    private static String end(Tenant tenant) {
        try {
            tenant.end();
            return ". It has been stopped";
        } catch (RuntimeException e) {
            return ". It could not be stopped: " + e.getMessage();
        }
    }
}
