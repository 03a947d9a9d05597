// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** When the journal of a device, a picture of it, its seed and its fault rules are written to files. */
public enum Artifacts {
    /** The configuration parameter {@value DblockParameters#ARTIFACTS} applies, otherwise {@link #ON_FAILURE}. */
    DEFAULT,
    /** If the test failed; for a device that lives as long as its class, if any test of the class failed. */
    ON_FAILURE,
    /** After every test. */
    ALWAYS,
    /** Never. */
    NEVER
}
