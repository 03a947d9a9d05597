// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Action;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How close a request came to being acted on by a rule: the condition it failed. From the farthest miss to the nearest.
 */
enum NearMiss {
    OPERATION,
    FLAGS,
    LENGTH,
    SECTORS,
    NO_FUA,
    FREES,
    SINCE_MARK,
    UNTIL_MARK,
    FLUSH_EPOCH,
    PREDICATE,
    NOTHING_LEFT,
    AFTER,
    PROBABILITY,
    /** The rule chose the request, but its action did not happen. */
    NOT_DONE;

    /** Returns what the request itself lacks; null if nothing. */
    static NearMiss of(FaultRule rule, RequestInfo info) {
        Match match = rule.match();
        if (!rule.operations().contains(info.operation())) {
            return OPERATION;
        }
        if (!info.flags().containsAll(match.flags())) {
            return FLAGS;
        }
        if (info.length() < match.minLength() || info.length() > match.maxLength()) {
            return LENGTH;
        }
        return match.fits(info) ? null : SECTORS;
    }

    /** Returns a text such as "lacks flags" for one request. */
    String ofRequest(RequestInfo info) {
        return switch (this) {
            case OPERATION -> "another operation";
            case FLAGS -> "lacks flags";
            case LENGTH -> info.length() + " bytes, another length";
            case SECTORS -> "other sectors";
            default -> throw new AssertionError(this);
        };
    }

    /** Returns why a rule has acted on no request, as a sentence, if this was the nearest miss. */
    String ofRule(FaultRule rule, long matches, long asked) {
        Match match = rule.match();
        return switch (this) {
            case OPERATION -> "No " + names(rule) + " has come.";
            case FLAGS -> "No " + names(rule) + " has had the flags " + match.flags() + ".";
            case LENGTH ->
                "No " + names(rule) + " was of " + match.minLength() + " to " + match.maxLength() + " bytes.";
            case SECTORS ->
                "No " + names(rule) + " was for "
                        + match.range().map(Match.Range::toString).orElse("its range") + ".";
            case NO_FUA -> "No flush and no write with FUA has come.";
            case FREES -> "No " + names(rule) + " that needs space has come.";
            case SINCE_MARK ->
                "None came after the mark \"" + match.sinceMark().orElse("") + "\", or it was never set.";
            case UNTIL_MARK -> "All came after the mark \"" + match.untilMark().orElse("") + "\".";
            case FLUSH_EPOCH -> "None came after flush " + match.fromFlushEpoch() + ".";
            case PREDICATE ->
                match.file().isPresent()
                        ? "Of " + asked + " requests (" + names(rule) + ") none was on file "
                                + match.file().get()
                                + (match.operations().contains(Operation.WRITE)
                                        ? ": the page cache may not have written it yet."
                                        : ".")
                        : "Its predicate was asked " + asked + (asked == 1 ? " time" : " times")
                                + " and was never true.";
            case NOTHING_LEFT ->
                "Other rules had acted on what it matched, or there was nothing in it that it could act on.";
            case AFTER -> matches + " matched, and it skips the first " + match.after() + ".";
            case PROBABILITY -> matches + " matched, and none was drawn.";
            case NOT_DONE ->
                rule.action() instanceof Action.Full
                        ? "There was space for all that was written."
                        : matches + " matched, and what it was to do did not happen.";
        };
    }

    private static String names(FaultRule rule) {
        Set<Operation> operations = rule.operations();
        return operations.size() == Operation.values().length
                ? "request"
                : operations.stream()
                        .filter(operation ->
                                !operation.isZoned() || !rule.match().isAny())
                        .map(Enum::name)
                        .collect(Collectors.joining(" or "));
    }
}
