// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import java.util.Optional;

/** Tries one case after the other: a state, or a fault. One thread at a time uses it. */
public interface Search extends AutoCloseable {

    /** Returns the next case, its id and then words; the same one until it is checked or left. Empty if there is none, or no time. */
    Optional<String> next();

    /** Checks the case that {@link #next()} has returned. */
    Optional<Failed> check();

    /** Leaves out the case that {@link #next()} has returned. */
    void leave();

    /** Checks the case with this id, and no other. */
    Optional<Failed> check(String id);

    @Override
    void close();
}
