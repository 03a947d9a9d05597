// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Operation;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * A fault: what it concerns, and what it does.
 *
 * @param name what it is called in the journal and in errors; empty to be given one when it is armed
 * @param match which requests it concerns
 * @param action what it does to them
 * @param lenient whether it is all right if it never acts
 * @param fallThrough whether rules after it see what it has acted on
 * @param first whether it is put before the rules that are armed already, not after them
 */
@CheckReturnValue
public record FaultRule(String name, Match match, Action action, boolean lenient, boolean fallThrough, boolean first) {

    /**
     * Checks that the action can act on what is matched.
     *
     * @throws IllegalArgumentException if it is on an operation that the action cannot act on
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

    /** With nothing more than these, and to be named when it is armed. */
    public FaultRule(Match match, Action action) {
        this("", match, action, false, false, false);
    }

    /** With another name. */
    public FaultRule withName(String value) {
        return new FaultRule(value, match, action, lenient, fallThrough, first);
    }

    /** On other requests. */
    public FaultRule withMatch(Match value) {
        return new FaultRule(name, value, action, lenient, fallThrough, first);
    }

    /** Doing something else. */
    public FaultRule withAction(Action value) {
        return new FaultRule(name, match, value, lenient, fallThrough, first);
    }

    /** The operations it can act on: those matched, as far as the action knows them. */
    public Set<Operation> operations() {
        Set<Operation> both = EnumSet.copyOf(match.operations());
        both.retainAll(action.operations());
        return both;
    }

    /** How many requests it acts on at most: what the match says, or else what the action does by itself. */
    public long times() {
        return match.times().orElse(action.times());
    }

    /** One line, such as {@code "bad": on WRITE, sectors 8-15, at most 1 time: fail with EIO}. */
    @Override
    public String toString() {
        return (name.isEmpty() ? "" : "\"" + name + "\": ") + "on " + match + ": " + action
                + (match.times().isEmpty() && action.times() == 1 ? ", once" : "")
                + (lenient ? ", lenient" : "")
                + (fallThrough ? ", falls through" : "")
                + (first ? ", first" : "");
    }
}
