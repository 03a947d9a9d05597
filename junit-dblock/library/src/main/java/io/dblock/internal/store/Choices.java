// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.store;

import io.dblock.power.Survivors;

/**
 * The power cuts, and snapshots of what one would leave, whose survivors were to be chosen among unflushed writes.
 *
 * @param asked how many there were, lenient ones not counted
 * @param found whether there was anything to choose from at any of them
 * @param survivors of the last one, as text
 */
public record Choices(long asked, boolean found, String survivors) {
    /** None. */
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

    /** These and others. */
    public Choices and(Choices others) {
        return new Choices(
                asked + others.asked, found || others.found, others.survivors.isEmpty() ? survivors : others.survivors);
    }
}
