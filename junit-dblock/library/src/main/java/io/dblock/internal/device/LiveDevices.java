// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.OpenImage;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.remote.ServerProcess;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The open devices of this JVM. When the JVM ends, they are closed, and the module is unloaded if this JVM loaded it. Safe
 * for use by several threads.
 */
final class LiveDevices {
    private static final Set<LiveDevice> LIVE = new LinkedHashSet<>();
    private static boolean prepared;

    private LiveDevices() {}

    /** Clears what crashed runs have left. Called before each device, because another JVM may crash at any time. */
    static synchronized void prepare() {
        if (!prepared) {
            Runtime.getRuntime().addShutdownHook(new Thread(LiveDevices::shutDown, "junit-dblock shutdown"));
            prepared = true;
        }
        StaleRuns.clearAll();
    }

    static synchronized void add(LiveDevice device) {
        LIVE.add(device);
    }

    static synchronized void remove(LiveDevice device) {
        LIVE.remove(device);
    }

    static synchronized List<LiveDevice> live() {
        return List.copyOf(LIVE);
    }

    /** Returns the image files that are open for these devices. */
    static List<OpenImage> openImages() {
        return live().stream().flatMap(device -> device.openImage().stream()).toList();
    }

    private static void shutDown() {
        for (LiveDevice device : live()) {
            try {
                device.close();
            } catch (RuntimeException e) {
                // No caller is left to catch it, and standard output may be a test runner's channel.
                System.err.println("junit-dblock: at the end of the JVM: " + e.getMessage());
            }
        }
        ServerProcess.stop();
        ModuleLoader.unloadIfOurs();
    }
}
