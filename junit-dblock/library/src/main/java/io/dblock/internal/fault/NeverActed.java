// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.FaultRule;
import io.dblock.fault.Unproven;

/**
 * A rule that has acted on no request and is not lenient.
 *
 * @param rule with its name
 * @param why a sentence
 */
public record NeverActed(FaultRule rule, String why) {

    /** Returns the same for a test; {@code where} is where the rule was armed, empty if that is not known. */
    public Unproven of(String device, String where) {
        return new Unproven(
                Unproven.Kind.RULE_NEVER_ACTED,
                device + ": a rule never acted on a request: " + rule + (where.isEmpty() ? "" : ", armed at " + where)
                        + ". " + why);
    }
}
