// SPDX-License-Identifier: Apache-2.0
/**
 * Watches for requests that nobody answers, and reports what every process involved was doing. The package knows
 * {@code kernel} and the names of operations in {@code journal}, and nothing of the code that serves devices.
 */
package io.dblock.internal.watchdog;
