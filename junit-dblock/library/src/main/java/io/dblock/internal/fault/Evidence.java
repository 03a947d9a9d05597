// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.internal.store.Choices;
import java.util.List;

/**
 * What the rules and the power cuts of a device have shown.
 *
 * @param neverActed the rules that have acted on no request
 * @param choices what the cuts had to choose from
 */
public record Evidence(List<NeverActed> neverActed, Choices choices) {
    /** Of a device without rules and power cuts. */
    public static final Evidence NONE = new Evidence(List.of(), Choices.NONE);
}
