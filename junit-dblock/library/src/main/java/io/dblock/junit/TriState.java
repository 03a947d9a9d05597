// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

/** Whether something is so, for attributes of {@link DblockDevice} that a configuration parameter can stand in for. */
public enum TriState {
    /** As the configuration parameter says; without it, as the attribute documents. */
    DEFAULT,
    /** It is, whatever the configuration parameter says. */
    TRUE,
    /** It is not, whatever the configuration parameter says. */
    FALSE
}
