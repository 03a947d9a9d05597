// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import io.dblock.internal.kernel.Batch;

/** Breaks the rules of the layers, for the test of these rules. */
public final class Planted {
    private Planted() {}

    /** Has an internal type in its signature, and calls it. */
    public static int batch(Batch batch) {
        return batch.hashCode();
    }
}
