// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** What becomes of a test whose device cannot be made because the kernel module is unavailable. */
public enum WhenUnavailable {
    /** As {@value DblockParameters#UNAVAILABLE} says, and if that is not set, {@link #FAIL}. */
    DEFAULT,
    /** It fails, with what was tried, why that was not possible, and the command that mends it. */
    FAIL,
    /** It is skipped (aborted), for the same reason. */
    SKIP
}
