// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import io.dblock.internal.kernel.Batch;

/** What no class of this package may do; for the test of the layers. */
public final class Planted {
    private Planted() {}

    /** Names an internal type, and calls it. */
    public static int batch(Batch batch) {
        return batch.hashCode();
    }
}
