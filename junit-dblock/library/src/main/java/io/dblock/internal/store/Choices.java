// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.power.Survivors;

/**
 * The power cuts that were to choose survivors among unflushed writes, and the snapshots of what such a cut would
 * leave.
 *
 * @param asked how many there were, without lenient ones
 * @param found whether any of them had something to choose from
 * @param survivors the survivors of the last one, as text
 */
public record Choices(long asked, boolean found, String survivors) {
    /** No choices. */
    public static final Choices NONE = new Choices(0, false, "");

    Choices and(Survivors last, boolean something) {
        if (!last.isChoice()) {
            return this;
        }
        return last.emptyAllowed()
                ? new Choices(asked, found || something, survivors)
                : new Choices(asked + 1, found || something, last.toString());
    }

    Choices andFound() {
        return new Choices(asked, true, survivors);
    }

    /** Returns these and the other choices together. */
    public Choices and(Choices others) {
        return new Choices(
                asked + others.asked, found || others.found, others.survivors.isEmpty() ? survivors : others.survivors);
    }
}
