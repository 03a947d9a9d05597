// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.journal;

import io.dblock.handler.Errno;
import java.util.List;

/**
 * The result of a request.
 *
 * @param parts from its start to its end, in multiples of the logical block; for a flush, one part of length 0
 * @param rules the names of the fault rules that acted on it, in order; empty if none
 */
public record Answer(List<Part> parts, List<String> rules) {

    /** Copies the lists. */
    public Answer {
        parts = List.copyOf(parts);
        rules = List.copyOf(rules);
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("An answer has at least one part.");
        }
    }

    /**
     * A part of a request.
     *
     * @param length bytes
     * @param errno the error of the part; null if it succeeded
     */
    public record Part(long length, Errno errno) {}

    /** Returns the answer that gives the whole request this result. */
    public static Answer all(long length, Errno errno, List<String> rules) {
        return new Answer(List.of(new Part(length, errno)), rules);
    }

    /** Returns the first error; null if all parts succeeded. */
    public Errno firstError() {
        for (Part part : parts) {
            if (part.errno() != null) {
                return part.errno();
            }
        }
        return null;
    }
}
