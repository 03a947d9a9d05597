// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

/**
 * A state that failed.
 *
 * @param id of the state, or of the fault before it
 * @param lostWrites how many writes the cut loses, whole or in part
 * @param text all that there is to say
 * @param cause what the check has thrown
 */
public record Failed(String id, int lostWrites, String text, Throwable cause) {}
