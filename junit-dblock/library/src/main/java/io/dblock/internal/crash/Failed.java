// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

/**
 * A state that failed.
 *
 * @param text all that there is to say
 * @param cause what the check has thrown
 */
public record Failed(String text, Throwable cause) {}
