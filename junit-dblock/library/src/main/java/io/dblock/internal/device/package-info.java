// SPDX-License-Identifier: Apache-2.0
/**
 * A device in the test's JVM: made, formatted, mounted, watched and torn down, with what crashed runs have left. It knows
 * {@code server} and {@code remote}, and implements the API of {@code io.dblock}.
 */
package io.dblock.internal.device;
