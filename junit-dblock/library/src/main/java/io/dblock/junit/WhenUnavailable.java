// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** What happens to a test whose device cannot be made because the kernel module is not available. */
public enum WhenUnavailable {
    /** The configuration parameter {@value DblockParameters#UNAVAILABLE} applies, otherwise {@link #FAIL}. */
    DEFAULT,
    /** The test fails. The message says what was tried, why it was not possible, and which command fixes it. */
    FAIL,
    /** The test is skipped (aborted), with the same message. */
    SKIP
}
