// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.ByteSize;
import io.dblock.fault.Action;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Match;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Makes the rules of {@link DblockFault} annotations. */
final class FaultRules {
    private static final Pattern SECTORS = Pattern.compile("([0-9]{1,18})(?: ?- ?([0-9]{1,18}))?");
    private static final Pattern BYTES = Pattern.compile("([^+]+)\\+([^+]+)");

    private FaultRules() {}

    /**
     * Returns the rules of these annotations, in order.
     *
     * @throws IllegalArgumentException if a value is not allowed; the message names the annotation
     */
    static List<FaultRule> of(List<DblockFault> annotations) {
        return annotations.stream().map(FaultRules::of).toList();
    }

    private static FaultRule of(DblockFault fault) {
        try {
            return new FaultRule(
                    fault.name(), match(fault), new Action.Fail(fault.errno()), fault.lenient(), false, false);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    (fault.name().isEmpty() ? "@DblockFault" : "@DblockFault \"" + fault.name() + "\"") + ": "
                            + e.getMessage(),
                    e);
        }
    }

    private static Match match(DblockFault fault) {
        Match match = fault.on().length == 0 ? Match.any() : Match.on(fault.on());
        if (!fault.sectors().isEmpty() && !fault.bytes().isEmpty()) {
            throw new IllegalArgumentException("sectors is \"" + fault.sectors() + "\" and bytes is \"" + fault.bytes()
                    + "\". Allowed: one of them.");
        }
        if (!fault.sectors().isEmpty()) {
            Matcher sectors = SECTORS.matcher(fault.sectors().strip());
            if (!sectors.matches()) {
                throw new IllegalArgumentException("sectors is \"" + fault.sectors()
                        + "\". Allowed: the first and the last sector, such as \"8-15\", or one, such as \"8\".");
            }
            long first = Long.parseLong(sectors.group(1));
            match = match.withSectors(first, sectors.group(2) == null ? first : Long.parseLong(sectors.group(2)));
        }
        if (!fault.bytes().isEmpty()) {
            Matcher bytes = BYTES.matcher(fault.bytes());
            if (!bytes.matches()) {
                throw new IllegalArgumentException(
                        "bytes is \"" + fault.bytes() + "\". Allowed: an offset and a length, such as \"4KiB+512\".");
            }
            match = match.withRange(new Match.Range(ByteSize.parse(bytes.group(1)), ByteSize.parse(bytes.group(2))));
        }
        if (!fault.file().isEmpty()) {
            match = match.withFile(fault.file());
        }
        if (fault.flags().length > 0) {
            match = match.withFlags(Set.of(fault.flags()));
        }
        match = match.withAfter(fault.after()).withProbability(fault.probability());
        if (fault.times() != Long.MAX_VALUE) {
            match = match.withTimes(fault.times());
        }
        if (!fault.sinceMark().isEmpty()) {
            match = match.withSinceMark(fault.sinceMark());
        }
        return fault.untilMark().isEmpty() ? match : match.withUntilMark(fault.untilMark());
    }
}
