// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import io.dblock.fault.Action;
import io.dblock.handler.Errno;
import io.dblock.handler.Operation;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A fault to try: one request of a workload fails, or all of its kind from there on. The {@linkplain #id id} has all of it.
 *
 * @param operation what the request asks for
 * @param number which one of these it is, counted from 1
 * @param errno what it fails with
 * @param forGood whether all later ones fail, too
 */
record FaultPoint(Operation operation, int number, Errno errno, boolean forGood) {
    /** What can fail, the most telling first. */
    static final List<Operation> OPERATIONS =
            List.of(Operation.FLUSH, Operation.WRITE, Operation.DISCARD, Operation.WRITE_ZEROES, Operation.READ);

    private static final Pattern ID = Pattern.compile("([a-z_]+)\\.(\\d{1,9})\\.([A-Z]+)\\.(once|forgood)");

    /** Throws an IllegalArgumentException unless these can fail. */
    static void checkOperations(Collection<Operation> operations) {
        if (operations.isEmpty() || !OPERATIONS.containsAll(operations)) {
            throw new IllegalArgumentException(
                    "The operations are " + operations + ". Allowed: some of " + OPERATIONS + ".");
        }
    }

    /** Throws an IllegalArgumentException unless requests can fail with these. */
    static void checkErrors(Collection<Errno> errors) {
        if (errors.isEmpty() || !Action.ERRORS.containsAll(errors)) {
            throw new IllegalArgumentException(
                    "The errors are " + errors + ". Allowed: some of " + Action.ERRORS + ".");
        }
    }

    String id() {
        return operation.name().toLowerCase(Locale.ROOT) + "." + number + "." + errno + "."
                + (forGood ? "forgood" : "once");
    }

    /**
     * Returns the fault with this id.
     *
     * @throws IllegalArgumentException if it is not an id
     */
    static FaultPoint parse(String id) {
        Matcher matcher = ID.matcher(id.strip());
        if (matcher.matches()) {
            for (Operation operation : OPERATIONS) {
                for (Errno errno : Action.ERRORS) {
                    int number = Integer.parseInt(matcher.group(2));
                    FaultPoint fault = new FaultPoint(
                            operation, number, errno, matcher.group(4).equals("forgood"));
                    if (number > 0 && fault.id().equals(id.strip())) {
                        return fault;
                    }
                }
            }
        }
        throw new IllegalArgumentException("The fault is \"" + id
                + "\". Allowed: what a failed fault test has named, such as flush.3.EIO.once, of "
                + OPERATIONS.stream()
                        .map(operation -> operation.name().toLowerCase(Locale.ROOT))
                        .toList()
                + " and " + Action.ERRORS + ".");
    }

    /** Returns the fault in words. */
    @Override
    public String toString() {
        return operation + " number " + number + (forGood ? " and all later ones fail with " : " fails with ") + errno;
    }
}
