// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** When the journal of a device, a picture of it, its seed and its fault rules are written to files. */
public enum Artifacts {
    /** As the configuration parameter {@value DblockParameters#ARTIFACTS} says; without it, {@link #ON_FAILURE}. */
    DEFAULT,
    /** If the test failed; of a device that lives as long as its class, if one of the class's tests did. */
    ON_FAILURE,
    /** After every test. */
    ALWAYS,
    /** Not at all. */
    NEVER
}
