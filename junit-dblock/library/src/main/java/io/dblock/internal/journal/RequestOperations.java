// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.Operation;
import io.dblock.internal.kernel.Batch;
import java.util.List;

/** Converts the operations of requests from and to the numbers of the module, {@code OP_} of {@link Batch}. */
public final class RequestOperations {
    /** The order of the constants is that of the numbers. */
    private static final List<Operation> BY_NUMBER = List.of(Operation.values());

    private RequestOperations() {}

    /** Returns whether there is an operation with this number. */
    public static boolean isKnown(int number) {
        return number >= 0 && number < BY_NUMBER.size();
    }

    /**
     * Returns the operation with this number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Operation of(int number) {
        if (!isKnown(number)) {
            throw new IllegalArgumentException(
                    "There is no operation " + number + ". Allowed: 0 to " + (BY_NUMBER.size() - 1) + ".");
        }
        return BY_NUMBER.get(number);
    }

    /** Returns the number of an operation. */
    public static int number(Operation operation) {
        return BY_NUMBER.indexOf(operation);
    }
}
