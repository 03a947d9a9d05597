// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Operation;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * A fault rule: which requests it matches and what it does.
 *
 * @param name its name in the journal and in errors; empty: it gets a name when it is armed
 * @param match which requests the rule acts on
 * @param action what the rule does to them
 * @param lenient whether the rule may never act
 * @param fallThrough whether later rules see the requests that the rule has acted on
 * @param first whether the rule is put before the rules that are already armed, not after them
 */
@CheckReturnValue
public record FaultRule(String name, Match match, Action action, boolean lenient, boolean fallThrough, boolean first) {

    /**
     * Checks that the action can act on the matched operations.
     *
     * @throws IllegalArgumentException if the rule is on an operation that the action cannot act on
     */
    public FaultRule {
        Objects.requireNonNull(match, "match");
        Objects.requireNonNull(action, "action");
        if (!name.equals(name.strip()) || name.chars().anyMatch(c -> c < ' ')) {
            throw new IllegalArgumentException(
                    "The rule's name is \"" + name + "\". Allowed: one line without blanks at its ends.");
        }
        Set<Operation> odd = EnumSet.copyOf(match.operations());
        odd.removeAll(action.operations());
        if (!match.isAny() && !odd.isEmpty()) {
            throw new IllegalArgumentException("The rule \"on " + match + ": " + action + "\" can never act on " + odd
                    + ". Allowed for this action: " + action.operations() + ", or onAny().");
        }
    }

    /** Creates a rule with the defaults; it gets a name when it is armed. */
    public FaultRule(Match match, Action action) {
        this("", match, action, false, false, false);
    }

    /** Returns this rule with another name. */
    public FaultRule withName(String value) {
        return new FaultRule(value, match, action, lenient, fallThrough, first);
    }

    /** Returns this rule for other requests. */
    public FaultRule withMatch(Match value) {
        return new FaultRule(name, value, action, lenient, fallThrough, first);
    }

    /** Returns this rule with another action. */
    public FaultRule withAction(Action value) {
        return new FaultRule(name, match, value, lenient, fallThrough, first);
    }

    /** Returns the operations that the rule can act on: those that are matched and that the action supports. */
    public Set<Operation> operations() {
        Set<Operation> both = EnumSet.copyOf(match.operations());
        both.retainAll(action.operations());
        return both;
    }

    /** Returns on how many requests the rule acts at most: what the match says, or else the default of the action. */
    public long times() {
        return match.times().orElse(action.times());
    }

    /** Returns one line, such as {@code "bad": on WRITE, sectors 8-15, at most 1 time: fail with EIO}. */
    @Override
    public String toString() {
        return (name.isEmpty() ? "" : "\"" + name + "\": ") + "on " + match + ": " + action
                + (match.times().isEmpty() && action.times() == 1 ? ", once" : "")
                + (lenient ? ", lenient" : "")
                + (fallThrough ? ", falls through" : "")
                + (first ? ", first" : "");
    }
}
