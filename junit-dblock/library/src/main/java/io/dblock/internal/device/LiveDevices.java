// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.internal.kernel.OpenImage;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.remote.ServerProcess;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The devices of this JVM. What is left at its end is closed, then the module unloaded if it was loaded by this JVM. */
final class LiveDevices {
    private static final Set<LiveDevice> LIVE = new LinkedHashSet<>();
    private static boolean prepared;

    private LiveDevices() {}

    /** Before each device: clears what other runs have left since, a JVM may die while this one goes on. */
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

    /** Those there are now. */
    static synchronized List<LiveDevice> live() {
        return List.copyOf(LIVE);
    }

    /** The files that are open because they are images of these devices. */
    static List<OpenImage> openImages() {
        return live().stream().flatMap(device -> device.openImage().stream()).toList();
    }

    private static void shutDown() {
        for (LiveDevice device : live()) {
            try {
                device.close();
            } catch (RuntimeException e) {
                // Nobody is left to catch it, and standard output may be a test runner's channel.
                System.err.println("junit-dblock: at the end of the JVM: " + e.getMessage());
            }
        }
        ServerProcess.stop();
        ModuleLoader.unloadIfOurs();
    }
}
