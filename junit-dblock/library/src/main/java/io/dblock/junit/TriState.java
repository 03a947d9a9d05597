// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** A boolean attribute of {@link DblockDevice} that may be left to a configuration parameter. */
public enum TriState {
    /** The configuration parameter applies, otherwise the documented default of the attribute. */
    DEFAULT,
    /** True, whatever the configuration parameter says. */
    TRUE,
    /** False, whatever the configuration parameter says. */
    FALSE
}
