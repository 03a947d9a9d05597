// SPDX-License-Identifier: Apache-2.0
package io.dblock;

import java.util.ServiceLoader;

/** Looks up the provider once, on first use. */
final class BlockDeviceProviderHolder {
    static final BlockDeviceProvider INSTANCE = ServiceLoader.load(
                    BlockDeviceProvider.class, BlockDeviceProvider.class.getClassLoader())
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("No " + BlockDeviceProvider.class.getName()
                    + " is on the class path: this jar of junit-dblock is incomplete. Was META-INF/services left out"
                    + " when jars were merged?"));

    private BlockDeviceProviderHolder() {}
}
