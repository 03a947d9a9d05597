// SPDX-License-Identifier: Apache-2.0
/**
 * Crash tests: from recorded requests to the states that a power cut can leave, and their checks. {@link
 * io.dblock.internal.crash.CrashLog} and what it names is plain logic, without a device.
 */
package io.dblock.internal.crash;
